"""What the page makes of a trained adapter: a preference run, an export, a combination."""

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from core.data.preferences import Pair
from core.messages import Turn
from core.train.events import PreferenceEval
from core.train.preference.config import SLOWER
from core.train.queue.progress import Progress
from core.train.spec import JobSpec
from tabs.train.export_merge import ExportMergeHandlers, weights_of
from tabs.train.preference import PreferenceHandlers, preference_html
from tabs.train.run import headline
from tabs.ui.services import Services
from tests.helpers.adapter_tiny import TEMPLATED, tiny_adapter
from tests.helpers.tab_tiny import KEY, OTHER, keep_dataset, owner, services_on, visit
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, tiny_base
from tests.helpers.typed import present


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    from transformers import AutoTokenizer

    folder = tiny_base(tmp_path_factory.mktemp("models") / "base")
    return folder, AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def adapter(base: tuple[Path, object]) -> Path:
    return tiny_adapter(base[0].parent / "mika", base[0]).folder


@pytest.fixture
def services(base: tuple[Path, object], home: Path) -> Services:
    return services_on(home, *base)


@pytest.fixture
def job(services: Services, base: tuple[Path, object], adapter: Path) -> str:
    """A training that ended with an adapter."""
    who = owner(services)
    dataset = services.workspace.place(who, "datasets", keep_dataset(services))
    made = services.jobs.submit(who, JobSpec(str(base[0]), dataset, PROMPT_CONFIG, CONFIG, "mika"))
    shutil.copytree(adapter, made.folder.adapter)
    return made.id


def test_a_preference_run_stands_on_the_adapter_and_the_corrections(services: Services, job: str) -> None:
    handlers, who = PreferenceHandlers(services), owner(services)
    sentence, rate = handlers.look(KEY, job, visit("en"))
    assert ": 0" in sentence and rate == CONFIG.learning_rate / SLOWER
    handlers.begin(KEY, job, 40, 0.2, 1e-4, visit())  # the first one stores the adapter
    services.preferences.add(who, Pair((Turn("user", ("hi",)),), ("yes",), ("no",), adapter="mika"))
    services.preferences.add(who, Pair((Turn("user", ("hi",)),), ("yes",), ("no",), adapter="other"))
    assert ": 1" in handlers.look(KEY, job, visit("en"))[0]
    begun, said = handlers.begin(KEY, job, 40, 0.2, 1e-4, visit("en"))
    assert "mika-dpo" in said
    run = services.jobs.get(who, begun)
    preference = present(run.spec.preference)
    assert (preference.beta, preference.own_replies) == (0.2, 40)
    assert run.spec.prompt_config == TEMPLATED and run.spec.adapter_name == "mika-dpo"
    assert (run.spec.config.learning_rate, run.spec.config.epochs, run.spec.config.dropout) == (1e-4, 1, 0.0)
    assert (run.folder.start / "adapter_model.safetensors").is_file()
    assert len(run.folder.corrections.read_text(encoding="utf-8").splitlines()) == 1
    assert (run.folder.dataset / "validation.jsonl").is_file()


def test_nobody_tunes_or_exports_somebody_elses_training(services: Services, job: str) -> None:
    with pytest.raises(gr.Error):
        PreferenceHandlers(services).begin(OTHER, job, 40, 0.1, 1e-4, visit())
    with pytest.raises(gr.Error):
        PreferenceHandlers(services).look(OTHER, job, visit())
    with pytest.raises(gr.Error):
        list(ExportMergeHandlers(services).export(OTHER, job, visit()))


def test_settings_that_cannot_be_used_are_said(services: Services, job: str) -> None:
    for wrong in ((-1, 0.1, 1e-4), (40, 0, 1e-4), (40, 0.1, 0), (None, 0.1, 1e-4)):
        with pytest.raises(gr.Error):
            PreferenceHandlers(services).begin(KEY, job, *wrong, visit())


def test_how_clearly_it_prefers_is_told_and_drawn() -> None:
    assert preference_html(Progress("running"), "en") == ""
    events = tuple(PreferenceEval(step, held, 0.75, 0.1 * step) for step in (2, 4) for held in (False, True))
    shown = preference_html(Progress("running", step=4, steps=8, preference_eval=events), "en")
    assert "75%" in shown and "+0.40" in shown and shown.count("<polyline") > 2
    assert "12" in headline(Progress("running", generating=(12, 40)), "ja")


def test_the_export_is_a_zip_that_tells_how_it_goes(services: Services, job: str) -> None:
    files, states, _ = zip(*ExportMergeHandlers(services).export(KEY, job, visit("en")), strict=True)
    file = files[-1]
    names = zipfile.ZipFile(file).namelist()
    assert "Merging" in "".join(states) and "good" in states[-1]
    assert {"mika/Modelfile", "mika/README.md", "mika/model/config.json"} <= set(names)
    assert Path(file).is_file() and not list(services.workspace.folder(owner(services), "downloads").iterdir())


def test_stored_adapters_are_combined_to_a_new_one(services: Services, base: tuple[Path, object]) -> None:
    handlers, who = ExportMergeHandlers(services), owner(services)
    _, form, empty = handlers.list_kept(KEY, None, visit())
    assert not form.visible and empty.visible
    for seed, name in enumerate(("one", "two")):
        tiny_adapter(services.workspace.place(who, "adapters", name), base[0], seed=seed)
    picker, form, _ = handlers.list_kept(KEY, ["one", "gone"], visit())
    assert form.visible and picker.value == ["one"]
    *_, said = handlers.combine(KEY, ["one", "two"], "0.7, 0.3", "linear", 0.5, "both", visit("en"))
    assert "both" in said and "good" in said
    made = services.adapters.get(who, "both")
    assert [part["weight"] for part in made.training["combined"]["adapters"]] == [0.7, 0.3]
    *_, said = handlers.combine(KEY, ["one"], "", "linear", 0.5, "", visit("en"))
    assert "warn" in said and "from 2 to 4" in said
    assert replace(present(made.prompt_config)) == TEMPLATED


def test_weights_are_read_as_people_write_them() -> None:
    assert weights_of("1, 0.5", 2) == weights_of("1、0.5", 2) == (1.0, 0.5)
    assert weights_of(" ", 4) == (0.25,) * 4
