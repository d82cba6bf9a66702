"""Where personas are kept: the built-in ones, and each owner's own."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path

from core.errors import InputError
from core.files import read_json, safe_name, write_bytes, write_json
from core.messages import Turn
from core.models.sampling import Sampling
from core.personas.lengths import LONGEST_DESCRIPTION, check_lengths
from core.personas.lorebook_file import book_from, book_to_json
from core.personas.persona import Persona
from core.prompt.config import YOU
from core.recent import FileState, Recent
from core.stored import DamagedError, parse, readable, reading
from core.workspace import Workspace

MOST_BYTES = 20_000_000  # of files whose personas are kept in memory
MOST_KNOWN = 20_000  # entries of lists: names and short lines
BUILT_IN = Path(__file__).parents[2] / "datasets" / "personas"


def check_description(text: str) -> str:
    """`text` without white ends. Raises InputError when it is too long to describe a persona."""
    if len(text) > LONGEST_DESCRIPTION:
        raise InputError(
            f"The description has {len(text):,} characters; {LONGEST_DESCRIPTION:,} are allowed.",
            f"説明が {len(text):,} 文字あります。{LONGEST_DESCRIPTION:,} 文字までにしてください。",
        )
    return text.strip()


@dataclass(frozen=True)
class PersonaEntry:
    """A persona as a list shows it."""

    id: str
    name: str
    summary: str
    built_in: bool

    @classmethod
    def of(cls, persona: Persona) -> "PersonaEntry":
        return cls(persona.id, persona.name, persona.summary, persona.built_in)


@dataclass(frozen=True)
class Personas:
    """The built-in personas, and each owner's own."""

    workspace: Workspace
    _read: Recent[Persona] = field(default_factory=lambda: Recent(MOST_BYTES, _size), repr=False, compare=False)
    _entries: Recent["PersonaEntry"] = field(default_factory=lambda: Recent(MOST_KNOWN), repr=False, compare=False)

    def entries(self, owner: str, language: str) -> "list[PersonaEntry]":
        """An owner's own, newest first, then the built-in ones; those written in `language` lead."""
        own, _ = readable(self._ids(owner), lambda one: self._entry(owner, one))
        return own + [PersonaEntry.of(persona) for persona in built_in(language)]

    def damaged(self, owner: str) -> "list[DamagedError]":
        """What `entries` leaves out."""
        return readable(self._ids(owner), lambda one: self._entry(owner, one))[1]

    def _entry(self, owner: str, persona_id: str) -> "PersonaEntry":
        known = self._entries.get(self._path(owner, persona_id))
        return known or PersonaEntry.of(self._own(owner, persona_id))

    def _ids(self, owner: str) -> "list[str]":
        return [name[:-5] for name in self.workspace.names(owner, "personas") if name.endswith(".json")]

    def get(self, owner: str, persona_id: str, language: str) -> Persona:
        """The persona with this id. Raises InputError when there is none, DamagedError when it cannot be read."""
        for persona in built_in(language):
            if persona.id == persona_id:
                return persona
        try:
            return self._own(owner, persona_id)
        except FileNotFoundError:
            raise InputError(
                f"There is no persona “{persona_id}” any more. Choose another one.",
                f"人格「{persona_id}」はもうありません。ほかの人格を選んでください。",
            ) from None

    def _own(self, owner: str, persona_id: str) -> Persona:
        path = self._path(owner, persona_id)
        if (known := self._read.get(path)) is not None:
            return known
        state = FileState.of(path)
        with reading(path):
            persona = persona_from_json(read_json(path) | {"id": persona_id})
        self._read.put(path, state, persona)
        self._entries.put(path, state, PersonaEntry.of(persona))
        return persona

    def _path(self, owner: str, persona_id: str) -> Path:
        return self.workspace.place(owner, "personas", f"{persona_id}.json")

    def save(self, owner: str, persona: Persona) -> Persona:
        """Store a persona under its id; a built-in or new one is stored as a new one. Returns it with its id."""
        if not persona.name.strip():
            raise InputError("The persona has no name. Give it one.", "人格に名前がありません。名前をつけてください。")
        check_lengths(persona)
        own_id = persona.id if persona.id and not persona.built_in else ""
        own_id = own_id or f"{safe_name(persona.name, 'persona')}-{uuid.uuid4().hex[:6]}"
        stored = replace(persona, id=own_id, name=persona.name.strip(), built_in=False)
        write_json(self._path(owner, own_id), persona_to_json(stored))
        if own_id != persona.id and (picture := self.picture(owner, persona.id)):
            self.save_picture(owner, own_id, picture.read_bytes())
        return stored

    def delete(self, owner: str, persona_id: str) -> None:
        """Remove an owner's own persona with its picture; a built-in one stays."""
        for ending in ("json", "png"):
            self.workspace.place(owner, "personas", f"{persona_id}.{ending}").unlink(missing_ok=True)

    def picture(self, owner: str, persona_id: str) -> Path | None:
        """The PNG of a persona, its own or a built-in one's; None where it has none."""
        if not persona_id:
            return None
        own = self.workspace.place(owner, "personas", f"{persona_id}.png")
        return next((path for path in (own, BUILT_IN / own.name) if path.is_file()), None)

    def save_picture(self, owner: str, persona_id: str, picture: bytes) -> None:
        """Keep a PNG (`core.personas.picture.portrait` makes one of any picture) with an owner's persona."""
        write_bytes(self.workspace.place(owner, "personas", f"{persona_id}.png"), picture)


def _size(_: Persona, state: FileState) -> int:
    return state.size


@cache
def built_in(language: str) -> tuple[Persona, ...]:
    """The personas that come with the app; those written in `language` lead, the easiest for a small model first."""
    found: list[tuple[bool, int, Persona]] = []
    for path in sorted(BUILT_IN.glob("*.json")):
        value = json.loads(path.read_text(encoding="utf-8"))
        written = language if language in value["texts"] else next(iter(value["texts"]))
        texts = dict(value["texts"][written])
        examples = tuple(
            turn
            for example in texts.pop("examples", ())
            for turn in (Turn("user", (example["user"],)), Turn("assistant", tuple(example["persona"])))
        )
        openers = tuple(texts.pop("openers", ()))
        persona = Persona(
            **texts, openers=openers, examples=examples, id=value["id"], user=YOU.in_language(written),
            sampling=Sampling(**value.get("sampling", {})), built_in=True,
        )  # fmt: skip
        found.append((written != language, value["place"], persona))
    return tuple(persona for *_, persona in sorted(found, key=lambda one: one[:2]))


def persona_to_json(persona: Persona) -> Mapping[str, object]:
    """A persona as its file holds it, without its id: that is the file's name."""
    value = {name: v for name, v in asdict(persona).items() if name not in ("id", "built_in", "user_about")}
    return value | {"book": book_to_json(persona.book)}


def persona_from_json(value: dict) -> Persona:
    """The inverse of `persona_to_json`. Raises ValueError where it is none."""
    read = parse(Persona, {**value, "book": book_from(value.get("book") or {}), "built_in": False})
    if not read.name.strip():
        raise ValueError("name: it is empty")
    return read
