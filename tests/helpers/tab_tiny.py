"""What tests of the Train tab's handlers stand on: visitors, a data set, services with a model that is not loaded."""

from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import gradio as gr

from core.data.io.store import DataSetInfo
from core.errors import ModelError
from core.files import write_json
from core.models.loading import LoadedModel, ModelStore
from core.models.options import DEFAULT_LOAD, LoadOptions
from core.models.status import ModelStatus
from core.settings import Settings
from core.train.queue.jobs import Jobs
from core.workspace import DATASET_INFO
from tabs.ui.services import Services, make_services
from tests.helpers.train_tiny import talks, write_dataset

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

KEY, OTHER = "k" * 40, "o" * 40


class Models(ModelStore):
    """A ModelStore with a tokenizer and no weights; notes what it is asked to load."""

    def __init__(self, folder: Path, tokenizer: object = None, *, window: int = 256) -> None:
        super().__init__()
        self.folder, self.tokenizer, self.window = folder, tokenizer, window
        self.ready = True
        self.started: list[str | None] = []

    @property
    def status(self) -> ModelStatus:
        name = self.started[-1] if self.started else self.folder.name
        return ModelStatus("ready" if self.ready else "loading", name or "", None, "cpu", 1_300_000, 256)

    def current(self) -> LoadedModel:
        if not self.ready:
            raise ModelError("The model is still being loaded.", "モデルを読み込んでいます。")
        return without_weights(self.folder, self.tokenizer, window=self.window)

    def start(self, name: str | None = None, options: LoadOptions = DEFAULT_LOAD) -> None:
        self.started.append(name)


def without_weights(
    folder: Path, tokenizer: object, *, window: int = 256, name: str = "", parameters: int = 0
) -> LoadedModel:
    """A loaded model for what only counts tokens: nothing there asks for more of its weights than their number."""
    words, model = cast("PreTrainedTokenizerBase", tokenizer), SimpleNamespace(num_parameters=lambda: parameters)
    return LoadedModel(name or folder.name, folder, cast("PreTrainedModel", model), words, window)


def models_of(services: Services) -> Models:
    """The `Models` that `services_on` gave."""
    assert isinstance(services.models, Models)
    return services.models


def visit(language: str = "ja") -> gr.Request:
    """A request of a browser that asks for `language`."""
    return gr.Request(headers={"accept-language": language})


def services_on(home: Path, base: Path, tokenizer: object, *, start: bool = False, **settings: object) -> Services:
    """Services over `home` whose queue stands still unless `start`."""
    made = make_services(replace(Settings(home=home), **settings))
    made.jobs.close()
    return replace(made, models=Models(base, tokenizer), jobs=Jobs(made.workspace, start=start, tick=0.05))


def owner(services: Services, key: str = KEY) -> str:
    return services.visitor(key, visit(), None).owner


def keep_dataset(
    services: Services, name: str = "mika-talk", *, rows: int = 24, validation: int = 6, key: str = KEY
) -> str:
    """Put a data set in the store of the owner of `key`."""
    folder = services.workspace.place(owner(services, key), "datasets", name)
    write_dataset(folder, talks(rows), talks(validation))
    info = DataSetInfo(
        name=name, persona="Mika", description="You are Mika.", source="[LINE] with Mika.txt", format="line",
        counts={"learned": 30}, messages=60, sessions=9, train_rows=rows, validation_rows=validation, gap_minutes=60.0,
        budget=256, model="base", created="2026-01-02T03:04:05+00:00",
    )  # fmt: skip
    write_json(folder / DATASET_INFO, asdict(info))
    return name
