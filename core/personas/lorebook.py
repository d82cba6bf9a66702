"""The character book of a persona: entries that enter the prompt when their words come up in the talk.

The shape is that of character cards (V2 `character_book`, V3 lorebooks) and of SillyTavern's world info. The
raw entries are kept beside what is understood of them, so that nothing is lost when a card is written again.
`activation` says which entries enter, `lorebook_file` reads and writes them, `lorebook_text` is how people edit them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from core.messages import Role

SCAN_DEPTH = 4  # messages that are searched where the book does not say
ENTRY_DEPTH = 4  # messages that stand behind an entry whose place is at a depth, where it does not say
FOREVER = 1_000_000_000  # messages

Logic = Literal["and_any", "and_all", "not_any", "not_all"]
"""What has to hold of the secondary keys: one comes up, all do, none does, not all do."""
Position = Literal["", "before_char", "after_char", "note_top", "note_bottom", "at_depth"]
"""Where an entry stands: among what is known (""), before or behind the description, at the author's note, or before
the newest `depth` messages."""


@dataclass(frozen=True)
class LorebookEntry:
    """Something both know, and the words that bring it to mind."""

    keys: tuple[str, ...]
    content: str
    name: str = ""
    enabled: bool = True
    constant: bool = False
    """Always in the prompt, whatever was said."""
    order: int = 100
    """Lower stands higher among entries that come in together."""
    priority: int = 100
    """The lowest goes first when there is no room for all."""
    secondary: tuple[str, ...] = ()
    """Further keys, of which `logic` says what has to hold."""
    logic: Logic = "and_any"
    is_regex: bool = False
    """The keys are patterns even where they are not written between slashes."""
    case_sensitive: bool = False
    whole_words: bool = False
    """A key may not stand inside a longer word, where its script has spaces between words."""
    excluded: tuple[str, ...] = ()
    """None of these may come up."""
    scan_depth: int | None = None
    probability: float = 100.0
    """Percent; drawn once for each place in a talk."""
    not_before: int = 0
    """Replies of the persona before it may come in."""
    every: int = 1
    """It may come in only every this many replies."""
    delay: int = 0
    """Messages in the talk before it may come in."""
    sticky: int = 0
    """Messages that it stays for once it came in."""
    cooldown: int = 0
    """Messages that it stays away for after that."""
    exclude_recursion: bool = False
    """Other entries do not bring it in."""
    prevent_recursion: bool = False
    """It brings no other entry in."""
    recursion_level: int = 0
    """Only other entries bring it in, those of lower levels first; 0: the talk does, too."""
    groups: tuple[str, ...] = ()
    """Of the entries of one group one comes in: by `group_override` the highest in order, else drawn by weight."""
    group_override: bool = False
    group_weight: int = 100
    position: Position = ""
    depth: int = ENTRY_DEPTH
    role: Role | Literal["system"] = "system"
    """Who says it where its place is at a depth."""
    raw: dict = field(default_factory=dict, compare=False)
    """The entry as a card wrote it."""


@dataclass(frozen=True)
class Lorebook:
    """The entries of a persona."""

    entries: tuple[LorebookEntry, ...] = ()
    scan_depth: int = SCAN_DEPTH
    recursive: bool = False
    token_budget: int | None = None
    """Tokens of all entries that come in together; None: only the prompt's own budget holds."""
    raw: dict = field(default_factory=dict, compare=False)
    """The book as a card wrote it, without its entries."""

    def with_texts(self, change: Callable[[str], str]) -> "Lorebook":
        """With `change` made to every content and every key; `raw` stays."""

        def words(keys: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(change(key) if "{{" in key or "<" in key else key for key in keys)

        return replace(self, entries=tuple(
            replace(entry, content=change(entry.content), keys=words(entry.keys), secondary=words(entry.secondary),
                    excluded=words(entry.excluded))
            for entry in self.entries
        ))  # fmt: skip


NO_LOREBOOK = Lorebook()
