"""Servers that differ: in what they refuse, how they want their roles, where their thoughts and their window are."""

import json
import threading
from collections.abc import Callable, Iterator

import pytest

from core.errors import InputError, ModelError
from core.models.remote import RemoteModel, RemoteModels, Server, stream
from core.models.remote_dialect import Dialect
from core.models.remote_presets import preset_by_id, preset_of_url, presets
from core.models.remote_reply import RemoteText, Usage
from core.models.sampling import Sampling
from tests.helpers.fake_server import FakeServer, serve

ME = "me"
TALK = [
    {"role": "system", "content": "You are Mika."}, {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "a"}, {"role": "user", "content": "b"},
]  # fmt: skip


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeServer]:
    monkeypatch.setattr("openai._base_client.time.sleep", lambda _: None)
    server = FakeServer()
    serve(server)
    yield server
    server.shutdown()
    server.server_close()


def chosen(api: FakeServer, **more: int) -> RemoteModel:
    return RemoteModels().choose(ME, Server(api.url), "big", **more)


def answer(model: RemoteModel, messages: list[dict] = TALK, opening: str = "", prefill: str = "") -> RemoteText:
    sampling = Sampling(temperature=0.3, top_k=20, max_new_tokens=7)
    texts = stream(
        model, messages, sampling, [], stop=threading.Event(), seed=3, opening=opening, prefill=prefill,
    )  # fmt: skip
    return list(texts)[-1]


def refusing(*names: str, says: str = "Unsupported parameter: '{}' is not supported with this model.") -> Callable:
    def rule(body: dict) -> dict | None:
        found = next((name for name in names if name in body), None)
        return {"message": says.format(found), "param": found} if found else None

    return rule


def test_the_newer_name_of_the_limit_is_found_and_kept(api: FakeServer) -> None:
    says = "Unsupported parameter: '{}' is not supported with this model. Use 'max_completion_tokens' instead."
    api.rule = refusing("max_tokens", says=says)
    model = chosen(api)
    assert model.dialect.limit == "max_completion_tokens"
    asked = len(api.asked)
    assert answer(model).text == "Hello there"
    assert len(api.asked) == asked + 1 and api.asked[-1]["max_completion_tokens"] == 7
    assert "temperature" in api.asked[-1]


@pytest.mark.parametrize("name", ["temperature", "top_p", "stop", "seed", "top_k", "min_p", "repetition_penalty"])
def test_only_what_is_refused_is_left_out(api: FakeServer, name: str) -> None:
    api.rule = refusing(name)
    assert set(RemoteModel(Server(api.url), "x").takes) - set(chosen(api).takes) == {name}


def test_several_are_left_out_one_by_one_and_stream_options_too(api: FakeServer) -> None:
    api.rule = refusing("temperature", "top_p", "stop", "stream_options", says="unknown field: {}")
    model = chosen(api)
    answer(model)
    assert not {"temperature", "top_p", "stop", "stream_options"} & set(api.asked[-1])
    assert api.asked[-1]["seed"] == 3


def test_of_two_that_go_not_together_one_stays(api: FakeServer) -> None:
    says = "`temperature` and `top_p` cannot both be specified for this model. Please use only one."
    api.rule = lambda body: {"message": says} if {"temperature", "top_p"} <= set(body) else None
    assert "temperature" in chosen(api).takes and "top_p" not in chosen(api).takes


def test_a_text_that_is_too_long_teaches_nothing(api: FakeServer) -> None:
    model = chosen(api)
    api.rule = lambda _: {"message": "'max_tokens' is too large: 7. This model's maximum context length is 4 tokens."}
    with pytest.raises(ModelError, match="too large"):
        answer(model)
    assert model.dialect == RemoteModel(Server(api.url), "x").dialect


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ("System role not supported", 400),
        ("Unsupported value: 'messages[0].role' does not support 'system' with this model.", 400),
        ("Developer instruction is not enabled for models/gemma-3-4b-it", 400),
        ("This template doesn't take a system message", 500),
    ],
)
def test_a_system_text_goes_to_the_users_words(api: FakeServer, says: str, status: int) -> None:
    api.status = status
    api.rule = lambda body: {"message": says} if body["messages"][0]["role"] == "system" else None
    answer(chosen(api))
    assert [one["role"] for one in api.asked[-1]["messages"]] == ["user", "assistant", "user", "user"]
    assert api.asked[-1]["messages"][0]["content"] == "You are Mika."
    answer(chosen(api), [TALK[0], TALK[2]])
    assert api.asked[-1]["messages"] == [{"role": "user", "content": "You are Mika.\n\na"}]


@pytest.mark.parametrize("system", [True, False])
def test_roles_take_turns_where_they_must(api: FakeServer, system: bool) -> None:
    def rule(body: dict) -> dict | None:
        roles = [one["role"] for one in body["messages"]]
        if not system and "system" in roles:
            return {"message": "System role not supported"}
        roles = [role for role in roles if role != "system"]
        if any((role == "user") != (n % 2 == 0) for n, role in enumerate(roles)):
            return {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}
        return None

    api.rule = rule
    model = chosen(api)
    answer(model, opening="(begins)")
    first = api.asked[-1]["messages"][0]
    assert first == (TALK[0] if system else {"role": "user", "content": "You are Mika."})
    assert api.asked[-1]["messages"][-1]["content"] == "a\n\nb"
    before = len(api.asked)
    answer(model)
    assert len(api.asked) == before + 1


def test_a_persona_that_speaks_first_has_somebody_to_speak_to(api: FakeServer) -> None:
    answer(chosen(api), TALK[:1], opening="(begins)")
    assert api.asked[-1]["messages"] == [TALK[0], {"role": "user", "content": "(begins)"}]


def test_transformers_draws_as_the_dials_say(api: FakeServer) -> None:
    def rule(body: dict) -> dict | None:
        found = sorted({"top_k", "min_p", "repetition_penalty", "stream_options"} & set(body))
        return {"message": f"Unexpected fields in the request: {set(found)}"} if found else None

    api.rule, api.places = rule, {"/openapi.json": {"paths": {"/load_model": {}, "/v1/chat/completions": {}}}}
    model = chosen(api)
    assert {"temperature", "top_k", "min_p", "repetition_penalty"} <= set(model.takes)
    answer(model)
    asked = api.asked[-1]
    assert (asked["temperature"], asked["seed"], asked["max_tokens"]) == (0.3, 3, 7)
    assert json.loads(asked["generation_config"]) == {
        "do_sample": True, "top_k": 20, "min_p": Sampling().min_p, "repetition_penalty": Sampling().repetition_penalty,
    }  # fmt: skip
    assert not {"top_k", "min_p", "repetition_penalty", "stream_options"} & set(asked)


def test_thoughts_in_openrouters_details_are_no_words(api: FakeServer) -> None:
    api.deltas = [
        {
            "reasoning_details": [
                {"type": "reasoning.text", "text": "hm "},
                {"type": "reasoning.encrypted", "data": "x"},
            ]
        },
        {"reasoning": "well", "reasoning_details": [{"type": "reasoning.summary", "summary": "well"}]},
        {"content": "Hi"},
    ]
    assert answer(chosen(api))[:2] == ("Hi", "hm well")


def test_llama_cpp_is_known_without_v1_in_its_address(api: FakeServer) -> None:
    api.places = {"/props": {"default_generation_settings": {"n_ctx": 2048}}}
    model = RemoteModels().choose(ME, Server(api.url.removesuffix("/v1")), "big")
    assert (model.preset.id, model.window) == ("llamacpp", 2048)


@pytest.mark.parametrize("body", [
    {"detail": "Server is pinned to 'a'; requested 'big'."}, {"error": "Server is pinned to 'a'"},
    {"detail": [{"loc": ["body"], "msg": "Server is pinned"}]},
])  # fmt: skip
def test_what_a_server_says_in_a_form_of_its_own_is_told(api: FakeServer, body: dict) -> None:
    api.error = body
    with pytest.raises(ModelError, match="answered with an error: Server is pinned"):
        chosen(api)


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thoughts_of_their_own_field_are_no_words(api: FakeServer, field: str) -> None:
    api.deltas = [{field: "hm "}, {field: "well", "content": None}, {"content": "Hi"}]
    api.usage = {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16}
    assert answer(chosen(api)) == RemoteText("Hi", "hm well", 3, "stop", Usage(11, 5))
    assert api.asked[-1]["stream_options"] == {"include_usage": True}


def test_content_in_typed_pieces(api: FakeServer) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    api.deltas = [{"content": [thinking]}, {"content": [{"type": "text", "text": "Hi"}]}, {"content": "!"}]
    assert answer(chosen(api))[:2] == ("Hi!", "hm")


@pytest.mark.parametrize(
    ("listed", "places", "kind", "window"),
    [
        ({"max_model_len": 131072, "owned_by": "vllm"}, {}, "vllm", 131072),
        ({"context_length": 32768}, {}, "", 32768),
        ({}, {}, "", 4096),
        ({"meta": {"n_ctx_train": 9}}, {"/props": {"default_generation_settings": {"n_ctx": 8192}}}, "llamacpp", 8192),
        ({}, {"/api/show": {"model_info": {"qwen3.context_length": 40960}, "parameters": "num_ctx    16384"}},
         "ollama", 16384),
        ({}, {"/api/show": {"model_info": {"qwen3.context_length": 40960}}}, "ollama", 4096),
        ({}, {"/api/show": {"model_info": {"qwen3.context_length": 40960}},
              "/api/ps": {"models": [{"name": "big", "context_length": 32768}]}}, "ollama", 32768),
        ({}, {"/openapi.json": {"paths": {"/load_model": {}, "/v1/chat/completions": {}}}}, "transformers", 4096),
        ({}, {"/api/v0/models": {"data": [
            {"id": "big", "max_context_length": 131072, "loaded_context_length": 8000}]}}, "lmstudio", 8000),
    ],
)  # fmt: skip
def test_the_servers_own_window_is_used(api: FakeServer, listed: dict, places: dict, kind: str, window: int) -> None:
    api.listed, api.places = [{"id": "big"} | listed], places
    model = chosen(api)
    assert (model.preset.id, model.context) == (kind, window)
    assert chosen(api, window=2000).context == 2000
    for wrong in (0, -5, 10**9):
        with pytest.raises(InputError, match="goes from 256"):
            chosen(api, window=wrong)


def test_a_reply_is_continued_where_the_api_can(api: FakeServer) -> None:
    with pytest.raises(InputError, match="cannot go on"):
        answer(chosen(api), prefill="Well")
    api.places = {"/props": {"default_generation_settings": {"n_ctx": 8192}}}
    answer(chosen(api), prefill="Well ")
    assert api.asked[-1]["messages"][-1] == {"role": "assistant", "content": "Well"}
    assert "repeat_penalty" in api.asked[-1] and "repetition_penalty" not in api.asked[-1]
    api.places, api.listed = {}, [{"id": "big", "owned_by": "vllm"}]
    answer(chosen(api), prefill="Well")
    assert api.asked[-1]["continue_final_message"] is True and api.asked[-1]["add_generation_prompt"] is False


def test_a_refused_prefill_is_told_and_remembered(api: FakeServer) -> None:
    api.places = {"/props": {"default_generation_settings": {"n_ctx": 8192}}}
    model = chosen(api)
    says = "This model does not support assistant message prefill. The conversation must end with a user message."
    api.rule = lambda body: {"message": says} if body["messages"][-1]["role"] == "assistant" else None
    with pytest.raises(InputError, match="cannot go on"):
        answer(model, prefill="Well")
    assert model.dialect.prefill == "" and answer(model).text == "Hello there"


def test_what_was_learned_holds_for_one_model_of_one_server(api: FakeServer) -> None:
    api.rule = lambda body: {"message": "'seed' is unknown"} if body["model"] == "big" and "seed" in body else None
    remotes = RemoteModels()
    assert "seed" not in remotes.choose(ME, Server(api.url), "big").takes
    assert "seed" in remotes.choose(ME, Server(api.url), "other").takes


def test_a_model_that_used_up_its_room_for_thoughts_has_answered(api: FakeServer) -> None:
    says = "Could not finish the message because max_tokens or model output limit was reached."
    api.rule = lambda body: None if body.get("stream") else {"message": says}
    assert answer(chosen(api)).text == "Hello there"


def test_a_server_that_refuses_everything_is_told(api: FakeServer) -> None:
    api.rule = lambda _: {"message": "no"}
    with pytest.raises(ModelError, match="answered with an error: no"):
        chosen(api)
    assert len(api.asked) < 10


def test_presets_say_where_they_are_from() -> None:
    assert len({one.id for one in presets()}) == len(presets()) == 9
    assert all(one.source.startswith("https://") and one.name for one in presets())
    assert preset_of_url("https://api.openai.com/v1").limit == "max_completion_tokens"
    assert preset_of_url("http://127.0.0.1:11434/v1").id == ""  # anything may run there: it is asked
    assert Dialect.of(preset_by_id("vllm")).prefill == "continue_final_message"
