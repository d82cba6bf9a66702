"""Side by side: every column answers the same words by the one chat, and a choice becomes pairs for DPO."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError
from core.evaluate.side_by_side import REMOTE, SaidInColumn, SideColumn, context_of, preferred, speak
from core.settings import Settings
from tabs.ui.services import Services, make_services
from tests.helpers.adapter_tiny import tiny_adapter
from tests.helpers.tab_tiny import owner
from tests.helpers.train_tiny import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("side") / "base")


@pytest.fixture
def services(home: Path, base: Path) -> Iterator[Services]:
    made = make_services(Settings(home=home, model=str(base)))
    made.jobs.close()
    made.models.start()
    assert made.models.wait().state == "ready"
    tiny_adapter(made.workspace.folder(owner(made), "adapters") / "one", base)
    yield made


def said(services: Services, *columns: SideColumn, asked: str = "hey") -> list[SaidInColumn]:
    return list(speak(services.chat, owner(services), "en", columns, asked, threading.Event()))


def test_every_column_answers_in_its_own_way(services: Services) -> None:
    columns = (SideColumn(), SideColumn("one"), SideColumn("one", template="dialogue", mood="calm"))
    found = said(services, *columns)
    assert [part.column for part in found if part.finished] == [0, 1, 2]
    base, own, other = (context_of(services.chat, owner(services), "en", column, like="one") for column in columns)
    assert base.adapter is None and base.prompt_config.persona == "Mika"  # asked as the adapter beside it
    assert own.adapter and own.adapter.name == "one"
    assert own.prompt_config.persona == "Mika" and own.prompt_config.template == "chatml"
    assert other.prompt_config.template == "dialogue" and other.sampling.temperature == 0.3
    assert services.conversations.list_all(owner(services)) == []  # nothing of it is a talk


def test_what_cannot_be_asked_is_refused(services: Services) -> None:
    with pytest.raises(InputError, match="Write something"):
        said(services, SideColumn(), SideColumn("one"), asked=" ")
    with pytest.raises(InputError, match="2 to 4"):
        said(services, SideColumn())
    with pytest.raises(InputError, match="the same"):
        said(services, SideColumn(), SideColumn())
    with pytest.raises(InputError, match="No server"):
        said(services, SideColumn(REMOTE), SideColumn())


COLUMNS = (SideColumn(), SideColumn("one"), SideColumn("two"))
SAID = (("はい。",), ("うん", "いく"), ("昼から",))


def test_a_choice_is_a_pair_for_each_adapter_that_spoke() -> None:
    pairs = preferred(COLUMNS, SAID, 1, "ひま？", ("Mika",) * 3)
    assert {pair.chosen for pair in pairs} == {SAID[1]}
    assert [(pair.adapter, pair.rejected) for pair in pairs] == [
        ("one", ("はい。",)), ("one", ("昼から",)), ("two", ("昼から",)),
    ]  # fmt: skip
    assert all(pair.context[0].messages == ("ひま？",) and pair.persona == "Mika" for pair in pairs)


def test_what_says_the_same_or_is_somebody_else_is_no_pair() -> None:
    assert preferred(COLUMNS[:2], (("うん",), ("うん ",)), 0, "?", ("Mika",) * 2) == []
    assert preferred(COLUMNS[:2], (("うん",), ()), 0, "?", ("Mika",) * 2) == []
    assert preferred(COLUMNS[:2], SAID[:2], 0, "?", ("Mika", "Ken")) == []
    assert preferred((SideColumn(), SideColumn(mood="calm")), SAID[:2], 0, "?", ("Mika",) * 2)[0].adapter == ""
