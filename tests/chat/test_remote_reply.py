"""A persona that a server speaks for: thoughts apart, tokens and price counted, continued where it can be."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.adapters.store import Adapters
from core.chat.conversation import Conversation
from core.chat.engine import Engine, Reply
from core.chat.service import ChatService
from core.chat.store import Conversations
from core.errors import InputError
from core.memory.memory import Memory
from core.memory.write.generate import write_texts
from core.models.loading import ModelStore
from core.models.remote_costs import Price
from core.models.remote_server import Server
from core.personas import Persona, Personas
from core.workspace import Workspace
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import untyped

ME = "key-me"
USAGE = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    store = ModelStore(str(tiny_base(tmp_path_factory.mktemp("remote") / "base")))
    store.start()
    assert store.wait(60).state == "ready"
    return store


@pytest.fixture
def service(store: ModelStore, tmp_path: Path) -> ChatService:
    workspace = Workspace(tmp_path)
    shelves = Personas(workspace), Adapters(workspace), Conversations(workspace)
    return ChatService(store, Engine(store), *shelves, Memory(workspace, partial(write_texts, store)))


@pytest.fixture
def api() -> Iterator[FakeServer]:
    server = FakeServer()
    server.usage = USAGE
    serve(server)
    yield server
    server.shutdown()
    server.server_close()


def begun(service: ChatService, api: FakeServer) -> Conversation:
    service.remotes.choose(ME, Server(api.url), "big")
    persona = service.personas.save(ME, Persona("Mika", "You are Mika."))
    talk = service.open_conversation(ME, "en", persona=persona.id)
    return talk.said("user", "hi there")


def replies(service: ChatService, talk: Conversation, *, go_on: bool = False) -> list[Reply]:
    return list(service.reply(service.context(ME, talk, "en"), talk, threading.Event(), go_on=go_on))


def test_thoughts_are_kept_beside_the_words_and_in_no_prompt(service: ChatService, api: FakeServer) -> None:
    talk = begun(service, api)
    api.deltas = [{"content": part} for part in ("<thi", "nk>who is it</th", "ink>\n\nHel", "lo!")]
    shown = replies(service, talk)
    assert {one.text for one in shown} == {"", "Hel", "Hello!"}
    assert (shown[-1].thoughts, shown[-1].prompt_tokens, shown[-1].tokens) == ("who is it", 1000, 200)
    metadata = service.reply_metadata(service.context(ME, talk, "en"), shown[-1])
    kept = service.conversations.save(ME, talk.said("assistant", shown[-1].text, made=metadata))
    again = service.conversations.get(ME, kept.id)
    assert again is not None and again.path[-1].metadata == metadata and metadata.thoughts == "who is it"
    assert "who is it" not in service.prompt(service.context(ME, again, "en"), again, "more").text
    assert again.path[-1].messages == ("Hello!",)


def test_an_answer_that_is_all_thought_is_asked_for_with_more_room(service: ChatService, api: FakeServer) -> None:
    talk = begun(service, api)
    service.remotes.choose(ME, Server(api.url), "big", window=4096)
    api.deltas, api.ended = [{"content": "", "reasoning_content": "hmm "}] * 3, "length"
    shown = replies(service, talk)
    limits = [one["max_tokens"] for one in api.asked if one.get("stream")]
    assert len(limits) == 3 and limits[0] * 4 == limits[1] <= limits[2]
    assert shown[-1].text == "" and shown[-1].only_thought and not shown[-1].finished
    assert sum(one.only_thought for one in shown) >= 3


def test_tokens_and_cost_stand_at_the_reply_and_the_limit_holds(service: ChatService, api: FakeServer) -> None:
    talk = begun(service, api)
    setting = service.context(ME, talk, "en")
    assert setting.remote
    service.costs.set_price(ME, setting.remote, Price(2.0, 10.0), limit=0.005)
    last = replies(service, talk)[-1]
    assert last.cost == pytest.approx(0.004) and service.costs.of(ME).this_month.prompt_tokens == 1000
    assert service.reply_metadata(setting, last).cost == last.cost
    replies(service, talk)
    with pytest.raises(InputError, match="limit"):
        replies(service, talk)


def test_a_reply_that_is_stopped_is_counted_too(service: ChatService, api: FakeServer) -> None:
    talk = begun(service, api)
    api.usage = None
    setting = service.context(ME, talk, "en")
    stream = service.reply(setting, talk, threading.Event())
    next(stream)
    untyped(stream).close()
    month = service.costs.of(ME).this_month
    assert month.replies == 1 and month.prompt_tokens == len(service.prompt(setting, talk).ids)


def test_a_reply_is_continued_or_a_sentence_says_why_not(service: ChatService, api: FakeServer) -> None:
    talk = begun(service, api).said("assistant", "Well,")
    with pytest.raises(InputError, match="cannot go on"):
        replies(service, talk, go_on=True)
    api.places = {"/props": {"default_generation_settings": {"n_ctx": 8192}}}
    service.remotes.choose(ME, Server(api.url), "big")
    api.words = [" I", " think"]
    last = replies(service, talk, go_on=True)[-1]
    assert last.text == "Well, I think"
    assert [one["role"] for one in api.asked[-1]["messages"]][-2:] == ["user", "assistant"]


def test_a_local_model_that_thinks_is_heard_without_its_thoughts(
    service: ChatService, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thinking(*_: object, **__: object) -> Iterator[Reply]:
        yield Reply("<think>a ship", 3)
        yield Reply("<think>a ship</think>\n\nA ship.", 6, finished=True)

    monkeypatch.setattr(Engine, "stream", thinking)
    persona = service.personas.save(ME, Persona("Mika", "You are Mika."))
    talk = service.open_conversation(ME, "en", persona=persona.id).said("user", "look")
    setting = replace(service.context(ME, talk, "en"), single_pass=False)
    shown = list(service.reply(setting, talk, threading.Event()))
    assert [one.text for one in shown[:2]] == ["", "A ship."] and shown[-1].thoughts == "a ship"


def test_a_thought_that_the_prompt_has_begun_is_heard_as_one_from_its_first_token(
    service: ChatService, store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thinking(*_: object, **__: object) -> Iterator[Reply]:
        yield Reply("a ship", 2)
        yield Reply("a ship</think>\n\nA ship.", 6, finished=True)

    monkeypatch.setattr(Engine, "stream", thinking)
    persona = service.personas.save(ME, Persona("Mika", "You are Mika."))
    talk = service.open_conversation(ME, "en", persona=persona.id).said("user", "look")
    setting = replace(service.context(ME, talk, "en"), single_pass=False)
    prompt = service.prompt(setting, talk)
    last = replace(prompt.segments[-1], text=f"{prompt.segments[-1].text}<think>\n")
    begun = replace(prompt, segments=(*prompt.segments[:-1], last))
    shown = list(service.reply(setting, talk, threading.Event(), prompt=begun))
    assert [one.text for one in shown[:2]] == ["", "A ship."] and shown[-1].thoughts == "a ship"
