"""The card of sample replies: the newest look, until somebody goes back to an earlier one."""

from pathlib import Path

import gradio as gr
import pytest

from core.train.events import Launched, Sample, Started, append
from core.train.queue.progress import EventFollower, Progress
from core.train.spec import JobSpec, RunFolder
from tabs.train.samples import SampleHandlers, replies
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, keep_dataset, owner, services_on, visit
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG


@pytest.fixture
def services(home: Path, tmp_path: Path) -> Services:
    return services_on(home, tmp_path, None)


def submit(services: Services) -> RunFolder:
    name = keep_dataset(services)
    folder = services.workspace.place(owner(services), "datasets", name)
    return services.jobs.submit(owner(services), JobSpec("base", folder, PROMPT_CONFIG, CONFIG, "mika")).folder


def tell(folder: RunFolder, step: int) -> None:
    for number in range(2):
        append(folder.events, Sample(step, number, f"asked {number}", f"said {number} at {step}", f"real {number}"))


def test_the_newest_look_is_shown_until_one_goes_back(services: Services) -> None:
    folder, handlers = submit(services), SampleHandlers(services)
    job = folder.path.name
    card, _, drawn, shown = handlers.refresh(KEY, job, 1, (), visit("en"))
    assert not card.visible and drawn == ""
    append(folder.events, Launched(0))
    append(folder.events, Started(0, 12, 24, 6, 500, 1_300_000, 9000, "cpu", "fp32", 1500))
    tell(folder, 0)
    card, slider, drawn, shown = handlers.refresh(KEY, job, 1, shown, visit("en"))
    assert card.visible and not slider.visible and "said 0 at 0" in drawn and "real 1" in drawn
    assert all(out == gr.skip() for out in handlers.refresh(KEY, job, 1, shown, visit("en")))
    tell(folder, 6)
    _, slider, drawn, shown = handlers.refresh(KEY, job, 1, shown, visit("en"))
    assert slider.visible and slider.value == 2 and "said 1 at 6" in drawn and "said 1 at 0" in drawn
    tell(folder, 12)
    _, slider, drawn, _ = handlers.refresh(KEY, job, 1, shown, visit("en"))  # somebody stands on the first look
    assert (slider.value, slider.maximum) == (1, 3) and "at 12" not in drawn and "Step 0 / 12" in drawn
    _, slider, drawn, _ = handlers.refresh(KEY, job, 2, shown, visit("en"))
    assert slider.value == 3 and "said 0 at 12" in drawn
    assert "said 0 at 6" in handlers.look(KEY, job, 2, visit("en"))


def test_replies_of_others_are_not_shown(services: Services) -> None:
    folder = submit(services)
    tell(folder, 0)
    card, _, drawn, _ = SampleHandlers(services).refresh(OTHER, folder.path.name, 1, (), visit())
    assert not card.visible and drawn == ""
    assert SampleHandlers(services).look(OTHER, folder.path.name, 1, visit()) == ""


def test_what_models_say_is_no_markup(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    append(folder.events, Sample(0, 0, "<b>", "", "<script>"))
    follower = EventFollower(folder)
    follower.follow()
    drawn = replies(follower.show("running"), 1, "en")
    assert "&lt;b&gt;" in drawn and "<script>" not in drawn and ">…<" in drawn
    assert replies(Progress("queued"), 1, "en") == ""
