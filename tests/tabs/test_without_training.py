"""A persona made of the open log: what it is, what it remembers, and from what privacy keeps it."""

from datetime import datetime

from core.memory.retrieve.dates import Span
from core.memory.turns import Turns
from tabs.data.log.without_training import WithoutTraining
from tabs.ui.services import Services
from tests.helpers.typed import present
from tests.tabs.test_data import Tab, base, services  # noqa: F401 - fixtures

EVER = Span(datetime(2000, 1, 1), datetime(2100, 1, 1))


def made(tab: Tab):
    conversation, _ = WithoutTraining(tab.context).talk(tab.key, tab.log, tab.request, None)
    talk = present(tab.services.conversations.get(tab.owner, conversation))
    return tab.services.personas.get(tab.owner, talk.persona, "ja")


def remembered(tab: Tab, persona: str) -> list[str]:
    return [turn.text for turn in Turns(tab.services.memory.store(tab.owner)).during(persona, EVER)]


def test_the_sample_becomes_a_persona_that_remembers(services: Services) -> None:  # noqa: F811
    tab = Tab(services).sample()
    persona = made(tab)
    assert persona.name == "葵" and persona.user == "湊" and persona.examples
    turns = remembered(tab, persona.id)
    rows = tab.prepared
    said = {"\n".join(t.messages) for row in (*rows.train, *rows.validation, *rows.test) for t in row.turns}
    assert len(turns) > 300 and set(turns) == said
    assert len(made(tab).examples) == len(persona.examples)  # and again, as another persona


def test_stand_ins_are_remembered_where_rows_hold_them(services: Services) -> None:  # noqa: F811
    tab = Tab(services).sample()
    tab.choose(private=True, secrets=["かなめ"])
    persona = made(tab)
    assert "かなめ" not in persona.description and persona.user != "湊"
    assert not any("かなめ" in text for turn in persona.examples for text in turn.messages)
    assert remembered(tab, persona.id) and not any("かなめ" in text for text in remembered(tab, persona.id))
