"""The list of talks on the Chat tab: what its buttons do, and that they reach nobody else's talks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from core.chat.conversation import Conversation
from tabs.talk.handlers import TalkHandlers
from tabs.talk.replies import Replies
from tabs.talk.talk_list import TalkListHandlers
from tabs.talk.talks_drawn import SHOWN
from tabs.talk.transfer import TransferHandlers
from tabs.ui.services import Services
from tests.helpers.tab_tiny import KEY, OTHER, owner, services_on, visit
from tests.helpers.typed import present


@dataclass
class Listed:
    """The list as one browser has it."""

    services: Services
    key: str = KEY

    def __post_init__(self) -> None:
        self.handlers = TalkListHandlers(self.services, TalkHandlers(self.services, Replies(self.services)))

    def said(self, words: str) -> Conversation:
        fresh = self.services.conversations.new("yui").said("user", words)
        return self.services.conversations.save(owner(self.services, self.key), fresh)

    def act(self, name: str, talk: str, *, here: str = "", words: str = "", query: str = "") -> tuple[Any, Any]:
        event = gr.EventData(None, {"act": name, "talk": talk, "words": words})
        return self.handlers.act(self.key, here or talk, query, event, visit())


@pytest.fixture
def listed(tmp_path: Path) -> Iterator[Listed]:
    services = services_on(tmp_path, tmp_path / "base", object())
    yield Listed(services)
    services.jobs.close()


def test_a_talk_is_opened_pinned_and_renamed(listed: Listed) -> None:
    sea, hill = listed.said("the sea"), listed.said("a hill")
    assert listed.act("open", hill.id, here=sea.id) == (hill.id, gr.skip())
    _, drawn = listed.act("pin", sea.id)
    assert drawn.index("the sea") < drawn.index("a hill") and "ピンを外す" in drawn
    _, drawn = listed.act("rename", sea.id, words="<Enoshima>")
    assert "<b>&lt;Enoshima&gt;</b>" in drawn and "<b>the sea</b>" not in drawn
    _, drawn = listed.act("pin", sea.id)
    assert drawn.index("a hill") < drawn.index("Enoshima") and "<h3>" not in drawn


def test_the_list_shows_what_was_searched_for(listed: Listed) -> None:
    sea, _ = listed.said("海へ行こう"), listed.said("山")
    drawn = listed.handlers.find(KEY, sea.id, "海へ", visit())
    assert drawn.count('class="talk"') == 1 and "<q>海へ行こう</q>" in drawn and 'data-query="海へ"' in drawn
    assert "ありません" in listed.handlers.find(KEY, sea.id, "川", visit())


def test_a_removed_talk_is_put_back(listed: Listed) -> None:
    sea, hill = listed.said("the sea"), listed.said("a hill")
    opened, _ = listed.act("remove", sea.id)
    assert opened == hill.id
    assert "「the sea」を消しました" in listed.handlers.find(KEY, hill.id, "", visit())
    assert listed.act("put_back", sea.id, here=hill.id)[0] == sea.id
    opened, drawn = listed.act("remove", hill.id, here=sea.id)  # not the one that is open
    assert opened == gr.skip() and "a hill" not in drawn.split("</p>")[1]
    listed.services.chat.delete(owner(listed.services), hill.id)
    opened, drawn = listed.act("put_back", hill.id, here=sea.id)
    assert opened == gr.skip() and "消しました" not in drawn


def test_more_is_shown_when_it_is_asked_for(listed: Listed) -> None:
    talks = [listed.said(str(n)) for n in range(SHOWN + 2)]
    drawn = listed.handlers.find(KEY, talks[-1].id, "", visit())
    assert drawn.count('class="talk"') == SHOWN and 'data-act="more"' in drawn
    _, drawn = listed.act("more", "", here=talks[-1].id)
    assert drawn.count('class="talk"') == SHOWN + 2 and 'data-act="more"' not in drawn


def test_nobody_reaches_anothers_talks(listed: Listed) -> None:
    mine = listed.said("a secret")
    theirs = Listed(listed.services, OTHER)
    own = theirs.said("x")
    for name in ("open", "pin", "rename", "remove", "put_back", "more", "nothing"):
        opened, drawn = theirs.act(name, mine.id, here=own.id, words="stolen")
        assert opened == gr.skip() and "secret" not in drawn, name
    assert 'class="talk"' not in theirs.handlers.find(OTHER, own.id, "secret", visit())
    kept = present(listed.services.conversations.get(owner(listed.services), mine.id))
    assert kept == mine and listed.services.conversations.pinned(owner(listed.services)) == []


def test_a_talk_is_handed_out_as_a_page(listed: Listed) -> None:
    talk = listed.said("the sea, Yui")
    path = TransferHandlers(listed.services).as_page(KEY, talk.id, True, visit())
    assert path.endswith("chat.html") and "the sea" in Path(path).read_text(encoding="utf-8")
