"""A plan of dialogues: which simulated user talks with the persona from which opening, and with which models.

A plan is a YAML file and the same plan always gives the same cells. A cell is one dialogue; its id is a digest of all
that decides what is asked of the models, so that what was made is found again, and what was changed is made anew.
"""

import hashlib
import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError
from core.models.sampling import Sampling
from core.personas import Persona
from core.personas.find import find_persona
from core.stored import parse
from core.synth.backends import Backend
from core.synth.people import (
    BUILT_IN_LANGUAGES,
    OpeningQuestion,
    SimulatedUser,
    built_in_file,
    read_openings,
    read_users,
)
from core.text import language_of
from core.train.config.run_file import read_yaml

Language = Literal["ja", "en"]
FirstSpeaker = Literal["persona", "user"]
MOST_EXCHANGES = 100
MOST_DIALOGUES = 100_000
LARGEST_SEED = 2**31 - 1000  # leaves room for one seed a turn
USER_SAMPLING = Sampling(temperature=0.7, top_p=0.95, max_new_tokens=120)


@dataclass(frozen=True)
class Cell:
    """One dialogue of a plan."""

    id: str
    number: int
    """From 0, in the order in which they are made."""
    user: SimulatedUser
    opening: OpeningQuestion
    temperature: float
    """Of the simulated user."""
    seed: int


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """What a plan's file gives as it is."""

    language: Language = "ja"
    dialogues: int = 0
    """How many; 0 is the full grid of users and openings."""
    exchanges: int = 12
    """Turns of the persona; each but its greeting answers the user."""
    first: FirstSpeaker = "persona"
    """persona: its greeting, always the same, stands before the user's opening question. user: the opening does."""
    temperatures: tuple[float, ...] = (0.3, 0.7)
    """Of the simulated users, each in an equal share of the dialogues."""
    seed: int = 0
    who: str = ""
    """Who the persona is in a few words, for the preamble of variants, as in 古代ギリシャの哲学者ソクラテス."""
    rubric: str = ""
    """A file to judge by; "" for the built-in one."""
    persona_backend: Backend = field(default_factory=Backend)
    user_backend: Backend = field(default_factory=Backend)
    judge_backend: Backend = field(default_factory=Backend)


@dataclass(frozen=True)
class Plan(PlanSettings):
    """All that a run of dialogues is made from. Raises InputError for a value that makes no sense."""

    persona: Persona
    users: tuple[SimulatedUser, ...]
    openings: tuple[OpeningQuestion, ...]
    only_first: int = 0
    """Make only so many of its dialogues, a fair sample; 0 for all. The ids are those of the whole plan."""

    def __post_init__(self) -> None:
        for name, low, high in (
            ("dialogues", 0, MOST_DIALOGUES), ("exchanges", 1, MOST_EXCHANGES), ("seed", 0, LARGEST_SEED),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise _wrong(name, getattr(self, name), f"{low}–{high:,}")
        if self.first == "persona" and not self.persona.greeting.strip():
            raise InputError(
                f"“{self.persona.name}” has no first words to begin with. Give it a greeting, or set first: user.",
                f"「{self.persona.name}」には最初のひと言がありません。あいさつを書くか、first: user にしてください。",
            )
        if not self.temperatures or not all(0 <= one <= 2 for one in self.temperatures):
            raise _wrong("temperatures", list(self.temperatures), "0–2")
        for name in ("persona_backend", "user_backend", "judge_backend"):
            backend: Backend = getattr(self, name)
            if backend.kind == "remote" and not (backend.url and backend.model):
                raise _wrong(name, "remote", "url and model")
            if not 1 <= backend.at_once <= 256:
                raise _wrong(f"{name}.at_once", backend.at_once, "1–256")

    @property
    def count(self) -> int:
        """How many dialogues are made."""
        return min(self.only_first or self.planned, self.planned)

    @property
    def planned(self) -> int:
        """How many dialogues it has in all."""
        return self.dialogues or len(self.users) * len(self.openings)

    @property
    def turns(self) -> int:
        """Turns of one whole dialogue, those that are given among them; the persona has the last word."""
        return 2 * self.exchanges - self.given_turns + 1

    @property
    def given_turns(self) -> int:
        """Turns that no model makes: the persona's greeting where it begins, and the opening."""
        return 2 if self.first == "persona" else 1

    def speaks(self, turn: int) -> Literal["persona", "user"]:
        """Whose turn it is, from turn 0 on."""
        return self.first if turn % 2 == 0 else ("user" if self.first == "persona" else "persona")

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every dialogue, in an order that is drawn: what a stopped run has made is a fair share of all."""
        draw = random.Random(self.seed)
        users = draw.sample(self.users, len(self.users))
        openings = draw.sample(self.openings, len(self.openings))
        pairs = balanced_pairs(len(users), len(openings), self.planned)
        temperatures = [self.temperatures[n % len(self.temperatures)] for n in range(self.planned)]
        draw.shuffle(temperatures)
        seeds = [draw.randrange(LARGEST_SEED) for _ in pairs]
        order = draw.sample(range(self.planned), self.planned)
        made = ((users[pairs[n][0]], openings[pairs[n][1]], temperatures[n], seeds[n]) for n in order)
        every = tuple(Cell(self._id(*parts), number, *parts) for number, parts in enumerate(made))
        return every[: self.only_first or None]

    def _id(self, user: SimulatedUser, opening: OpeningQuestion, temperature: float, seed: int) -> str:
        own = replace(self.persona, id="", summary="", built_in=False, typing=0.0, card={})
        value = {
            "persona": asdict(own), "user": asdict(user), "opening": opening.text, "language": self.language,
            "exchanges": self.exchanges, "first": self.first, "temperature": temperature, "seed": seed,
            "persona_backend": self.persona_backend.identity, "user_backend": self.user_backend.identity,
        }  # fmt: skip
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def balanced_pairs(users: int, openings: int, count: int) -> list[tuple[int, int]]:
    """`count` pairs (user, opening) in which each user, and each opening, appears equally often, within one.

    No pair comes twice before all have come once. Along a diagonal of the grid both wrap around; when it closes, after
    their least common multiple, the next one begins an opening further on.

    >>> balanced_pairs(2, 2, 4)
    [(0, 0), (1, 1), (0, 1), (1, 0)]
    """
    diagonal = math.lcm(users, openings)
    return [(n % users, (n + n // diagonal) % openings) for n in range(count)]


def read_plan(path: Path) -> Plan:
    """The plan in a YAML file; paths in it stand beside it. Raises InputError that names what is wrong in it."""
    try:
        value = read_yaml(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}", f"{path} を読めません: {error}") from error
    return plan_from(value, path.resolve().parent)


def plan_from(value: Mapping[str, Any], here: Path, persona: Persona | None = None) -> Plan:
    """The plan that plain values describe; relative paths begin at `here`. `persona` stands for the one they name."""
    known_keys = {field.name for field in fields(Plan)} - {"only_first"}
    unknown = value.keys() - known_keys
    if unknown:
        known = ", ".join(sorted(known_keys))
        raise InputError(
            f"A plan has no “{min(unknown)}”. It has: {known}.",
            f"計画に「{min(unknown)}」はありません。使えるもの：{known}。",
        )
    given = dict(value)
    wanted = str(given.pop("persona", ""))
    language = given.get("language") or language_of(wanted, str(given.get("who", "")))
    if language not in BUILT_IN_LANGUAGES:
        raise _wrong("language", language, ", ".join(BUILT_IN_LANGUAGES))
    given["language"] = language
    persona = persona or find_persona(_beside(here, wanted), language)
    users, openings = (_people_file(given.pop(name, None), name, language, here) for name in ("users", "openings"))
    for name in ("persona_backend", "user_backend", "judge_backend"):
        given[name] = _backend(given.get(name) or {}, name, here)
    if given.get("rubric"):
        given["rubric"] = _beside(here, str(given["rubric"]))
    try:
        settings = parse(PlanSettings, given)
    except ValueError as error:
        raise InputError(f"The plan cannot be used: {error}.", f"計画を使えません: {error}。") from error
    if "first" not in given and not persona.greeting.strip():
        settings = replace(settings, first="user")
    return Plan(persona, read_users(*users), read_openings(*openings), **vars(settings))


def _people_file(
    given: object, name: Literal["users", "openings"], language: str, here: Path
) -> tuple[Path, Mapping[str, str]]:
    """The file and the names of its columns: a path, {file, columns}, or nothing for the built-in file."""
    if not given:
        return built_in_file("simulated_users" if name == "users" else "openings", language), {}
    value = given if isinstance(given, Mapping) else {"file": given}
    columns = value.get("columns") or {}
    file = value.get("file")
    if not isinstance(file, str) or not isinstance(columns, Mapping):
        raise _wrong(name, given, "a path, or {file: …, columns: {name: …}}")
    return Path(_beside(here, file)), {str(key): str(column) for key, column in columns.items()}


def _backend(value: object, name: str, here: Path) -> Backend:
    try:
        backend = parse(Backend, value)
    except ValueError as error:
        raise InputError(f"{name} of the plan: {error}.", f"計画の {name}: {error}。") from error
    unknown = value.keys() - {field.name for field in fields(Backend)} if isinstance(value, Mapping) else set()
    if unknown:
        raise _wrong(f"{name}.{min(unknown)}", "there", ", ".join(field.name for field in fields(Backend)))
    model = _beside(here, backend.model) if backend.kind == "local" else backend.model
    files = {key: _beside(here, getattr(backend, key)) for key in ("adapter", "key_file")}
    return replace(backend, model=model, **files)


def _beside(here: Path, name: str) -> str:
    """`name` as a path beside the plan, where there is such a file or folder; else as it is."""
    return str(here / Path(name).expanduser()) if name and (here / Path(name).expanduser()).exists() else name


def _wrong(name: str, value: object, allowed: str) -> InputError:
    return InputError(
        f"“{name}” of the plan is {value!r:.60}; it has to be: {allowed}.",
        f"計画の「{name}」が {value!r:.60} になっています。使える値：{allowed}。",
    )
