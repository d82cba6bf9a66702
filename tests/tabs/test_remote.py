"""A server's model on the page: chosen, priced and limited; what it thought is a fold that moves no message."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.chat.conversation import Conversation, ReplyMetadata
from core.errors import InputError
from tabs.talk.remote import RemoteHandlers
from tabs.talk.view import drawn, is_thought, message_of, view
from tabs.ui.services import Services
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.tab_tiny import KEY, owner, services_on, visit
from tests.helpers.typed import untyped

THOUGHT = ReplyMetadata("big", thoughts="who <b>is</b> it", thought_tokens=1234)
TALK = (
    Conversation("c", "p").opened("Hello.").said("user", "a").said("assistant", "one", "two", made=THOUGHT)
    .said("user", "b")
)  # fmt: skip


@pytest.fixture
def api() -> Iterator[FakeServer]:
    server = FakeServer()
    serve(server)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return services_on(tmp_path, tmp_path / "base", None)


def test_thoughts_are_a_closed_fold_above_the_reply() -> None:
    rows = untyped(view(TALK, language="en"))
    assert [row["content"].replace("\u2060", "") for row in rows] == [
        "Hello.", "a", "who <b>is</b> it", "one", "two", "b",
    ]  # fmt: skip
    assert rows[2]["metadata"] == {"title": "Thought for 1,234 tokens", "status": "done"}
    assert all("metadata" not in row for row in rows[:2] + rows[3:])


def row_event(index: int | tuple[int, int]) -> Any:
    """What Gradio tells of a row of the chat."""
    return SimpleNamespace(index=index)


def test_a_fold_moves_no_message() -> None:
    at = [message_of(row_event(row), TALK, 0) for row in range(6)]
    assert at == [0, 1, 2, 2, 3, 4]
    assert [message_of(row_event((row, 0)), TALK, 2) for row in range(3)] == [2, 2, 3]
    assert [message_of(row_event(row), TALK, 3) for row in range(2)] == [3, 4]
    thoughts = [is_thought(row_event(row), TALK, 0) for row in range(7)]
    assert thoughts == [False, False, True, *[False] * 4]
    liked = TALK.rated(3, "up")
    assert untyped(drawn(liked, 0, "en")["chat"]).feedback_value == [None, None, "Like", "Like"]


def test_a_model_is_chosen_priced_and_limited(services: Services, api: FakeServer) -> None:
    handlers = RemoteHandlers(services)
    with pytest.raises(Exception, match="先にモデル"):
        handlers.price(KEY, 1.0, 2.0, 3.0, visit())
    said, *_ = handlers.use(KEY, api.url, "", "big", 2000, visit("en"))
    assert "2,000" in said and "2,048" in said and "cannot go on" in said
    said, _, _, read, written, limit = handlers.price(KEY, 2.0, 8.0, 0.5, visit("en"))
    assert (read, written, limit) == (2.0, 8.0, 0.5) and "0 replies" in said
    me = owner(services, KEY)
    model = services.chat.remotes.of(me)
    assert model is not None
    services.chat.costs.add(me, model, 100_000, 50_000)
    assert "100,000 tokens read, 50,000 written, cost 0.6" in handlers.show(KEY, visit("en"))[0]
    with pytest.raises(InputError):
        services.chat.costs.check(me)
    assert handlers.leave(KEY, visit())[0] == ""
