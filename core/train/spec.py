"""What a training run is asked to do: `spec.json` in its folder, and the files around it."""

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from core.files import read_json, write_json
from core.models.options import NO_REMOTE_CODE, Trust
from core.prompt import PromptConfig
from core.stored import DamagedError, parse, reading
from core.train.config.train_config import TrainConfig
from core.train.preference.config import PreferenceConfig
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS, DATASET_INFO, SPLIT_FILES, TRAINING_FILE


@dataclass(frozen=True)
class JobSpec:
    """The whole of a training run."""

    base: str
    """Hub id, or folder, of the model that is frozen under the adapter."""
    dataset: Path
    """Folder with train.jsonl, validation.jsonl (may be absent or empty) and dataset.json."""
    prompt_config: PromptConfig
    config: TrainConfig
    adapter_name: str
    base_revision: str | None = None
    preference: PreferenceConfig | None = None
    """Set where the run prefers one reply to another; else it learns the rows of the data set."""
    trust: Trust = NO_REMOTE_CODE
    """What the person allowed when they loaded the base."""

    def to_json(self) -> dict[str, object]:
        return {
            "base": self.base,
            "base_revision": self.base_revision,
            "dataset": str(self.dataset),
            "prompt_config": self.prompt_config.to_json(),
            "config": self.config.to_json(),
            "adapter_name": self.adapter_name,
            "preference": self.preference.to_json() if self.preference else None,
            "trust": asdict(self.trust),
        }

    @classmethod
    def from_json(cls, value: object) -> "JobSpec":
        """The inverse of `to_json`. Raises ValueError if it is invalid."""
        return parse(cls, value)


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    spec.json      what to do                     events.jsonl  what happened (`core.train.events`)
    meta.json      owner, queue, process          worker.log    what the libraries said, tracebacks
    stop           present when asked to stop     checkpoints/  to resume from
    dataset/       the rows as they were          encoded/      the same as token ids
    adapter/       the result
    start/         the adapter it goes on from    replies.jsonl what the adapter said by itself
    """

    path: Path
    rank: int = 0
    """Of several processes that train together, which one asks: the first alone writes what counts."""

    @property
    def events(self) -> Path:
        return self.path / (f"events-{self.rank}.jsonl" if self.rank else "events.jsonl")

    @property
    def meta(self) -> Path:
        return self.path / "meta.json"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    @property
    def log(self) -> Path:
        return self.path / "worker.log"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def dataset(self) -> Path:
        return self.path / "dataset"

    @property
    def encoded(self) -> Path:
        """Rows as token ids (`core.train.worker.encoded`)."""
        return self.path / "encoded"

    @property
    def adapter(self) -> Path:
        return self.path / "adapter"

    @property
    def start(self) -> Path:
        return self.path / "start"

    @property
    def replies(self) -> Path:
        return self.path / "replies.jsonl"

    def take_start(self, adapter: Path) -> None:
        """Keep the adapter to go on from as it is now: it may be deleted, or trained again, before this is done."""
        self.start.mkdir()
        for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS, TRAINING_FILE):
            if name != TRAINING_FILE or (adapter / name).is_file():
                shutil.copyfile(adapter / name, self.start / name)

    @property
    def corrections(self) -> Path:
        return self.dataset / "preferences.jsonl"

    def take_rows(self, source: Path) -> None:
        """Keep the data set of now: a run that is resumed later must find the same rows."""
        self.dataset.mkdir()
        for name in (SPLIT_FILES["train"], SPLIT_FILES["validation"], DATASET_INFO):
            if (source / name).is_file():
                shutil.copyfile(source / name, self.dataset / name)

    def read_spec(self) -> JobSpec:
        """Raises DamagedError of the run's folder where spec.json is missing or cannot be read."""
        with reading(self.path):
            try:
                return JobSpec.from_json(read_json(self.path / "spec.json"))
            except FileNotFoundError as error:
                raise DamagedError(self.path, "spec.json is missing") from error

    def write_spec(self, spec: JobSpec) -> None:
        write_json(self.path / "spec.json", spec.to_json())
