"""Personas: who one talks with, how it starts, and how it samples."""

import json
import uuid
from dataclasses import asdict, dataclass, field, fields, replace

from core.errors import InputError
from core.layout import TEMPLATES
from core.messages import Turn
from core.prompt import PromptContract
from core.workspace import Workspace, read_json, safe_name, write_json

BUILT_IN = TEMPLATES / "personas"
YOU = {"ja": "あなた", "en": "You"}
LONGEST_DESCRIPTION = 20_000  # characters; what fits the window is the prompt's business


@dataclass(frozen=True)
class Sampling:
    """How replies are drawn. Raises InputError for a value out of bounds."""

    temperature: float = 0.6
    """0 is greedy."""
    top_p: float = 0.95
    min_p: float = 0.05
    repetition_penalty: float = 1.05
    max_new_tokens: int = 200

    def __post_init__(self) -> None:
        for name, (kind, low, high) in BOUNDS.items():
            value = getattr(self, name)
            try:
                number = kind(value)
            except (TypeError, ValueError, OverflowError):
                number = float("nan")
            if not low <= number <= high:
                raise InputError(
                    f"{name} is {value}; it goes from {low} to {high}.",
                    f"{name} が {value} です。{low} から {high} の間にしてください。",
                )
            object.__setattr__(self, name, number)  # a 2 from a file or a slider is no temperature to transformers


BOUNDS = {
    "temperature": (float, 0, 2),
    "top_p": (float, 0.01, 1),
    "min_p": (float, 0, 1),
    "repetition_penalty": (float, 1, 2),
    "max_new_tokens": (int, 1, 4096),
}


@dataclass(frozen=True)
class Persona:
    """One persona in one language. `id` is empty until it is saved."""

    name: str
    description: str
    id: str = ""
    summary: str = ""
    """One short line for the card; never part of a prompt."""
    greeting: str = ""
    """What it says first, word for word. Without one it waits for the user."""
    examples: tuple[Turn, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    user: str = "User"
    built_in: bool = False

    def contract(self, context_window: int, *, template: str = "auto") -> PromptContract:
        """The prompt contract for talking with this persona on a model with that window (tokens).

        The reply keeps at most half the window, so that a short window still holds a conversation.
        """
        return PromptContract(
            persona=self.name,
            description=self.description,
            user=self.user,
            examples=self.examples,
            template=template,
            context_window=context_window,
            reply_reserve=min(self.sampling.max_new_tokens, context_window // 2),
        )


@dataclass(frozen=True)
class Personas:
    """The built-in personas, and each owner's own."""

    workspace: Workspace

    def list(self, owner: str, language: str) -> "list[Persona]":
        """An owner's own, newest first, then the built-in ones; those written in `language` lead."""
        own = [self.get(owner, name.removesuffix(".json"), language)
               for name in self.workspace.names(owner, "personas") if name.endswith(".json")]  # fmt: skip
        return own + built_in(language)

    def get(self, owner: str, persona_id: str, language: str) -> Persona:
        """The persona with this id. Raises InputError when there is none."""
        for persona in built_in(language):
            if persona.id == persona_id:
                return persona
        path = self.workspace.place(owner, "personas", f"{persona_id}.json")
        if not path.is_file():
            raise InputError(
                f"There is no persona “{persona_id}” any more. Choose another one.",
                f"人格「{persona_id}」はもうありません。ほかの人格を選んでください。",
            )
        return _from_json(read_json(path) | {"id": persona_id})

    def save(self, owner: str, persona: Persona) -> Persona:
        """Store a persona under its id; a built-in or new one is stored as a new one. Returns it with its id."""
        if not persona.name.strip():
            raise InputError("The persona has no name. Give it one.", "人格に名前がありません。名前をつけてください。")
        if len(persona.description) > LONGEST_DESCRIPTION:
            raise InputError(
                f"The description has {len(persona.description)} characters; {LONGEST_DESCRIPTION} are allowed.",
                f"説明が {len(persona.description)} 文字あります。{LONGEST_DESCRIPTION} 文字までにしてください。",
            )
        own_id = persona.id if persona.id and not persona.built_in else ""
        own_id = own_id or f"{safe_name(persona.name, 'persona')}-{uuid.uuid4().hex[:6]}"
        stored = replace(persona, id=own_id, name=persona.name.strip(), built_in=False)
        value = {name: v for name, v in asdict(stored).items() if name not in ("id", "built_in")}
        write_json(self.workspace.place(owner, "personas", f"{own_id}.json"), value)
        return stored

    def delete(self, owner: str, persona_id: str) -> None:
        """Remove an owner's own persona; a built-in one stays."""
        self.workspace.place(owner, "personas", f"{persona_id}.json").unlink(missing_ok=True)


def built_in(language: str) -> list[Persona]:
    """The personas that come with the app; those written in `language`, then those that speak first, lead."""
    found: list[tuple[bool, bool, Persona]] = []
    for path in sorted(BUILT_IN.glob("*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        written = language if language in value["texts"] else next(iter(value["texts"]))
        texts = dict(value["texts"][written])
        examples = tuple(
            turn
            for example in texts.pop("examples", ())
            for turn in (Turn("user", (example["user"],)), Turn("assistant", tuple(example["persona"])))
        )
        persona = Persona(
            **texts, examples=examples, id=value["id"], user=YOU[written],
            sampling=Sampling(**value.get("sampling", {})), built_in=True,
        )  # fmt: skip
        found.append((written != language, not persona.greeting, persona))
    return [persona for *_, persona in sorted(found, key=lambda one: one[:2])]


def parse_examples(text: str) -> tuple[Turn, ...]:
    """Example exchanges as a person types them: "> what is said to it", then the persona's lines.

    >>> parse_examples("> hi\\nhello\\nyou!")  # doctest: +ELLIPSIS
    (Turn(role='user', messages=('hi',), ...), Turn(role='assistant', messages=('hello', 'you!'), ...))
    """
    turns: list[Turn] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        role = "user" if line[0] in ">＞" else "assistant"
        words = line[1:].strip() if role == "user" else line
        if words and turns and turns[-1].role == role:
            turns[-1] = Turn(role, (*turns[-1].messages, words))
        elif words:
            turns.append(Turn(role, (words,)))
    return tuple(turns)


def format_examples(turns: tuple[Turn, ...]) -> str:
    """The inverse of `parse_examples`; a message of several lines becomes several messages."""
    lines = [
        ("> " if turn.role == "user" else "") + line
        for turn in turns
        for text in turn.messages
        for line in text.splitlines()
    ]
    return "\n".join(lines)


def _from_json(value: dict) -> Persona:
    known = {f.name for f in fields(Persona)}
    turns = tuple(Turn(t["role"], tuple(t["messages"])) for t in value.get("examples", ()))
    kept = {k: v for k, v in value.items() if k in known}
    return Persona(**kept | {"examples": turns, "sampling": Sampling(**value.get("sampling", {}))})
