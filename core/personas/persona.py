"""A persona: who one talks with, how it starts, and how it samples."""

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Literal

from core.messages import Role, Turn
from core.models.sampling import Sampling
from core.personas.lorebook import Lorebook
from core.personas.macros import Macros
from core.personas.user_profile import UserProfile
from core.personas.voice import ReadingVoice
from core.prompt import PlacedText, PromptConfig
from core.prompt.context import CONTEXT_PARTS, about_user

EVEN = 0.5  # talkativeness of who has none of its own


@dataclass(frozen=True)
class DepthPrompt:
    """A reminder that stands before the newest `depth` messages."""

    text: str = ""
    depth: int = 4
    role: Role | Literal["system"] = "system"


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
    openers: tuple[str, ...] = ()
    """Words that the page suggests to begin with; never part of a prompt."""
    examples: tuple[Turn, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    user: str = "User"
    user_about: str = ""
    """What the one who talks says of themselves: kept with them, never with the persona."""
    built_in: bool = False
    typing: float = 0.0
    """Letters a second from one of its messages to the next, as in its log; 0 where that is not known."""
    voice: ReadingVoice = field(default_factory=ReadingVoice)
    book: Lorebook = field(default_factory=Lorebook)
    """What comes to its mind when certain words are said."""
    depth_prompt: DepthPrompt = field(default_factory=DepthPrompt)
    post_history: str = ""
    """Instructions that stand behind the newest message."""
    card: dict = field(default_factory=dict, compare=False)
    """The character card it came from, with the fields that have no use here."""

    @property
    def talkativeness(self) -> float:
        """How readily it speaks in a group, 0 to 1: as SillyTavern keeps it in a card, else 0.5."""
        data = self.card.get("data")
        extensions = data.get("extensions") if isinstance(data, dict) else None
        try:
            share = float(extensions["talkativeness"]) if isinstance(extensions, dict) else math.nan
        except (KeyError, TypeError, ValueError):
            share = math.nan
        return min(max(share, 0.0), 1.0) if math.isfinite(share) else EVEN

    def macros(self, seed: str, idle: timedelta = timedelta(0)) -> Macros:
        """What replaces the macros of its texts, by the clock of now; `idle`: how long the user was silent."""
        return Macros(self.name, self.user, seed, idle=idle, persona=self.user_about)

    def talking_with(self, profile: UserProfile) -> "Persona":
        """The same, with somebody who has said who they are."""
        return replace(self, user=profile.name or self.user, user_about=profile.about)

    def with_macros_expanded(self, seed: str, idle: timedelta = timedelta(0)) -> "Persona":
        """With the macros of character cards replaced; the same seed, a conversation's, draws the same words."""
        plain = self.macros(seed, idle).expand
        return replace(
            self,
            description=plain(self.description),
            greeting=plain(self.greeting),
            greetings=tuple(map(plain, self.greetings)),
            examples=tuple(replace(turn, messages=tuple(map(plain, turn.messages))) for turn in self.examples),
            depth_prompt=replace(self.depth_prompt, text=plain(self.depth_prompt.text)),
            post_history=plain(self.post_history),
            book=self.book.with_texts(plain),
        )

    @property
    def placed(self) -> tuple[PlacedText, ...]:
        """Its texts with a place of their own among the messages."""
        reminder = self.depth_prompt
        return (
            about_user(self.user, self.user_about),
            PlacedText("depth_prompt", reminder.text, depth=reminder.depth, role=reminder.role),
            PlacedText("post_history", self.post_history),
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
