"""Requests as programs send them, and those that cannot be answered."""

import pytest

from core.messages import Turn
from core.models.sampling import Sampling
from core.serve.chat_request import ApiError, CompletionRequest
from tests.helpers.typed import untyped

HI = [{"role": "user", "content": "hi"}]


def read(**body: object) -> CompletionRequest:
    return CompletionRequest.read({"model": "socrates", "messages": HI} | body)


def test_a_burst_stays_a_burst_and_parts_are_one_text() -> None:
    asked = read(messages=[
        {"role": "user", "content": "hi"}, {"role": "user", "content": [{"type": "text", "text": "you there?"}]},
        {"role": "assistant", "content": "Yes."}, {"role": "user", "content": " ok ", "name": "Ken"},
    ])  # fmt: skip
    assert asked.turns == (
        Turn("user", ("hi", "you there?")),
        Turn("assistant", ("Yes.",)),
        Turn("user", ("ok",), "Ken"),
    )


def test_instructions_stand_where_they_stood() -> None:
    asked = read(messages=[
        {"role": "system", "content": "Be kind."}, {"role": "developer", "content": "Be brief."}, *HI,
        {"role": "assistant", "content": "Yes."}, {"role": "system", "content": "It rains now."},
        {"role": "user", "content": "Well?"}, {"role": "user", "content": "So?"},
    ])  # fmt: skip
    first, second = asked.instructions
    assert (first.text, first.place) == ("Be kind.\n\nBe brief.", "after_persona")
    assert (second.text, second.place, second.depth) == ("It rains now.", "at_depth", 2)


def test_the_persona_s_settings_stand_where_nothing_is_sent() -> None:
    own = Sampling(temperature=0.3, max_new_tokens=77, seed=9)
    assert read().sampling(own) == own
    sent = read(temperature=1, max_tokens=5, top_p=0, top_k=-1, seed=2**40 + 3, repetition_penalty=0.5).sampling(own)
    assert (sent.temperature, sent.max_new_tokens, sent.top_p, sent.top_k) == (1, 5, 0.01, 0)
    assert (sent.seed, sent.repetition_penalty) == (3, 1)
    assert read(max_completion_tokens=6, max_tokens=5).sampling(own).max_new_tokens == 5
    assert read(max_tokens=10**6, seed=-1).sampling(own).max_new_tokens == 4096


def test_what_a_persona_has_no_use_for_is_passed_over() -> None:
    read(presence_penalty=1, frequency_penalty=0.5, logit_bias={}, tools=[], tool_choice="auto", n=1, logprobs=False,
         response_format={"type": "text"}, metadata={"chat_id": "x"}, stop=None)  # fmt: skip
    assert read(stop="END").stop == ("END",) and read(stop=["a", "", "b"]).stop == ("a", "b")


@pytest.mark.parametrize(("body", "param"), [
    ({"messages": []}, "messages"), ({"messages": "hi"}, "messages"), ({"messages": None}, "messages"),
    ({"messages": [{"role": "hacker", "content": "x"}]}, "messages[0]"), ({"messages": ["x"]}, "messages[0]"),
    ({"messages": [{"role": "system", "content": "x"}]}, "messages"),
    ({"messages": [{"role": "user", "content": "  "}]}, "messages"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content"),
    ({"messages": [*HI, {"role": "system", "content": "x" * 20_001}]}, "messages"),
    ({"model": ""}, "model"), ({"model": 5}, "model"), ({"n": 2}, "n"), ({"stop": 5}, "stop"),
    ({"stop": ["x"] * 17}, "stop"), ({"max_tokens": 0}, "max_tokens"), ({"max_tokens": "many"}, "max_tokens"),
    ({"temperature": 3}, "temperature"), ({"temperature": True}, "temperature"), ({"top_p": float("nan")}, "top_p"),
    ({"seed": "x"}, "seed"), ({"tool_choice": "required"}, "tool_choice"), ({"logprobs": True}, "logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
])  # fmt: skip
def test_what_cannot_be_answered_names_the_field(body: dict, param: str) -> None:
    with pytest.raises(ApiError) as told:
        read(**body)
    assert (told.value.status, untyped(told.value).param.startswith(param)) == (400, True)


@pytest.mark.parametrize("body", [None, [], "x", 5])
def test_only_an_object_is_a_request(body: object) -> None:
    with pytest.raises(ApiError):
        CompletionRequest.read(body)
