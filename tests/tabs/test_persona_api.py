"""The persona API as programs call it: OpenAI's own client, and the requests of SillyTavern and Open WebUI."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import httpx2
import openai
import pytest

from core.chat.context import ChatContext
from core.errors import ModelError
from core.files import write_json
from core.memory.turns import Turns
from core.messages import Turn
from core.owners import end_user
from core.personas import Persona, Sampling
from tabs.ui.services import Services
from tests.chat.test_engine import make_adapter
from tests.chat.test_service import TRAINED
from tests.helpers.api_served import ME, OTHER, app_of, served, services_with
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present, untyped

HI = [{"role": "user", "content": "hello there"}]
TALKATIVE = {"seed": 3, "temperature": 1.5, "max_tokens": 12}
SHORT = Sampling(temperature=0, max_new_tokens=12, repetition_penalty=1)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    folder = tmp_path_factory.mktemp("api")
    base = tiny_base(folder / "base")
    made = services_with(base, folder / "home")
    trained = make_adapter(base, folder / "trained", 1).folder
    write_json(trained / "prompt_config.json", TRAINED.to_json())
    made.adapters.keep(ME, "mika-line", trained)
    made.personas.save(ME, Persona("Soc", "Asks.", sampling=SHORT))
    return made


@pytest.fixture(scope="module")
def address(services: Services) -> Iterator[str]:
    with served(app_of(services)) as url:
        yield url


@pytest.fixture
def key(services: Services) -> str:
    return services.api_keys.create(ME, "a test", memory=True, per_minute=600)[1]


@pytest.fixture(autouse=True)
def as_often_as_needed(services: Services) -> None:
    services.chat.rate_limiter.replies.each = 0


def client(address: str, key: str, retries: int = 0) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{address}/v1", api_key=key, max_retries=retries)


@pytest.fixture
def asked(address: str, key: str) -> openai.OpenAI:
    return client(address, key)


def test_personas_and_adapters_are_the_models(asked: openai.OpenAI, services: Services) -> None:
    ids = [model.id for model in asked.models.list()]
    assert {"socrates", services.personas.entries(ME, "en")[0].id, "Mika+mika-line"} <= set(ids)
    assert asked.models.retrieve("Mika+mika-line").owned_by == "omokage"
    with pytest.raises(openai.NotFoundError):
        asked.models.retrieve("nobody")


def test_a_key_of_somebody_else_sees_their_own(address: str, services: Services) -> None:
    theirs = client(address, services.api_keys.create(OTHER, "x")[1])
    assert all("Soc" not in model.id and "+" not in model.id for model in theirs.models.list())
    with pytest.raises(openai.NotFoundError) as told:
        theirs.chat.completions.create(model="Mika+mika-line", messages=untyped(HI))
    assert told.value.code == "model_not_found" and told.value.param == "model"


def test_a_reply_is_made_from_the_prompt_of_the_chat(asked: openai.OpenAI, services: Services) -> None:
    for name, persona, adapter in (("Soc", _soc(services), ""), ("Mika+mika-line", "", "mika-line"),
                                   ("Soc+mika-line", _soc(services), "mika-line")):  # fmt: skip
        said = [Turn("user", ("hi", "you there?")), Turn("assistant", ("Yes.",)), Turn("user", ("good",))]
        talk = services.conversations.new(persona, adapter).of_turns(said)
        setting = services.chat.context(ME, talk, "en")
        messages = [{"role": turn.role, "content": text} for turn in said for text in turn.messages]
        answer = asked.chat.completions.create(model=name, messages=untyped(messages), temperature=0, max_tokens=5)
        usage = present(answer.usage)
        assert usage.prompt_tokens == len(services.chat.prompt(setting, talk).ids)
        assert 0 < usage.completion_tokens <= 5
        assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        expected = list(services.chat.reply(_like(setting, 0, 5), talk, threading.Event()))[-1]
        assert answer.choices[0].message.content == "\n".join(services.chat.messages_of(setting, expected.text))


def test_a_stream_says_the_same_as_the_whole(asked: openai.OpenAI) -> None:
    sent = {"model": "Soc", "messages": HI, **TALKATIVE}
    whole = asked.chat.completions.create(**untyped(sent))
    again = asked.chat.completions.create(**untyped(sent))
    chunks = list(asked.chat.completions.create(**untyped(sent), stream=True, stream_options={"include_usage": True}))
    assert whole.choices[0].message.content == again.choices[0].message.content
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content and len(chunks) > 3
    assert chunks[0].choices[0].delta.role == "assistant" and len({chunk.id for chunk in chunks}) == 1
    assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason
    assert present(chunks[-1].usage).model_dump() == present(whole.usage).model_dump() and chunks[-1].choices == []


def test_a_reply_ends_where_it_is_told_to(asked: openai.OpenAI) -> None:
    sent = {"model": "Soc", "messages": HI, **TALKATIVE}
    whole = asked.chat.completions.create(**untyped(sent)).choices[0]
    text = present(whole.message.content)
    stop = text[len(text) // 2 :][:2]
    assert stop.strip()
    for stream in (False, True):
        answer = asked.chat.completions.create(**untyped(sent), stop=[stop, "never said"], stream=stream)
        parts = list(answer) if stream else [answer]
        choices = [part.choices[0] for part in untyped(parts)]
        got = "".join((c.delta.content or "") if stream else c.message.content for c in choices)
        assert got == text[: text.index(stop)].rstrip() and choices[-1].finish_reason == "stop"
    assert whole.finish_reason == "length"


def test_the_persona_s_own_words_are_continued(asked: openai.OpenAI) -> None:
    begun = [*HI, {"role": "assistant", "content": "The sea"}]
    answer = asked.chat.completions.create(model="Soc", messages=untyped(begun), temperature=0, max_tokens=4)
    assert not present(answer.choices[0].message.content).startswith("The sea")


def test_instructions_of_the_caller_are_in_the_prompt(asked: openai.OpenAI, services: Services) -> None:
    bare = asked.chat.completions.create(model="Soc", messages=untyped(HI), max_tokens=2)
    told = [{"role": "system", "content": "ZEBRA talks today, and nobody else."}, *HI]
    more = asked.chat.completions.create(model="Soc", messages=untyped(told), max_tokens=2)
    assert present(more.usage).prompt_tokens > present(bare.usage).prompt_tokens


def test_nothing_is_kept_unless_asked(asked: openai.OpenAI, services: Services) -> None:
    soc, store = _soc(services), services.memory.store(ME)
    sent = {"model": "Soc", "messages": HI, **TALKATIVE}
    asked.chat.completions.create(**untyped(sent))
    assert not store.exists and not services.workspace.names(ME, "chats")
    asked.chat.completions.create(**untyped(sent), extra_body={"memory": True})
    assert Turns(store).count(soc) == 2
    asked.chat.completions.create(**untyped(sent), user="ann", extra_body={"memory": True})
    assert Turns(store).count(soc) == 2, "what ann said is ann's"
    (mine,) = [one for one in services.workspace.owners() if one.startswith("user-")]
    key_id = services.api_keys.list_all(ME)[0].id
    assert mine == end_user(ME, f"key {key_id}", "ann")
    assert Turns(services.memory.store(mine)).count(soc) == 2
    assert "end_users" in [use.kind for use in services.own_files.used(ME)]


def test_a_key_does_what_it_may(address: str, services: Services) -> None:
    forgetful = client(address, services.api_keys.create(ME, "a", model="Soc")[1])
    with pytest.raises(openai.PermissionDeniedError) as told:
        forgetful.chat.completions.create(model="Soc", messages=untyped(HI), extra_body={"memory": True})
    assert told.value.code == "memory_not_allowed"
    with pytest.raises(openai.PermissionDeniedError) as told:
        forgetful.chat.completions.create(model="socrates", messages=untyped(HI))
    assert told.value.code == "model_not_allowed" and [model.id for model in forgetful.models.list()] == ["Soc"]


def test_too_often_says_when_to_come_back(address: str, services: Services) -> None:
    made = client(address, services.api_keys.create(ME, "a", per_minute=1)[1])
    made.chat.completions.create(model="Soc", messages=untyped(HI), max_tokens=1)
    with pytest.raises(openai.RateLimitError) as told:
        made.chat.completions.create(model="Soc", messages=untyped(HI), max_tokens=1)
    assert told.value.code == "rate_limit_exceeded" and 0 < int(told.value.response.headers["retry-after"]) <= 60


@pytest.mark.parametrize("given", ["omk-" + "0" * 16 + "-" + "A" * 43, "sk-other", "x"])
def test_another_key_opens_nothing(address: str, given: str) -> None:
    with pytest.raises(openai.AuthenticationError) as told:
        client(address, given).models.list()
    assert told.value.code == "invalid_api_key"
    with pytest.raises(openai.AuthenticationError):
        client(address, given).chat.completions.create(model="Soc", messages=untyped(HI))


def test_a_revoked_key_is_refused_at_once(address: str, services: Services) -> None:
    made, text = services.api_keys.create(ME, "a")
    assert list(client(address, text).models.list())
    services.api_keys.revoke(ME, made.id)
    with pytest.raises(openai.AuthenticationError):
        client(address, text).models.list()


def test_errors_are_in_the_caller_s_language(address: str, key: str) -> None:
    with httpx2.Client(base_url=address, headers={"authorization": f"Bearer {key}", "accept-language": "ja"}) as web:
        told = web.post("/v1/chat/completions", json={"model": "だれか", "messages": HI})
        assert told.status_code == 404 and "「だれか」というモデルはありません" in told.json()["error"]["message"]
        assert set(told.json()["error"]) == {"message", "type", "param", "code"}
        assert web.post("/v1/chat/completions", content=b"{").status_code == 400
        assert web.post("/v1/chat/completions", content=b"1" * 4_000_001).status_code == 413
        long = [{"role": "user", "content": "あ" * 9000}]
        assert web.post("/v1/chat/completions", json={"model": "Soc", "messages": long}).status_code == 400


def test_keys_come_from_any_page_and_nobody_else_does(address: str, key: str) -> None:
    sent = {"model": "Soc", "messages": HI, "max_tokens": 1}
    foreign = {"origin": "http://localhost:3000", "host": "host.docker.internal:7860"}
    with httpx2.Client(base_url=address) as web:
        asking = {"origin": "http://localhost:3000", "access-control-request-method": "POST",
                  "access-control-request-headers": "authorization,content-type"}  # fmt: skip
        may = web.options("/v1/chat/completions", headers=asking)
        assert may.status_code == 204 and may.headers["access-control-allow-origin"] == "*"
        with_key = web.post("/v1/chat/completions", json=sent, headers=foreign | {"authorization": f"Bearer {key}"})
        assert with_key.status_code == 200 and with_key.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in with_key.headers
        for headers in (foreign, foreign | {"authorization": "Bearer omk-x"}, {"origin": "http://localhost:3000"}):
            refused = web.post("/v1/chat/completions", json=sent, headers=headers)
            assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
        assert web.get("/v1/models").status_code == 401


def test_while_the_model_is_loaded_one_is_asked_to_come_back(
    address: str, key: str, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loading() -> None:
        raise ModelError("The model is still being loaded.", "モデルを読み込んでいます。")

    monkeypatch.setattr(type(services.models), "current", lambda self: loading())
    with pytest.raises(openai.InternalServerError) as told:
        client(address, key).chat.completions.create(model="Soc", messages=untyped(HI))
    assert told.value.status_code == 503 and told.value.code == "model_unavailable"


def test_who_hangs_up_stops_the_model(address: str, key: str, services: Services) -> None:
    sent = {"model": "Soc", "messages": HI, "max_tokens": 4000, "temperature": 2, "min_p": 0, "stream": True}
    with (
        httpx2.Client(base_url=address, headers={"authorization": f"Bearer {key}"}) as web,
        web.stream("POST", "/v1/chat/completions", json=sent) as answer,
    ):
        next(answer.iter_lines())
    began = time.monotonic()
    services.models.run(lambda: None).result(timeout=10)
    assert time.monotonic() - began < 5, "the model's thread is free again"


def test_sillytavern(address: str, key: str) -> None:
    """What its "Custom (OpenAI-compatible)" source asks: first the list, then with everything that it has."""
    with httpx2.Client(base_url=address, headers={"authorization": f"Bearer {key}"}) as web:
        assert web.get("/v1/models").json()["object"] == "list"
        body = {
            "messages": [
                {"role": "system", "content": "Write Soc's next reply in a fictional chat between Soc and User."},
                {"role": "system", "content": "[Start a new Chat]"},
                {"role": "assistant", "content": "What is courage?"}, {"role": "user", "content": "Standing firm."},
                {"role": "system", "content": "[Continue in character.]"},
            ],
            "model": "Soc", "temperature": 1, "max_tokens": 20, "stream": True, "presence_penalty": 0,
            "frequency_penalty": 0, "top_p": 1, "top_k": 0, "stop": ["\nUser:"], "user": "",
        }  # fmt: skip
        with web.stream("POST", "/v1/chat/completions", json=body) as answer:
            lines = [line for line in answer.iter_lines() if line]
        assert answer.headers["content-type"].startswith("text/event-stream") and lines[-1] == "data: [DONE]"
        parts = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
        assert "".join(part["choices"][0]["delta"].get("content", "") for part in parts)


def test_open_webui(address: str, key: str) -> None:
    """What it asks for a chat, and, with the same model, for a title."""
    with httpx2.Client(base_url=address, headers={"authorization": f"Bearer {key}"}) as web:
        names = {model["id"]: model["name"] for model in web.get("/v1/models").json()["data"]}
        assert names["socrates"] == "Socrates"
        body = {"stream": True, "model": "Soc", "messages": HI, "stream_options": {"include_usage": True}, "tools": []}
        answer = web.post("/v1/chat/completions", json=body)
        last = json.loads(answer.text.strip().split("\n\n")[-2].removeprefix("data: "))
        assert last["usage"]["total_tokens"] > 0
        title = {"model": "Soc", "stream": False, "max_completion_tokens": 10,
                 "messages": [{"role": "user", "content": "### Task:\nGenerate a concise title."}]}  # fmt: skip
        assert web.post("/v1/chat/completions", json=title).json()["choices"][0]["message"]["role"] == "assistant"


def _soc(services: Services) -> str:
    return next(one.id for one in services.personas.entries(ME, "en") if one.name == "Soc")


def _like(setting: ChatContext, temperature: float, most: int) -> ChatContext:
    return replace(setting, sampling=replace(setting.sampling, temperature=temperature, max_new_tokens=most))
