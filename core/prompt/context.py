"""What a prompt may carry besides its persona and the conversation: lines looked up for it, and texts with a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from core.messages import Role, Turn
from core.text import is_japanese


@dataclass(frozen=True)
class RetrievedContext:
    """Lines of text for the next reply. How many of them fit is the prompt's business (`core.prompt`)."""

    knowledge: tuple[str, ...] = ()
    """What both know at any time: notes, the character book, passages of documents. Most important first."""
    timeline: tuple[str, ...] = ()
    """What happened when, dated, oldest first."""
    recalled: tuple[str, ...] = ()
    """Words of old turns that bear on what was just said, dated. Most relevant first."""


PlacedPart = Literal["user", "lorebook", "depth_prompt", "note", "post_history"]
PLACED_PARTS: tuple[PlacedPart, ...] = get_args(PlacedPart)


@dataclass(frozen=True)
class PlacedText:
    """A text that stands where its author wants it: at the description, or before the newest messages."""

    part: PlacedPart
    text: str
    place: Literal["before_persona", "after_persona", "at_depth"] = "at_depth"
    depth: int = 0
    """Messages that stand behind it; 0: it is the last that is said."""
    role: Role | Literal["system"] = "system"
    """Who says it at a depth. What the system says stands in brackets in the user's words: few templates know a system
    in the middle of a talk."""
    priority: int = 0
    """Of the lorebook's, the lowest goes first when there is no room for all."""


def about_user(name: str, about: str) -> PlacedText:
    """What the one who talks says of themselves, as every prompt holds it: behind the persona's description."""
    heading = f"{name}について" if is_japanese(about) else f"About {name}"
    return PlacedText("user", f"{heading}: {about.strip()}" if about.strip() else "", place="after_persona")


def about_group(name: str, others: Sequence[str], *, japanese: bool) -> str:
    """Who takes part in a talk of several, and whose words alone are to be written."""
    if japanese:
        return f"{'、'.join(others)}と一緒に話しています。{name}のことばだけを書いてください。"
    return f"You are talking with {', '.join(others)}. Write only the words of {name}."


def for_next_reply(instruction: str, *, japanese: bool) -> PlacedText:
    """What is wished of the next reply, behind everything that was said."""
    said = f"次の返事について: {instruction}" if japanese else f"About the next reply: {instruction}"
    return PlacedText("note", said)


def about_speaking_as(user: str, persona: str, about: str, *, japanese: bool) -> str:
    """The description of the user, where their words are to be written for them."""
    if japanese:
        said = f"あなたは{user}です。{persona}とチャットで話しています。{user}が次に送る短いメッセージだけを書きます。"
    else:
        said = f"You are {user}, chatting with {persona}. Write only the next short message that {user} sends."
    return f"{said}\n{about.strip()}".strip()


def index_at_depth(turns: Sequence[Turn], depth: int) -> int:
    """Before which of `turns` a text stands that has at least `depth` messages behind it; len(turns): behind all."""
    behind, at = 0, len(turns)
    while at > 0 and behind < depth:
        at -= 1
        behind += len(turns[at].messages)
    return at


ContextPart = Literal["knowledge", "timeline", "recalled"]
CONTEXT_PARTS: tuple[ContextPart, ...] = get_args(ContextPart)
"""The fields of RetrievedContext."""
NO_CONTEXT = RetrievedContext()
