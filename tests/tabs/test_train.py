"""The Train tab's handlers: the form reaches the queue, the picture comes from it, and each owner sees their own."""

import math
import re
import time
import zipfile
from dataclasses import dataclass, fields, replace
from pathlib import Path

import gradio as gr
import pytest

from core.errors import InputError, NotAllowedError
from core.text import Text
from core.train.config.advice import fit, recommend
from core.train.config.estimate import this_device
from core.train.config.train_config import TrainConfig
from core.train.events import Done, Launched, Notice, Started, Step, ValidationLoss, append
from core.train.queue.progress import Progress
from core.train.worker.base import base_dims
from tabs.train import run, settings
from tabs.train.curve import curve, losses_in_bits, ticks
from tabs.train.form import FormHandlers
from tabs.train.form_values import find_base
from tabs.train.queue import QueueHandlers
from tabs.train.settings import SettingsForm
from tabs.train.tab import RunHandlers
from tabs.ui import status_bar
from tabs.ui.heartbeat import Live, awaited, changes
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, Models, keep_dataset, models_of, owner, services_on, visit
from tests.helpers.train_tiny import CONFIG, another, tiny_base
from tests.helpers.typed import present, untyped


@dataclass(frozen=True)
class Base:
    folder: Path
    tokenizer: object


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    import torch
    from transformers import AutoTokenizer

    torch.set_num_threads(1)
    folder = tiny_base(tmp_path_factory.mktemp("models") / "base")
    return Base(folder, AutoTokenizer.from_pretrained(folder))


@pytest.fixture
def services(base: Base, home: Path) -> Services:
    return services_on(home, base.folder, base.tokenizer)


def start(
    services: Services, config: TrainConfig = CONFIG, *, dataset: str | None = "mika-talk", name: str = "",
    persona: str = "", description: str = "Mika.", user: str = "",
) -> str:  # fmt: skip
    """Press the button: the run's id."""
    form, values = FormHandlers(services), SettingsForm.showing(config).values()
    return form.start(KEY, dataset, "", "", name, persona, description, user, *values, visit())[0]


def refreshed(services: Services, chosen: str = "", shown: tuple = (), key: str = KEY, language: str = "en") -> tuple:
    return RunHandlers(services).refresh(key, chosen, shown, visit(language))


# The form


def test_every_setting_has_a_control_with_its_plain_value() -> None:
    with gr.Blocks():
        made = settings.controls()
    assert {name: c.elem_id for name, c in made.items()} == {name: f"set-{name}" for name in settings.CONTROLS}
    assert set(settings.CONTROLS) == {f.name for f in fields(TrainConfig)}
    assert SettingsForm.of([untyped(c).value for c in SettingsForm.inputs(made)]).config() == TrainConfig()
    assert all(c.interactive for c in made.values())


@pytest.mark.parametrize("name", [f.name for f in fields(TrainConfig)])
def test_each_control_reaches_the_run(services: Services, name: str) -> None:
    keep_dataset(services)
    wanted = replace(TrainConfig(), **{name: another(name)})
    assert wanted != TrainConfig()
    job = services.jobs.get(owner(services), start(services, wanted))
    assert job.spec.config == wanted == job.folder.read_spec().config


def test_an_emptied_control_is_named_and_nothing_starts(services: Services) -> None:
    keep_dataset(services)
    values = SettingsForm.showing(TrainConfig()).values()
    values[list(settings.CONTROLS).index("epochs")] = None
    with pytest.raises(gr.Error, match="epochs = None"):
        FormHandlers(services).start(KEY, "mika-talk", "", "", "", "", "", "", *values, visit())
    assert services.jobs.list_all(owner(services)) == []


def test_the_contract_says_what_the_form_says(services: Services) -> None:
    keep_dataset(services)
    job = services.jobs.get(
        owner(services), start(services, description=" Kind. ", persona="ミカ", user="ケン", name="mine")
    )
    prompt_config = job.spec.prompt_config
    assert (prompt_config.persona, prompt_config.description, prompt_config.user) == ("ミカ", "Kind.", "ケン")
    assert prompt_config.context_window == 256 and prompt_config.reply_reserve == 128
    assert job.name == "mine" and job.spec.base == str(models_of(services).folder)


def test_without_a_data_set_nothing_starts(services: Services) -> None:
    for dataset in (None, "", "gone"):
        with pytest.raises(gr.Error, match="データセット"):
            start(services, dataset=dataset)


def test_names_do_not_repeat(services: Services) -> None:
    keep_dataset(services)
    names = [services.jobs.get(owner(services), start(services)).name for _ in range(2)]
    assert names == ["mika-talk-01", "mika-talk-02"]


def test_the_form_is_filled_from_the_data_set(services: Services) -> None:
    form = FormHandlers(services)
    picker, hint = form.datasets(KEY, "", visit())
    assert (picker.value, hint.visible) == (None, True)
    keep_dataset(services, "old")
    keep_dataset(services, "new")
    picker, hint = form.datasets(KEY, "old", visit())
    assert picker.value == "old" and {value for _, value in picker.choices} == {"old", "new"} and not hint.visible
    assert form.persona(KEY, "old", visit()) == ("old-01", "Mika", "You are Mika.", "You")
    with pytest.raises(gr.Error, match="no data set"):
        form.persona(OTHER, "old", visit("en"))


def test_the_advice_is_the_advisors_for_these_rows_and_this_model(services: Services) -> None:
    keep_dataset(services)
    line, shown, advice, button, *values = FormHandlers(services).advise(KEY, "mika-talk", "", visit("en"))
    config = SettingsForm.of(values).config()
    shape = base_dims(str(models_of(services).folder))
    wanted = fit(recommend(shape.parameters, 24), shape, this_device()).config
    assert config == replace(wanted, max_length=256)
    assert (
        button.interactive
        and "base" in line
        and "24 rows" in shown
        and f"{settings.steps_of(config, 24)} steps" in shown
    )
    reasons = [en for en, _ in advice.recommendation.reasons]
    assert reasons and shown.count("<li>") == len(reasons)


def test_the_advice_says_what_was_changed(services: Services) -> None:
    keep_dataset(services)
    form = FormHandlers(services)
    _, _, advice, _, *values = form.advise(KEY, "mika-talk", "", visit())
    assert "変えた" not in form.review(KEY, advice, *values, visit())
    values[list(settings.CONTROLS).index("rank")] = 64
    assert "rank <del>8</del> <ins>64</ins>" in form.review(KEY, advice, *values, visit())
    values[list(settings.CONTROLS).index("rank")] = 0
    assert "rank = 0" in form.review(KEY, advice, *values, visit())


def test_a_model_of_unknown_size_gets_plain_settings_and_is_told_so(services: Services) -> None:
    keep_dataset(services)
    line, shown, advice, button, *values = FormHandlers(services).advise(
        KEY, "mika-talk", "someone/model-9b", visit("en")
    )
    assert SettingsForm.of(values).config() == TrainConfig() and advice.shape is None and button.interactive
    assert "someone/model-9b" in line and "not known" in shown


def test_while_no_model_is_loaded_the_form_waits(services: Services) -> None:
    keep_dataset(services)
    models_of(services).ready = False
    line, _, advice, button, *_ = FormHandlers(services).advise(KEY, "mika-talk", "", visit("en"))
    assert "ready" in line and advice is None and not button.interactive


def test_there_is_nothing_to_press_before_a_data_set_is_chosen(services: Services) -> None:
    _, shown, _, button, *_ = FormHandlers(services).advise(KEY, None, "", visit("en"))
    assert "Choose a dataset" in shown and not button.interactive


def test_bases(services: Services, base: Base, tmp_path: Path) -> None:
    assert find_base(services, "").source == str(base.folder)
    assert find_base(services, " Qwen/Qwen3-0.6B ").source == "Qwen/Qwen3-0.6B"
    assert find_base(services, str(base.folder)).source == str(base.folder.resolve())
    for wrong in (str(tmp_path), "no such model", "../.."):
        with pytest.raises(InputError):
            find_base(services, wrong)
    services.models.local_folders = False
    with pytest.raises(InputError):
        find_base(services, str(base.folder))


# The runs


def started_log(folder: Path, *, steps: int = 12, validation: int = 6) -> None:
    append(folder, Launched(0))
    append(folder, Started(0, steps, 24, validation, 500, 1_300_000, 9000, "cpu", "fp32", 1500))


def test_a_run_waits_in_line_and_leaves_it(services: Services) -> None:
    keep_dataset(services)
    first, second = start(services), start(services)
    chosen, runs, history, picture, stop, resume, delete, talk, result, *_ = refreshed(services, second)
    assert chosen == runs.value == second and [value for _, value in runs.choices] == [second, first]
    assert history.visible and "Queued, 1 ahead" in picture
    assert stop.visible and delete.visible and not (resume.visible or talk.visible or result.visible)
    RunHandlers(services).stop(KEY, second, visit())
    _, runs, _, picture, stop, resume, *_ = refreshed(services, second)
    me = owner(services)
    assert awaited(services, me, second, "en")["ended"] == "Training “mika-talk-02”: Stopped"
    assert "Stopped" in runs.choices[0][0] and "nothing to keep" in picture and resume.visible and not stop.visible
    RunHandlers(services).resume(KEY, second, visit())
    assert services.jobs.progress(owner(services), second).state == "queued"
    assert RunHandlers(services).delete(KEY, second, visit()) == ""
    assert [job.id for job in services.jobs.list_all(owner(services))] == [first]


def test_nothing_is_drawn_twice(services: Services) -> None:
    keep_dataset(services)
    job = start(services)
    *_, shown = refreshed(services, job)
    again = refreshed(services, job, shown)
    assert all(out == gr.skip() for out in again)
    started_log(services.jobs.get(owner(services), job).folder.events)
    append(services.jobs.get(owner(services), job).folder.events, Step(1, 12, 0.1, 3.0, 0.01, 100, 50.0, 9.0))
    assert refreshed(services, job, shown)[0] == job


def test_what_moves_of_a_training_needs_no_event_and_is_its_owners_alone(services: Services) -> None:
    keep_dataset(services)
    job, me = start(services), owner(services)
    log = services.jobs.get(me, job).folder.events
    started_log(log)
    append(log, Step(1, 12, 0.1, 3.0, 0.01, 100, 50.0, 9.0))
    *_, shown = refreshed(services, job)
    before, drawn = changes(services, me), run.live(services, me, "en", job).html
    append(log, Step(2, 12, 0.2, 2.9, 0.01, 200, 50.0, 8.0))
    assert changes(services, me) == before and all(out == gr.skip() for out in refreshed(services, job, shown))
    after = run.live(services, me, "en", job).html
    assert "Training 1.44" in drawn[f'[data-run="{job}"]'] and "Training 1.39" in after[f'[data-run="{job}"]']
    assert "ueued" in status_bar.live(services, me, "en", job).text["#strip-running"]
    assert awaited(services, me, "", "en") == {"under_way": job} == awaited(services, me, job, "en")
    assert awaited(services, owner(services, OTHER), job, "en") == {}
    for stranger, asked in ((owner(services, OTHER), job), (me, "../x"), (me, "")):
        assert run.live(services, stranger, "en", asked) == Live({}, {})
    assert status_bar.live(services, owner(services, OTHER), "en", job) == Live({}, {})


def test_before_the_first_run_the_tab_says_what_to_press(services: Services) -> None:
    chosen, _, history, picture, *_ = refreshed(services)
    assert chosen == "" and not history.visible and "Start training" in picture


def test_nobody_touches_the_runs_of_others(services: Services) -> None:
    keep_dataset(services)
    job, runs = start(services), RunHandlers(services)
    for act in (runs.stop, runs.resume, runs.delete, runs.talk, runs.download_zip):
        with pytest.raises(gr.Error, match="no such training"):
            act(OTHER, job, visit("en"))
    chosen, listed, *_ = refreshed(services, job, key=OTHER)
    assert chosen == "" and listed.choices == []
    assert services.jobs.progress(owner(services), job).state == "queued"


def test_an_adapter_that_is_not_there_is_no_traceback(services: Services) -> None:
    keep_dataset(services)
    job = start(services)
    runs = RunHandlers(services)
    for act in (runs.talk, runs.download_zip):
        with pytest.raises(gr.Error, match="no adapter yet"):
            act(KEY, job, visit("en"))


@pytest.fixture(scope="module")
def trained(base: Base, tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, str]:
    """A run that was started through the form and trained by the real process."""
    services = services_on(tmp_path_factory.mktemp("omokage"), base.folder, base.tokenizer, start=True)
    keep_dataset(services)
    job = start(services)
    end = time.monotonic() + 120
    while (progress := services.jobs.progress(owner(services), job)).state != "done":
        assert progress.state in ("queued", "running") and time.monotonic() < end, progress
        time.sleep(0.1)
    services.jobs.close()
    return services, job


def test_a_finished_run_shows_its_curve_and_what_to_do_next(trained: tuple[Services, str]) -> None:
    services, job = trained
    _, runs, _, picture, stop, resume, delete, talk, result, model, _ = refreshed(services, job)
    assert "Done" in runs.choices[0][0] and talk.visible and result.visible and delete.visible
    assert not stop.visible and not resume.visible and model.startswith("base")
    progress = services.jobs.progress(owner(services), job)
    held = present(re.search(r'<polyline class="validation" points="([^"]+)"', picture))[1].split()
    assert len(held) == len(progress.validation) and held[0].startswith("0.00,") and held[-1].startswith("100.00,")
    now, first = progress.validation[-1][1], progress.validation[0][1]
    assert now < first and f"Validation {now:.2f} bits per byte (started at {first:.2f})" in picture
    assert f"improved by {1 - now / first:.0%}" in picture


def test_talk_keeps_the_adapter_once_and_opens_its_own_contract(trained: tuple[Services, str]) -> None:
    services, job = trained
    opened = [RunHandlers(services).talk(KEY, job, visit()) for _ in range(2)]
    assert opened[0][1].selected == "talk" and opened[0][0] != opened[1][0]
    assert [a.name for a in services.adapters.list_all(owner(services))] == ["mika-talk-01"]
    talk = present(services.conversations.get(owner(services), opened[0][0]))
    setting = services.chat.persona(owner(services), talk.persona, talk.adapter, "en")
    assert (talk.persona, talk.adapter) == ("", "mika-talk-01") and setting.description == "Mika."
    assert models_of(services).started == []


def test_talk_begins_to_load_the_adapters_base(trained: tuple[Services, str], base: Base, tmp_path: Path) -> None:
    services, job = trained
    models = Models(tmp_path / "another", base.tokenizer)
    talk, _ = RunHandlers(replace(services, models=models)).talk(KEY, job, visit())
    assert models.started == [str(base.folder)]
    assert present(services.conversations.get(owner(services), talk)).adapter == "mika-talk-01"


def test_talk_stands_where_the_server_keeps_its_one_model(
    trained: tuple[Services, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    services, job = trained
    models = Models(tmp_path / "another")

    def locked(_name: str) -> None:
        raise NotAllowedError("It stays.", "そのままです。")

    monkeypatch.setattr(models, "start", locked)
    with pytest.warns(UserWarning, match="そのままです"):
        talk, _ = RunHandlers(replace(services, models=models)).talk(KEY, job, visit())
    assert present(services.conversations.get(owner(services), talk)).adapter == "mika-talk-01"


def test_the_zip_holds_the_adapter(trained: tuple[Services, str]) -> None:
    services, job = trained
    path = Path(RunHandlers(services).download_zip(KEY, job, visit())[0])
    with zipfile.ZipFile(path) as archive:
        assert {"mika-talk-01/adapter_model.safetensors", "mika-talk-01/prompt_config.json"} <= set(archive.namelist())
    assert path.is_relative_to(services.workspace.cache())  # which alone is served
    assert not list(services.workspace.folder(owner(services), "downloads").iterdir())


# The picture

LOG = (
    Started(0, 40, 24, 6, 500, 1_300_000, 9000, "cpu", "fp32", 1500),
    *(ValidationLoss(step, bpb * 3, bpb) for step, bpb in ((0, 2.0), (20, 1.4), (40, 1.6))),
)


def progress(**changes: object) -> Progress:
    held = tuple((e.step, e.bpb, e.loss) for e in LOG[1:])
    plain = Progress("running", 40, 40, 5.0, 1234.0, ((1, 6.0), (40, 4.0)), held, started=LOG[0])
    return replace(plain, **changes)


def test_the_curve_places_every_measure() -> None:
    drawn = curve(progress(), "en")
    bits = 500 / 1500 / math.log(2)  # a token has three bytes here
    assert losses_in_bits(progress()) == [(1, pytest.approx(6.0 * bits)), (40, pytest.approx(4.0 * bits))]
    marks = ticks(1.4, 6.0 * bits)
    top, span = marks[-1], marks[-1] - marks[0]
    for css, points in (("validation", [point[:2] for point in progress().validation]),
                        ("train", losses_in_bits(progress()))):  # fmt: skip
        placed = [f"{100 * step / 40:.2f},{100 * (top - loss) / span:.2f}" for step, loss in points]
        assert f'<polyline class="{css}" points="{" ".join(placed)}"' in drawn
    assert "Validation 1.60 bits per byte (started at 2.00)" in drawn and "<script" not in drawn


def test_the_curve_leaves_out_what_is_no_number() -> None:
    drawn = curve(progress(losses=((1, math.nan), (2, math.inf), (40, 4.0))), "en")
    assert "nan" not in drawn and "inf" not in drawn and 'class="train" points="100.00,' in drawn


def test_there_is_no_curve_before_a_measure() -> None:
    assert curve(Progress("queued"), "en") == ""


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "best at step 20"),
        ({"validation": ((0, 2.0, 6.0), (20, 1.4, 4.2))}, "improved by 30%"),
        ({"validation": ((0, 2.0, 6.0), (20, 2.1, 6.3))}, "no better"),
        ({"validation": ((0, 2.0, 6.0),)}, ""),
        ({"state": "done", "metrics": {"validation_bpb_after": 1.4}}, "improved by 30%"),
        ({"started": replace(LOG[0], validation_rows=0), "validation": ()}, "no validation rows"),
    ],
)
def test_the_verdict_is_what_the_measures_say(changes: dict, said: str) -> None:
    words = run.verdict(progress(**changes), "en")
    assert said in words and bool(words) == bool(said)


def test_an_error_and_a_note_are_shown_in_the_visitors_language() -> None:
    failed = progress(
        state="failed", error=Text("Disk <full>.", "ディスクが一杯です。"), notes=(Text("Cut.", "分けました。"),)
    )
    assert "Disk &lt;full&gt;." in run.headline(failed, "en") and "ディスク" in run.headline(failed, "ja")
    assert "分けました" in run.notes(failed, "ja")


def test_speed_and_time_left_are_the_runs_own() -> None:
    assert "1,234 tokens/s" in run.headline(progress(step=10), "en") and "5 s left" in run.headline(progress(), "en")
    done = replace(progress(), state="done", metrics={"seconds": 61.0}, seconds_left=None)
    assert "took 61 s" in run.headline(done, "en") and "Step 40 / 40" in run.headline(done, "en")
    # The last steps may never have been reported one by one; what was done is known all the same.
    assert "Step 40 / 40" in run.headline(replace(done, step=38, metrics={"steps": 40}), "en")
    early = run.headline(replace(done, step=24, metrics={"steps": 24}), "en")
    assert "Ended at step 24 / 40: validation no longer improved" in early


def test_events_of_a_log_become_the_same_picture(tmp_path: Path) -> None:
    """From the file on: what a reload reads is what was shown."""
    from core.train.queue.progress import EventFollower
    from core.train.spec import RunFolder

    folder = RunFolder(tmp_path)
    for event in (Launched(0), *LOG, Notice("n", "n"), Done({"seconds": 3.0})):
        append(folder.events, event)
    shown = []
    for _ in range(2):
        follower = EventFollower(folder)
        follower.follow()
        shown.append(curve(follower.show("done"), "ja"))
    assert shown[0] == shown[1] != ""


# The line


def test_the_line_shows_places_and_changes_only_the_own_ones(services: Services) -> None:
    keep_dataset(services)
    first, second = start(services, name="aoi"), start(services, name="rin")
    theirs = services.jobs.submit("key-other", services.jobs.get(owner(services), first).spec)
    handlers = QueueHandlers(services)

    def look(chosen: str, shown: tuple = ()) -> tuple:
        return handlers.refresh(KEY, chosen, shown, visit("en"))

    card, line, up, down, shown = look(second)
    assert card.visible and (up.interactive, down.interactive) == (True, False)
    assert re.findall(r"<li.*?>(.*?)</li>", line)[:2] == ["aoi", "rin"] and line.count("someone else") == 1
    assert "<li class=now>rin" in line
    assert look(second, shown) == (gr.skip(),) * 5
    handlers.up(KEY, second, visit())
    assert [job and job.id for job in services.jobs.queue(owner(services))] == [second, first, None]
    handlers.down(KEY, second, visit())
    with pytest.raises(gr.Error, match="no such training"):
        handlers.up(KEY, theirs.id, visit("en"))
    assert not look("")[0].visible and not look(theirs.id)[0].visible
    services.jobs.stop(owner(services), second)
    card, _, up, _, _ = look(first)
    assert card.visible and not up.visible  # one's own alone: nothing to change
