"""A candidate measured on a data set's validation conversations, and kept by content: a second look costs nothing.

What is kept goes by the weights, the way they are asked and the rows, never by names. A measurement that was stopped
goes on where it was: bits are kept for each candidate, replies one by one.
"""

import json
import threading
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from core.adapters.attach import activate_adapter
from core.adapters.store import Adapter
from core.chat.engine import Engine
from core.data.io.store import DataSetInfo, SavedDataSet, prompt_config_for
from core.data.rows import Row, read_rows
from core.errors import AppError, InputError
from core.evaluate.bits import ConversationBits, NothingFitsError, conversations_of, measure_bits, swapped
from core.evaluate.replies import LONGEST, CandidateVoice, Occasion, WrittenReply, digest_of, occasions_of
from core.files import append_json, parse_json_lines, read_json, write_json
from core.models.fingerprint import file_fingerprint
from core.models.loading import LoadedModel, ModelStore
from core.prompt import PromptConfig
from core.stored import UNREADABLE
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS, Split

SPLITS: tuple[Split, ...] = ("validation", "train")
REPLIES = 40  # that each candidate gives
BASE = ""  # the name of the base model among candidates
MeasureStage = Literal["bits", "control", "replies"]


@dataclass(frozen=True)
class Candidate:
    """What may be best: an adapter, or the base model alone."""

    name: str
    """BASE for the base model."""
    adapter: Adapter | None = None

    @property
    def complexity(self) -> int:
        """The rank of the adapter's matrices; 0 for the base."""
        return rank_of(self.adapter) if self.adapter else 0

    @property
    def settings(self) -> dict[str, str]:
        """How it was trained, as far as that is known: a value for each setting."""
        training = self.adapter.training if self.adapter else {}
        about, config = training.get("dataset") or {}, training.get("config") or {}
        found = {"dataset": about.get("name"), "rows": about.get("train_rows")} | config
        return {key: f"{value:g}" if isinstance(value, float) else f"{value}" for key, value in found.items()
                if value is not None}  # fmt: skip


@dataclass(frozen=True)
class EvaluationSet:
    """What candidates are measured on."""

    info: DataSetInfo
    validation: tuple[Row, ...]
    train: tuple[Row, ...]
    most_replies: int = REPLIES

    @classmethod
    def of(cls, saved: SavedDataSet, most_replies: int = REPLIES) -> "EvaluationSet":
        """Raises InputError where no validation row says anything, DamagedError where rows cannot be read."""
        validation, train = (tuple(read_rows(saved.file(split))) for split in SPLITS)
        found = cls(saved.info, validation, train, most_replies)
        conversations_of(found.validation)
        return found

    @cached_property
    def conversations(self) -> dict[int, list[Row]]:
        """The validation rows by conversation."""
        return conversations_of(self.validation)

    @cached_property
    def occasions(self) -> list[Occasion]:
        """Where candidates reply."""
        return occasions_of(self.validation, self.most_replies)

    @cached_property
    def digest(self) -> str:
        """Of the validation rows."""
        return digest_of([row.to_json() for row in self.validation])

    @property
    def learned_replies(self) -> Iterable[str]:
        """The persona's replies that were trained on."""
        return ("\n".join(turn.messages) for row in self.train for k, turn in enumerate(row.turns) if row.is_trained(k))


@dataclass(frozen=True)
class Measured:
    """What is known of a candidate on a data set."""

    name: str
    base: str
    digest: str
    """Of its weights and the way it is asked."""
    complexity: int
    settings: Mapping[str, str]
    bits: ConversationBits | None
    """None for a model that gives no probabilities, as llama.cpp's here."""
    control: ConversationBits | None
    """The other side's words; None where they say nothing, too."""
    replies: tuple[WrittenReply, ...] = ()

    @property
    def is_base(self) -> bool:
        """Whether it is a model without an adapter."""
        return self.name == BASE


@dataclass(frozen=True)
class MeasureStep:
    """How far a measurement is."""

    name: str
    stage: MeasureStage
    done: int
    of: int


MeasureReport = Callable[[MeasureStep], None]
"""Told of every step; what it raises stops the measuring."""


@dataclass(frozen=True)
class Measurements:
    """What was measured, in a folder: `<rows>-<candidate>.json`, and its replies in `….replies.jsonl`."""

    folder: Path

    def known(self, data: EvaluationSet) -> list[Measured]:
        """All that was measured whole on these rows, the oldest first; damaged files are left out."""
        paths = sorted(self.folder.glob(f"{data.digest}-*.json"), key=lambda path: path.stat().st_mtime)
        found = (self._read(path, data) for path in paths)
        return [one for one in found if one and len(one.replies) == len(data.occasions)]

    def _read(self, path: Path, data: EvaluationSet) -> Measured | None:
        try:
            value = read_json(path)
            bits, control = (ConversationBits.from_json(value[name]) if value[name] else None
                             for name in ("bits", "control"))  # fmt: skip
            about = {name: value[name] for name in ("name", "base", "digest", "complexity", "settings")}
        except (OSError, *UNREADABLE):
            return None
        held = self.replies(data, about["digest"])
        replies = [held[one.digest] for one in data.occasions if one.digest in held]
        return Measured(**about, bits=bits, control=control, replies=tuple(replies))

    def replies(self, data: EvaluationSet, digest: str) -> dict[str, WrittenReply]:
        """A candidate's replies by occasion."""
        path = self._replies_file(data, digest)
        found: dict[str, WrittenReply] = {}
        for value in parse_json_lines(path.read_bytes() if path.is_file() else b""):
            try:
                found[str(value["occasion"])] = WrittenReply.from_json(value)
            except UNREADABLE:
                continue
        return found

    def add_reply(self, data: EvaluationSet, digest: str, occasion: Occasion, reply: WrittenReply) -> None:
        """Keep one reply. Raises OSError."""
        append_json(self._replies_file(data, digest), {"occasion": occasion.digest} | reply.to_json())

    def get(self, data: EvaluationSet, digest: str) -> Measured | None:
        """What is kept of a candidate, with as many replies as there are."""
        path = self._file(data, digest)
        return self._read(path, data) if path.is_file() else None

    def put(self, data: EvaluationSet, one: Measured) -> None:
        """Keep all but the replies. Raises InputError when the disk is full."""
        bits, control = (asdict(part) if part else None for part in (one.bits, one.control))
        about = {name: getattr(one, name) for name in ("name", "base", "digest", "complexity")}
        write_json(self._file(data, one.digest), about | {"settings": dict(one.settings), "bits": bits,
                                                          "control": control})  # fmt: skip

    def _file(self, data: EvaluationSet, digest: str) -> Path:
        return self.folder / f"{data.digest}-{digest}.json"

    def _replies_file(self, data: EvaluationSet, digest: str) -> Path:
        return self._file(data, digest).with_suffix(".replies.jsonl")


@dataclass(frozen=True)
class Measuring:
    """Measures candidates with the model in memory, and keeps what it measured."""

    models: ModelStore
    engine: Engine
    kept: Measurements
    owner: str = ""
    stop: threading.Event = field(default_factory=threading.Event)

    def measure(self, candidate: Candidate, data: EvaluationSet, report: MeasureReport) -> Measured:
        """What is known of a candidate once all is measured. Raises AppError, and what `report` raises."""
        loaded = self.models.current()
        config = asked_with(candidate.adapter, data.info, loaded.context)
        digest = digest_of_candidate(loaded, candidate, config)
        found = self.kept.get(data, digest)
        if found is None:
            found = self._bits(candidate, data, digest, config, report)
            self.kept.put(data, found)
        replies = self._replies(candidate, data, digest, config, report)
        about = {"name": candidate.name, "complexity": candidate.complexity, "settings": candidate.settings}
        if any(getattr(found, name) != value for name, value in about.items()):  # the same adapter under another name
            found = replace(found, **about)
            self.kept.put(data, found)
        return replace(found, replies=replies)

    def _bits(
        self, candidate: Candidate, data: EvaluationSet, digest: str, config: PromptConfig, report: MeasureReport
    ) -> Measured:
        loaded = self.models.current()
        about = (candidate.name, loaded.name, digest, candidate.complexity, candidate.settings)
        if loaded.gguf:
            return Measured(*about, None, None)
        work = partial(_measured_bits, loaded, candidate, data, config, report)
        return Measured(*about, *self.models.run(work, whose=f"evaluate {self.owner}").result())

    def _replies(
        self, candidate: Candidate, data: EvaluationSet, digest: str, config: PromptConfig, report: MeasureReport
    ) -> tuple[WrittenReply, ...]:
        held = self.kept.replies(data, digest)
        speaker = CandidateVoice(
            self.engine, self.models.current(), candidate.adapter, config, owner=f"evaluate {self.owner}"
        )
        for done, occasion in enumerate(data.occasions):
            if occasion.digest in held:
                continue
            report(MeasureStep(candidate.name, "replies", done, len(data.occasions)))
            try:
                reply = speaker.reply(occasion, seed_of(occasion), self.stop)
            except InputError:  # longer than its window
                reply = WrittenReply((), finished=False)
            if self.stop.is_set():
                raise InputError("The measuring was stopped.", "測定を中止しました。")
            held[occasion.digest] = reply
            self.kept.add_reply(data, digest, occasion, reply)
        return tuple(held[occasion.digest] for occasion in data.occasions)


def _measured_bits(
    loaded: LoadedModel, candidate: Candidate, data: EvaluationSet, config: PromptConfig, report: MeasureReport
) -> tuple[ConversationBits, ConversationBits | None]:
    """(bits of the persona's words, of the other side's). Runs in the model's thread."""
    activate_adapter(loaded, candidate.adapter)

    def told(stage: MeasureStage) -> Callable[[int], None]:
        return lambda done: report(MeasureStep(candidate.name, stage, done, len(data.conversations)))

    found = measure_bits(loaded.pretrained, loaded.tokenizer, config, data.conversations, between=told("bits"))
    try:
        other = swapped(data.conversations)
        return found, measure_bits(loaded.pretrained, loaded.tokenizer, config, other, between=told("control"))
    except NothingFitsError:
        return found, None


def asked_with(adapter: Adapter | None, info: DataSetInfo, window: int) -> PromptConfig:
    """How a candidate is asked: as it was trained, the base as the data set says."""
    held = adapter.prompt_config if adapter else None
    config = held or prompt_config_for(info, context_window=window)
    most = min(config.context_window, window)
    return replace(config, context_window=most, reply_reserve=min(LONGEST, most // 2))


def digest_of_candidate(loaded: LoadedModel, candidate: Candidate, config: PromptConfig) -> str:
    """Of the weights and of how they are asked: 16 hex digits."""
    weights = file_fingerprint(candidate.adapter.folder / ADAPTER_WEIGHTS) if candidate.adapter else ""
    base = loaded.fingerprint or loaded.name
    return digest_of([base, loaded.quantization, weights, config.to_json()])


def seed_of(occasion: Occasion) -> int:
    """The same on the same occasion, for every candidate."""
    return zlib.crc32(occasion.digest.encode()) & 0x7FFFFFFF


def rank_of(adapter: Adapter) -> int:
    """The rank of an adapter's matrices; 0 where its configuration does not say it."""
    try:
        config = json.loads((adapter.folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        return int(config["r"])
    except (OSError, *UNREADABLE):
        return 0


def fits(loaded: LoadedModel, adapter: Adapter) -> bool:
    """Whether an adapter was trained on the model in memory."""
    from core.adapters.attach import check_base

    try:
        check_base(loaded, adapter)
    except AppError:
        return False
    return True
