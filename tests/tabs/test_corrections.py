"""The card of corrections in the Data tab: what was corrected is listed with its prompt and handed to training."""

from pathlib import Path

import gradio as gr
import pytest

from core.chat.conversation import ReplyMetadata
from core.data.preferences import Preferences
from core.prompt import Prompt, Segment
from core.settings import Settings
from tabs.data.sets.corrections import CorrectionHandlers
from tabs.ui.services import Services, make_services
from tests.helpers.tab_tiny import KEY, OTHER, owner, visit


@pytest.fixture
def services(tmp_path: Path) -> Services:
    made = make_services(Settings(home=tmp_path))
    made.jobs.close()
    return made


def corrected(services: Services, persona: str = "yui") -> str:
    """A talk of KEY's owner with one rewritten reply, whose prompt was kept."""
    store, me = services.conversations, owner(services)
    talk = store.new(persona).said("user", "<b>hi").said("assistant", "too stiff", made=ReplyMetadata("mini"))
    store.keep_prompt(me, talk, Prompt((1, 2), (False,) * 2, (Segment("new", "PROMPT <i>", 0, 2),), 64).to_json())
    return store.save(me, talk.edited(1, "やっほー")).id


def test_corrections_are_listed_with_their_prompts(services: Services) -> None:
    corrected(services)
    who, shown, target, acts = CorrectionHandlers(services).show(KEY, None, visit("en"))
    assert who.value == "yui/" and who.visible is False and acts.visible
    assert "too stiff" in shown and "やっほー" in shown and "PROMPT &lt;i&gt;" in shown and "&lt;b&gt;hi" in shown
    assert [value for _, value in target.choices] == [""]


def test_before_there_are_any_it_says_how(services: Services) -> None:
    handlers = CorrectionHandlers(services)
    assert "empty" in handlers.show(KEY, None, visit())[1]
    with pytest.raises(gr.Error, match="書き直した返事がまだありません"):
        handlers.add(KEY, None, "", visit())


def test_rows_and_pairs_reach_training_and_nobody_elses(services: Services) -> None:
    handlers = CorrectionHandlers(services)
    corrected(services)
    sets, _ = handlers.add(KEY, "yui/", "", visit())
    (saved,) = services.datasets.list_all(owner(services))
    assert sets.value == saved.folder.name and saved.info.train_rows == 1 and saved.info.description
    for _ in range(2):
        handlers.prefer(KEY, "yui/", visit())
    (pair,) = Preferences(services.workspace).list_all(owner(services))
    assert (pair.chosen, pair.rejected, pair.persona) == (("やっほー",), ("too stiff",), saved.info.persona)
    assert "empty" in handlers.show(OTHER, "yui/", visit())[1]


def test_a_persona_that_is_gone_keeps_its_corrections(services: Services) -> None:
    corrected(services, "gone-123")
    who, shown, *_ = CorrectionHandlers(services).show(KEY, None, visit())
    assert who.choices == [("gone-123 (1)", "gone-123/")] and "やっほー" in shown
