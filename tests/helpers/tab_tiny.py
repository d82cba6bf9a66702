"""What tests of the Train tab's handlers stand on: visitors, a data set, services with a model that is not loaded."""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

from core.data.io.store import DataSetInfo
from core.files import write_json
from core.models.loading import LoadedModel, ModelStatus, ModelStore
from core.settings import Settings
from core.train.queue.jobs import Jobs
from core.workspace import DATASET_INFO
from tabs.ui.services import Services, make_services
from tests.helpers.train_tiny import talks, write_dataset

KEY, OTHER = "k" * 40, "o" * 40


@dataclass
class Models:
    """A ModelStore with a tokenizer and no weights; notes what it is asked to load."""

    folder: Path
    tokenizer: object
    local_folders: bool = True
    ready: bool = True
    started: list[str] = field(default_factory=list)
    window: int = 256

    @property
    def status(self) -> ModelStatus:
        name = self.started[-1] if self.started else self.folder.name
        return ModelStatus("ready" if self.ready else "loading", name, None, "cpu", 1_300_000, 256)

    def current(self) -> LoadedModel:
        from core.errors import ModelError

        if not self.ready:
            raise ModelError("The model is still being loaded.", "モデルを読み込んでいます。")
        return LoadedModel(self.folder.name, self.folder, None, self.tokenizer, self.window)

    def start(self, name: str) -> None:
        self.started.append(name)

    def check_visitor_may_use(self, base: str) -> None:
        ModelStore(local_folders=self.local_folders).check_visitor_may_use(base)


def visit(language: str = "ja") -> SimpleNamespace:
    """A request of a browser that asks for `language`."""
    return SimpleNamespace(headers={"accept-language": language}, username=None)


def services_on(home: Path, base: Path, tokenizer: object, *, start: bool = False, **settings: object) -> Services:
    """Services over `home` whose queue stands still unless `start`."""
    made = make_services(Settings(home=home, **settings))
    made.jobs.close()
    return replace(made, models=Models(base, tokenizer), jobs=Jobs(made.workspace, start=start, tick=0.05))


def owner(services: Services, key: str = KEY) -> str:
    return services.visitor(key, visit(), None).owner


def keep_dataset(
    services: Services, name: str = "mika-talk", *, rows: int = 24, validation: int = 6, key: str = KEY
) -> str:
    """Put a data set on the shelf of the owner of `key`."""
    folder = services.workspace.place(owner(services, key), "datasets", name)
    write_dataset(folder, talks(rows), talks(validation))
    info = DataSetInfo(
        name=name, persona="Mika", description="You are Mika.", source="[LINE] with Mika.txt", format="line",
        counts={"learned": 30}, messages=60, sessions=9, train_rows=rows, validation_rows=validation, gap_minutes=60.0,
        budget=256, model="base", created="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    write_json(folder / DATASET_INFO, asdict(info))
    return name
