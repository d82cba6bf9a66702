"""A server's model on the page: chosen, priced and limited; what it thought is a fold that moves no message."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.conversation import Conversation, ReplyMetadata
from core.errors import InputError
from core.workspace import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from tabs.talk.bubbles import Scene, transcript
from tabs.talk.chat_head import _asked as asked_of
from tabs.talk.faces import Face
from tabs.talk.remote import RemoteHandlers
from tabs.ui.services import Services
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.tab_tiny import KEY, owner, services_on, visit

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
    html = transcript(TALK, Scene("en", "Big", Face("B", 0)))
    assert html.count("<details") == 1 and "<details open" not in html
    fold, reply = html.index("<summary>Thought for 1,234 tokens</summary>"), html.index(">one</div>")
    assert html.index(">a</div>") < fold < html.index("who &lt;b&gt;is&lt;/b&gt; it") < reply < html.index(">two</div>")


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


def test_a_server_that_takes_no_adapter_answers_without_and_the_head_says_so(
    services: Services, api: FakeServer
) -> None:
    RemoteHandlers(services).use(KEY, api.url, "", "big", None, visit("en"))
    me = owner(services, KEY)
    folder = services.workspace.place(me, "adapters", "mika")
    folder.mkdir()
    (folder / ADAPTER_CONFIG).write_text("{}")
    (folder / ADAPTER_WEIGHTS).touch()
    talk = Conversation("c", "socrates", adapter="mika")
    setting = replace(services.chat, models=services.models).context(me, talk, "en")
    assert setting.remote and setting.remote.adapter == ""
    assert "without mika: only vLLM takes one" in asked_of(setting, talk, "en")
