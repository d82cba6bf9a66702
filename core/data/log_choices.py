"""What a person decided about a log that is open; kept on disk by `core.data.io.open_logs`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from core.data.edits import Edit
from core.data.io.export import PreambleKind
from core.data.prepare import DEFAULT_RECIPE
from core.data.recipe import Recipe
from core.prompt.template_names import AUTO
from core.stored import parse


@dataclass(frozen=True)
class LogChoices:
    """What a visitor decided about a log. Empty values leave the choice to the app."""

    file: str
    """The first file's name in the owner's store; also the log's id on the page."""
    name: str
    """What the visitor calls the file."""
    more: tuple[tuple[str, str], ...] = ()
    """Further files, newer exports or other chats: (its file in the store, as the visitor calls it)."""
    format: str = ""
    names: tuple[str, ...] = ()
    date_order: str = ""
    columns: tuple[str, ...] = ()
    conversations: tuple[str, ...] = ()
    presumed: tuple[str, ...] | None = None
    """Which sentences are the app's own; None for all that a rule takes for such."""
    zone: str = ""
    """Where people were, for a file in UTC."""
    persona: str = ""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Written by the visitor, for each speaker who was the persona for a while."""
    recipe: Recipe = DEFAULT_RECIPE
    preamble_kind: PreambleKind = "none"
    """What is said to the persona before the other side's first words of a row."""
    budget: int = 0
    template: str = AUTO
    """In which chat template rows are measured and shown; that of the model's talks."""
    edits: tuple[Edit, ...] = ()
    """By hand, in their order."""

    @property
    def reading(self) -> tuple:
        """The part that decides how the file is read."""
        answers = (self.names, self.date_order, self.columns, self.conversations, self.presumed, self.zone)
        return self.files, self.format, *answers

    @property
    def files(self) -> tuple[str, ...]:
        """All that lie in the store for this log."""
        return self.file, *(file for file, _ in self.more)

    @classmethod
    def from_json(cls, value: dict) -> "LogChoices":
        """The inverse of `asdict` through JSON; keys of other versions are left aside.

        Raises TypeError, KeyError or InputError for something else.
        """
        known: dict[str, Any] = {field.name: value[field.name] for field in fields(cls) if field.name in value}
        known |= {name: tuple(known.get(name, ())) for name in ("names", "columns", "conversations")}
        known["presumed"] = None if known.get("presumed") is None else tuple(map(str, known["presumed"]))
        known["more"] = tuple((str(file), str(name)) for file, name in value.get("more", ()))
        known["edits"] = tuple(parse(Edit, edit) for edit in value.get("edits", ()))
        known["recipe"] = Recipe.from_json(value.get("recipe") or {})
        return cls(**known)
