"""The sweep of the Train tab: it says what a grid comes to, and queues every point of it with its own rows."""

from pathlib import Path

import gradio as gr
import pytest

from core.data.rows import read_rows
from core.train.config.train_config import TrainConfig
from core.workspace import SPLIT_FILES
from tabs.train.settings import SettingsForm
from tabs.train.sweep import SweepHandlers
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, keep_dataset, owner, services_on, visit
from tests.helpers.train_tiny import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def services(base: Path, home: Path) -> Services:
    from transformers import AutoTokenizer

    return services_on(home, base, AutoTokenizer.from_pretrained(base))


def asked(*grid: object) -> tuple:
    form = ("mika-talk", "", "", "mika-9", "Mika", "Mika.", "Ken")
    return *form, *SettingsForm.showing(TrainConfig(epochs=1)).values(), *grid


def test_every_point_of_the_grid_is_queued_with_its_share(services: Services) -> None:
    keep_dataset(services, rows=40)
    handlers = SweepHandlers(services)
    grid = (["mika-talk"], [25, 100], [4, 8], "×1, ×2", 1)
    words, start = handlers.count(KEY, *asked(*grid), visit("en"))
    assert "8 trainings" in words and start.interactive
    first, said = handlers.begin(KEY, *asked(*grid), visit("en"))
    jobs = {job.name: job for job in services.jobs.list_all(owner(services))}
    assert len(jobs) == 8 and "8 trainings" in said and first in {job.id for job in jobs.values()}
    rows = {name: len(list(read_rows(job.folder.dataset / SPLIT_FILES["train"]))) for name, job in jobs.items()}
    assert set(rows.values()) == {10, 40} and all((n == 10) == ("-25p-" in name) for name, n in rows.items())
    specs = {(job.spec.config.rank, job.spec.config.learning_rate) for job in jobs.values()}
    assert specs == {(4, 2e-4), (4, 4e-4), (8, 2e-4), (8, 4e-4)}
    assert all(job.spec.config.epochs == 1 and job.spec.prompt_config.persona == "Mika" for job in jobs.values())
    held = {len(list(read_rows(job.folder.dataset / SPLIT_FILES["validation"]))) for job in jobs.values()}
    assert held == {6}  # all are measured on the same


def test_what_cannot_be_swept_is_said_before_it_begins(services: Services) -> None:
    keep_dataset(services)
    handlers = SweepHandlers(services)
    for grid, said in (
        ((["mika-talk"], [], [4], "", 1), "at least one"),
        ((["mika-talk"], [10, 25, 50, 100], [4, 8, 16, 32, 64], "1e-4", 5), "are the most"),
        ((["mika-talk"], [100], [4], "fast", 1), "no learning rate"),
    ):
        words, start = handlers.count(KEY, *asked(*grid), visit("en"))
        assert said in words and not start.interactive
        with pytest.raises(gr.Error, match=said):
            handlers.begin(KEY, *asked(*grid), visit("en"))
    assert services.jobs.list_all(owner(services)) == []
