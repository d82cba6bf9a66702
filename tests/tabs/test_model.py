"""The model card: how the model stands, which others there are, and what one takes before it is loaded."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

import gradio as gr
import pytest

from core.catalogue.catalogue import CatalogueEntry, catalogue, entry_of
from core.errors import ModelError
from core.models.loading import ModelStatus, ModelStore
from core.models.options import LoadOptions, Trust
from core.models.sizing.machine import Machine
from core.models.tokenizers.check import TokenizerCheck
from core.text import Text
from tabs.talk import model_choice
from tabs.talk.model import ModelHandlers, describe
from tabs.talk.model_choice import SHOWN_FIRST, ChoiceHandlers
from tests.helpers.tab_tiny import KEY, services_on, visit
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import untyped

GB = 10**9
RINNA = "rinna/japanese-gpt-neox-3.6b"


@dataclass
class Store:
    """A ModelStore that notes what it is asked to load."""

    local_folders: bool = True
    status: ModelStatus = ModelStatus()  # noqa: RUF009 - frozen
    started: list[tuple] = field(default_factory=list)

    def start(self, name: str, options: LoadOptions) -> None:
        self.started.append((name, options))


@pytest.fixture
def handlers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChoiceHandlers:
    """On a machine with 8 GB."""
    monkeypatch.setattr(model_choice, "this_machine", lambda: Machine(8 * GB))
    services = services_on(tmp_path / "home", tmp_path, None)
    return ChoiceHandlers(replace(services, models=Store()))


def look(handlers: ChoiceHandlers, name: str, *, fetch: bool = False, language: str = "en") -> tuple[str, gr.Radio]:
    return handlers.look(KEY, name, fetch, visit(language))


def test_a_newcomer_sees_a_few_that_fit_and_everybody_the_whole_catalogue(handlers: ChoiceHandlers) -> None:
    few, every = handlers.fill(KEY, visit("ja"))
    assert 2 < len(few.choices) <= SHOWN_FIRST
    assert all("メモリー" in text and "\n" in text and entry_of(str(value)) for text, value in few.choices)
    assert [value for _, value in every.choices] == [entry.id for entry in catalogue()]
    assert "fits" in handlers.fill(KEY, visit("en"))[1].choices[0][0]


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.id)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_model_is_described(handlers: ChoiceHandlers, entry: CatalogueEntry, language: str) -> None:
    shown, bits = look(handlers, entry.id, language=language)
    plain = shown.replace("&#x27;", "'")
    assert entry.notes.in_language(language) in plain and entry.tried.in_language(language) in plain
    assert (f"https://huggingface.co/{entry.id}" in shown) == bool(entry.gated)
    assert (entry.licence or {"ja": "不明", "en": "not known"}[language]) in shown
    assert bits.visible == (not entry.stored_bits)
    assert not re.search(r"model\.\w", shown)  # no text is missing


def test_the_bits_that_fit_are_chosen(handlers: ChoiceHandlers) -> None:
    shown, bits = look(handlers, RINNA)
    assert bits.value == "8bit" and "too big" in shown and "fits" in shown  # 8 GB of RAM
    assert look(handlers, "Qwen/Qwen3-0.6B")[1].value == "none"
    assert look(handlers, "stabilityai/japanese-stablelm-base-alpha-7b")[1].value == "4bit"


def test_another_model_is_looked_up_when_asked(handlers: ChoiceHandlers, tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "mine <b>")
    shown, bits = look(handlers, str(base))
    assert "Enter" in shown and not bits.visible
    shown, bits = look(handlers, str(base), fetch=True)
    assert "256" in shown and "MB<" in shown and bits.value == "none" and "<b>" not in shown.split("mine")[1][:5]
    assert "no config.json" in look(handlers, str(tmp_path), fetch=True)[0]
    assert "neither a Hub id" in look(handlers, "no model", fetch=True)[0]
    handlers.services.models.local_folders = False
    assert "neither a Hub id" in look(handlers, str(base), fetch=True)[0]
    assert look(handlers, "  ")[0] == ""


def test_what_is_chosen_is_loaded(handlers: ChoiceHandlers) -> None:
    handlers.load(KEY, RINNA, "4bit", True, False, visit())
    handlers.load(KEY, "", "nonsense", None, None, visit())
    assert untyped(handlers.services.models).started == [
        (RINNA, LoadOptions("4bit", Trust(pickles=True))), ("", LoadOptions()),
    ]  # fmt: skip


def test_on_a_public_server_nobody_can_trust(tmp_path: Path) -> None:
    services = services_on(tmp_path / "home", tmp_path, None)
    public = ChoiceHandlers(replace(services, models=ModelStore(local_folders=False)))
    for pickles, code in ((True, False), (False, True)):
        with pytest.raises(gr.Error, match=r"\.bin|他の人|ほかの人"):
            public.load(KEY, RINNA, "none", pickles, code, visit())
    assert public.services.models.status == ModelStatus()


def test_how_the_model_stands_is_told() -> None:
    check = TokenizerCheck("rebuilt", Text("It was rebuilt <x>.", "作り直しました。"))
    ready = ModelStatus("ready", "a/b", device="cpu", parameters=3_600_000_000, context=2048, quantization="4bit",
                        offloaded=0.25, tokenizer_check=check)  # fmt: skip
    shown = describe(ready, "en")
    for text in ("3.6 B", "2,048", "4 bits", "25%", "✓ It was rebuilt &lt;x&gt;."):
        assert text in shown
    assert "作り直しました" in describe(ready, "ja") and "25%" not in describe(replace(ready, offloaded=0.0), "ja")
    wrong = replace(ready, tokenizer_check=TokenizerCheck("wrong", Text("It differs.", "異なります。")))
    assert '<p class="warn">! It differs.' in describe(wrong, "en")


def test_how_far_a_load_is_is_told() -> None:
    loading = ModelStatus("loading", "a/b", fraction=0.4, seconds_left=12.0)
    assert "40%" in describe(loading, "en") and "12 s left" in describe(loading, "en")
    assert "残り 12 秒" in describe(loading, "ja")
    assert "left" not in describe(replace(loading, seconds_left=None), "en")
    failed = ModelStatus("failed", "a/b", error=ModelError("It broke <x>.", "壊れました。"))
    assert "It broke &lt;x&gt;." in describe(failed, "en")


def test_nothing_is_sent_while_nothing_changes(handlers: ChoiceHandlers) -> None:
    card = ModelHandlers(handlers.services)
    first = card.refresh(KEY, "", visit())
    assert first[2].interactive is True
    assert card.refresh(KEY, first[-1], visit())[0]["__type__"] == "update"
