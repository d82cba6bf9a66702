"""How the model is asked, on the page: the list, the look, the choice, and templates of one's own."""

from pathlib import Path

import gradio as gr
import pytest

from core.errors import ModelError
from tabs.talk.template import TemplateHandlers
from tabs.train.form_values import FormValues, find_base, prompt_config_of
from tabs.ui.services import Services
from tests.helpers import prompt_tiny
from tests.helpers.tab_tiny import KEY, OTHER, keep_dataset, models_of, owner, services_on, visit

JINJA = (
    "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    tokenizer = prompt_tiny.byte_bpe(template=prompt_tiny.chatml())
    return services_on(tmp_path / "home", tmp_path / "tiny", tokenizer)


def test_the_list_says_what_automatic_means_and_how_a_talk_looks(services: Services) -> None:
    shown, look, jinja, name, delete = TemplateHandlers(services).show(KEY, visit("en"))
    assert shown.value == "auto" and shown.choices[0] == ("Automatic (the model’s own)", "auto")
    assert {"model", "chatml", "dialogue"} <= {key for _, key in shown.choices}
    assert "&lt;|im_start|&gt;user" in look and "<b>Good morning!</b>" in look and name == "" and not delete.visible
    assert jinja == prompt_tiny.chatml()


def test_an_own_one_is_kept_chosen_and_shared_by_chat_data_and_training(services: Services) -> None:
    handlers = TemplateHandlers(services)
    shown, look, jinja, name, delete = handlers.save(KEY, "mine", JINJA, visit("en"))
    assert shown.value == "own:mine:1" and ("mine, version 1", "own:mine:1") in shown.choices
    assert "[user] <b>Good morning!</b>" in look and (jinja, name) == (JINJA.strip(), "mine") and delete.visible
    wanted = services.template(owner(services))
    assert wanted.endswith(JINJA.strip()) and services.template(owner(services, OTHER)) == "auto"

    saved = services.datasets.get(owner(services), keep_dataset(services))
    base = find_base(services, models_of(services).folder.name)
    config = prompt_config_of(
        FormValues(saved.folder.name, base.name, None, "", "", "", ""), saved, base, template=wanted
    )
    assert config.template == wanted

    handlers.save(KEY, "mine", JINJA.replace("[", "("), visit("en"))
    shown, look, *_ = handlers.choose(KEY, "own:mine:1", visit("en"))
    assert shown.value == "own:mine:1" and "[user]" in look
    shown, *_ = handlers.delete(KEY, "mine", visit("en"))
    assert shown.value == "auto" and services.template(owner(services)) == "auto"


def test_a_refused_one_changes_nothing(services: Services) -> None:
    handlers = TemplateHandlers(services)
    for call in (
        lambda: handlers.save(KEY, "mine", "{{ 1 / 0 }}", visit()),
        lambda: handlers.save(KEY, " ", JINJA, visit()),
        lambda: handlers.choose(KEY, "own:gone:1", visit()),
        lambda: handlers.choose(KEY, "nothing", visit()),
        lambda: handlers.delete(KEY, "gone", visit()),
    ):
        with pytest.raises(gr.Error):
            call()
    assert services.template(owner(services)) == "auto" and handlers.templates.names(owner(services)) == []


def test_without_a_model_it_says_so(services: Services) -> None:
    models_of(services).ready = False
    shown, look, *_ = TemplateHandlers(services).show(KEY, visit("en"))
    assert shown.choices == [] and str(ModelError("The model is still being loaded.", "")) in look
