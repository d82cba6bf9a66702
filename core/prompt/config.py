"""The prompt config: what shapes a prompt besides the conversation. It travels with every adapter."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import get_args

from core.errors import InputError
from core.messages import Role, Turn
from core.prompt.context import CONTEXT_PARTS
from core.prompt.template_names import AUTO, LONGEST_JINJA
from core.text import Text, language_of

YOU = Text("You", "あなた")


def user_name(text: str) -> str:
    """What the other side is called in prompts where nobody named it, by the language of the persona's `text`."""
    return YOU.in_language(language_of(text))


@dataclass(frozen=True)
class PromptConfig:
    """Everything that shapes a prompt besides the conversation itself. Saved beside every adapter."""

    persona: str
    """The persona's name."""
    description: str = ""
    """Who the persona is: the system text."""
    reply_format: str = ""
    """How a reply has to look; stands behind the description, and no more than it ever falls out."""
    user: str = "User"
    """The other side's name, for templates that print names."""
    examples: tuple[Turn, ...] = ()
    """Exchanges that show how the persona talks; the first to go when the window is full."""
    parts: tuple[str, ...] = ()
    """Which parts of a `RetrievedContext` a prompt may carry; a trained adapter names those its rows had."""
    template: str = AUTO
    """Which chat template, by name or as Jinja text of one's own; see `core.prompt.chat_template.resolve_template`. A
    trained adapter names a definite one."""
    separator: str = "\n"
    """Between the messages of one turn."""
    opening: str = "…"
    """Said for the user where the persona speaks first and somebody has to speak before it."""
    context_window: int = 1024
    """Tokens the prompt and the reply share."""
    reply_reserve: int = 200
    """Tokens of the window kept free for the reply."""

    def with_system(self, text: str) -> "PromptConfig":
        """With another description, as a row has it that brings its own system text; "" changes nothing."""
        return replace(self, description=text) if text else self

    def to_json(self) -> dict:
        """Plain values, as in `prompt_config.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict) -> "PromptConfig":
        """The inverse of `to_json`; keys of later versions are ignored. Raises InputError if it is invalid."""
        try:
            known = {field.name: value[field.name] for field in fields(cls) if field.name in value}
            known["examples"] = tuple(
                Turn(turn["role"], tuple(turn["messages"]), turn.get("name")) for turn in value.get("examples", ())
            )
            known["parts"] = tuple(value.get("parts", ()))
            prompt_config = cls(**known)
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise _no_prompt_config(f"{type(error).__name__}: {error}") from error
        for name, fits in FITS.items():
            if not fits(getattr(prompt_config, name)):
                raise _no_prompt_config(f"{name} = {getattr(prompt_config, name)!r}")
        return prompt_config


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_turns(value: tuple[Turn, ...]) -> bool:
    texts = (text for turn in value for text in (*turn.messages, turn.name or ""))
    return all(turn.role in get_args(Role) for turn in value) and all(map(_is_text, texts))


# What each field may be: a prompt config can come from the Hub, or from somebody's editor.
FITS: dict[str, Callable[..., bool]] = {
    **dict.fromkeys(("persona", "description", "reply_format", "user", "opening"), _is_text),
    "template": lambda value: _is_text(value) and len(value) <= LONGEST_JINJA + 200,  # with the line that names it
    "separator": lambda value: _is_text(value) and value != "",
    "examples": _is_turns,
    "parts": lambda value: all(part in CONTEXT_PARTS for part in value),
    "context_window": lambda value: type(value) is int and value > 0,
    "reply_reserve": lambda value: type(value) is int and value >= 0,
}


def _no_prompt_config(reason: str) -> InputError:
    return InputError(
        f"The prompt config cannot be used: {reason[:120]}. Mend prompt_config.json, or remove it.",
        f"プロンプトの取り決めを読めません: {reason[:120]}。prompt_config.json を直すか、取り除いてください。",
    )
