"""Two real small models, made by `make real-models`: SmolLM2-135M-Instruct (English) and Gemma 3 270M (base)."""

from pathlib import Path

import pytest

from core.models.loading import ModelStore
from models.real_models import FOLDER, SOURCES
from tests.helpers.missing import missing


@pytest.fixture(scope="session", params=list(SOURCES))
def real_folder(request: pytest.FixtureRequest) -> Path:
    return folder_of(request.param)


@pytest.fixture(scope="session")
def smollm2() -> Path:
    return folder_of("smollm2")


def folder_of(key: str) -> Path:
    folder = FOLDER / SOURCES[key].name
    if not (folder / "model.safetensors").is_file():
        missing(f"no {folder.name}; run `make real-models`")
    return folder


@pytest.fixture(scope="session")
def store(real_folder: Path) -> ModelStore:
    return loaded_store(real_folder)


def loaded_store(folder: Path) -> ModelStore:
    """The model, loaded as the app loads it."""
    store = ModelStore(str(folder))
    store.start()
    status = store.wait()
    assert status.state == "ready", status.error
    return store
