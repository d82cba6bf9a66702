"""What stands beside the form's settings: the file and the command, a row as it will be learned, going on."""

import shlex
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from core.files import write_json
from core.train.__main__ import read_order
from core.train.config.train_config import TrainConfig
from tabs.train import form, settings
from tabs.train.files import FileHandlers
from tabs.train.form import FormHandlers
from tabs.train.form_values import FormValues
from tabs.train.preview import PreviewHandlers
from tabs.train.settings import SettingsForm
from tabs.ui import heartbeat
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tests.helpers.tab_tiny import KEY, OTHER, keep_dataset, models_of, owner, services_on, visit
from tests.helpers.train_tiny import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "base")


@pytest.fixture
def services(base: Path, home: Path) -> Services:
    from transformers import AutoTokenizer

    return services_on(home, base, AutoTokenizer.from_pretrained(base))


def asked(config: TrainConfig, *, start_from: str = "", description: str = "Mika.") -> tuple:
    return ("mika-talk", "", start_from, "mika-9", "Mika", description, "Ken", *SettingsForm.showing(config).values())


def advice(services: Services) -> tuple:
    _, _, found, _, *values = FormHandlers(services).advise(KEY, "mika-talk", "", visit("en"))
    return found, SettingsForm.of(values).config()


def test_the_command_and_the_file_do_what_the_form_does(services: Services, tmp_path: Path) -> None:
    keep_dataset(services)
    found, config = advice(services)
    config = replace(config, rank=5, target="q_proj, v_proj", learning_rate=3e-5)
    job, _ = FormHandlers(services).start(KEY, *asked(config), visit())
    spec = services.jobs.get(owner(services), job).spec
    command, text = FileHandlers(services).write(KEY, found, *asked(config), visit())
    words = shlex.split(command)
    assert {word.split("=")[0] for word in words if "=" in word} == {"rank", "target", "learning_rate"}
    by_command = read_order(words[3:])
    assert replace(by_command.spec, base_revision=None) == spec
    (tmp_path / "c.yaml").write_text(text, encoding="utf-8")
    assert read_order([str(tmp_path / "c.yaml")]).spec == spec


def test_visitors_of_a_public_server_see_no_folder_of_it(services: Services) -> None:
    keep_dataset(services)
    found, config = advice(services)
    shown = services.settings.home
    written = "".join(FileHandlers(replace(services, public=True)).write(KEY, found, *asked(config), visit()))
    assert "mika-talk" in written and str(shown) not in written and str(models_of(services).folder) not in written


def test_settings_come_from_a_file_and_the_rest_stays(services: Services, tmp_path: Path) -> None:
    now = SettingsForm.showing(replace(TrainConfig(), epochs=4)).values()
    file = tmp_path / "config.yaml"
    file.write_text("base: x\nsettings:\n  rank: 3\n  learning_rate: 1e-4\n", encoding="utf-8")
    read = FileHandlers(services).read
    config = SettingsForm.of(read(KEY, str(file), *now, visit())).config()
    assert (config.rank, config.learning_rate, config.epochs) == (3, 1e-4, 4)
    for wrong, said in (("settings: {rank: 0}", "rank = 0"), ("rnak: 3", "rnak"), ("[", "cannot be read")):
        file.write_text(wrong, encoding="utf-8")
        with pytest.raises(gr.Error, match=said):
            read(KEY, str(file), *now, visit("en"))


def test_a_row_is_shown_as_the_settings_will_learn_it(services: Services) -> None:
    keep_dataset(services)
    _, config = advice(services)
    row = PreviewHandlers(services).row
    slider, drawn = row(KEY, 3, *asked(config), visit("en"))
    assert slider.value == 3 and slider.maximum == 24 and drawn.count("learned") > 3 and "partly" not in drawn
    _, last = row(KEY, 3, *asked(replace(config, loss_on="last_reply")), visit("en"))
    assert 3 < last.count("t2 learned") < drawn.count("t2 learned")
    _, weighed = row(KEY, 3, *asked(replace(config, prompt_loss_weight=0.1)), visit("en"))
    assert weighed.count("t2 learned") == drawn.count("t2 learned") and "partly" in weighed
    _, cut = row(KEY, 3, *asked(replace(config, max_length=80)), visit("en"))
    assert cut.count('class="tokens') > 1
    with pytest.raises(gr.Error, match="no data set"):
        row(OTHER, 1, *asked(config), visit("en"))


def keep_adapter(services: Services, base: str) -> str:
    folder = services.workspace.place(owner(services), "adapters", "mika-01")
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").touch()
    shape = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj"], "base_model_name_or_path": base}
    write_json(folder / "adapter_config.json", shape)
    write_json(folder / "prompt_config.json", {"persona": "ミカ", "description": "Old.", "user": "ケン"})
    return folder.name


def test_going_on_brings_the_adapters_shape_and_names_and_reaches_the_run(services: Services) -> None:
    keep_dataset(services)
    name, handlers = keep_adapter(services, models_of(services).folder.name), FormHandlers(services)
    assert [value for _, value in handlers.adapters(KEY, "", visit()).choices] == ["", name]
    _, config = advice(services)
    persona, description, user, *values = handlers.going_on(
        KEY, name, "", *SettingsForm.showing(config).values(), visit()
    )
    assert (persona, description, user) == ("ミカ", "Old.", "ケン")
    assert SettingsForm.of(values).config() == replace(config, rank=4, alpha=8, target="q_proj")
    job = services.jobs.get(owner(services), handlers.start(KEY, *asked(config, start_from=name), visit())[0])
    assert job.spec.config.rank == 4 and (job.folder.start / "adapter_config.json").is_file()
    with pytest.raises(gr.Error, match="no adapter"):
        handlers.going_on(OTHER, name, "", *SettingsForm.showing(config).values(), visit("en"))


def test_an_adapter_of_another_base_is_refused_with_the_reason(services: Services) -> None:
    keep_dataset(services)
    name, (_, config) = keep_adapter(services, "someone/else"), advice(services)
    with pytest.raises(gr.Error, match="trained on someone/else"):
        FormHandlers(services).going_on(KEY, name, "", *SettingsForm.showing(config).values(), visit("en"))


def test_every_control_accepts_what_it_begins_with(services: Services) -> None:
    """Gradio refuses, at the press of a button, a dropdown's value that is not among its choices."""
    with gr.Blocks() as page:
        key, state, changed = gr.BrowserState(""), gr.State(""), heartbeat.build()
        with gr.Tabs() as tabs:
            shared = Shared(key, state, state, tabs, page.load(lambda: None), changed)
            made = form.build(services, shared, state)
    assert set(made.components) == {*FormValues.field_names(), *settings.CONTROLS}
    for component in made.components.values():
        component.preprocess(component.value)
