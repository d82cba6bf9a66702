"""A persona: who one talks with, how it starts, and how it samples."""

from dataclasses import dataclass, field, replace

from core.messages import Role, Turn
from core.models.sampling import Sampling
from core.personas.lorebook import Lorebook
from core.personas.macros import expand
from core.prompt import PromptConfig
from core.prompt.context import CONTEXT_PARTS


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
    greetings: tuple[str, ...] = ()
    """Other first words to choose from."""
    examples: tuple[Turn, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    user: str = "User"
    built_in: bool = False
    typing: float = 0.0
    """Letters a second from one of its messages to the next, as in its log; 0 where that is not known."""
    book: Lorebook = field(default_factory=Lorebook)
    """What comes to its mind when certain words are said."""
    card: dict = field(default_factory=dict, compare=False)
    """The character card it came from, with the fields that have no use here."""

    def with_macros_expanded(self, seed: str) -> "Persona":
        """With the macros of character cards replaced; the same seed, a conversation's, gives the same words."""

        def plain(text: str) -> str:
            return expand(text, char=self.name, user=self.user, seed=seed)

        return replace(
            self,
            description=plain(self.description),
            greeting=plain(self.greeting),
            greetings=tuple(map(plain, self.greetings)),
            examples=tuple(replace(turn, messages=tuple(map(plain, turn.messages))) for turn in self.examples),
            book=self.book.with_texts(plain),
        )

    def prompt_config(self, context_window: int, *, template: str = "auto") -> PromptConfig:
        """The prompt config for talking with this persona on a model with that window (tokens).

        The reply keeps at most half the window, so that a short window still holds a conversation.
        """
        return PromptConfig(
            persona=self.name,
            description=self.description,
            user=self.user,
            examples=self.examples,
            parts=CONTEXT_PARTS,
            template=template,
            context_window=context_window,
            reply_reserve=min(self.sampling.max_new_tokens, context_window // 2),
        )


def parse_examples(text: str) -> tuple[Turn, ...]:
    """Example exchanges as a person types them: "> what is said to it", then the persona's lines.

    >>> parse_examples("> hi\\nhello\\nyou!")  # doctest: +ELLIPSIS
    (Turn(role='user', messages=('hi',), ...), Turn(role='assistant', messages=('hello', 'you!'), ...))
    """
    said: list[tuple[Role, list[str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        role: Role = "user" if line[0] in ">＞" else "assistant"
        words = line[1:].strip() if role == "user" else line
        if words and said and said[-1][0] == role:
            said[-1][1].append(words)
        elif words:
            said.append((role, [words]))
    return tuple(Turn(role, tuple(messages)) for role, messages in said)


def format_examples(turns: tuple[Turn, ...]) -> str:
    """The inverse of `parse_examples`; a message of several lines becomes several messages."""
    lines = [
        ("> " if turn.role == "user" else "") + line
        for turn in turns
        for text in turn.messages
        for line in text.splitlines()
    ]
    return "\n".join(lines)
