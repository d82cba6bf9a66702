"""What speaks for a side: a tiny model in batches as alone, and a server's over the wire."""

import random
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ModelError
from core.models.loading import ModelStore
from core.personas import Sampling
from core.synth.backends import Backend
from core.synth.prompts import SpokenTurn, seen_by, side_of_cell
from core.synth.records import SynthFolder
from core.synth.run import DialogueRun
from core.synth.voices import DialogueVoice, LocalVoice, RemoteVoice, TurnRequest, is_lasting, voice_of
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.synth_tiny import PLAN
from tests.helpers.train_tiny import tiny_base

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)


def requests(count: int) -> list[TurnRequest]:
    made: list[TurnRequest] = []
    for cell in PLAN.cells[:count]:
        turns = (SpokenTurn("user", (cell.opening.text * (1 + cell.number % 3),)),)
        made.append(TurnRequest(side_of_cell(PLAN, cell, "persona"), seen_by("persona", turns), GREEDY, cell.seed))
    return made


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> LocalVoice:
    store = ModelStore(str(tiny_base(tmp_path_factory.mktemp("voice") / "base")))
    store.start()
    assert store.wait(60).state == "ready"
    return LocalVoice(store, at_once=4)


def test_batch_says_what_each_would_alone(local: LocalVoice) -> None:
    stop = threading.Event()
    prepared = [local.prepare(request) for request in requests(4)]
    assert len({len(one.prompt.ids) for one in prepared}) > 1
    together = local.speak(prepared, stop)
    alone = [local.speak([one], stop)[0] for one in prepared]
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert all(reply.tokens for reply in together)


def test_the_prompt_is_the_one_of_a_chat(local: LocalVoice) -> None:
    request = requests(1)[0]
    text = local.prepare(request).prompt.text
    assert PLAN.persona.description in text and text.rstrip().endswith("assistant")


@pytest.fixture
def server() -> Iterator[FakeServer]:
    api = FakeServer()
    serve(api)
    yield api
    api.shutdown()
    api.server_close()


def remote(api: FakeServer, **fields: object) -> Backend:
    return replace(Backend("remote", "big", url=api.url, at_once=2), **fields)  # type: ignore[arg-type]


def test_server_is_asked_with_the_key_and_its_thoughts_are_no_words(server: FakeServer, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-one\n", encoding="utf-8")
    server.words = ["<think>", "greet", "</think>", "やあ。"]
    server.usage = {"prompt_tokens": 40, "completion_tokens": 6, "total_tokens": 46}
    voice = voice_of(remote(server, key_file=str(tmp_path / "key")), {})
    assert isinstance(voice, RemoteVoice) and (voice.batch, voice.workers) == (1, 2)
    reply = voice.speak([voice.prepare(requests(1)[0])], threading.Event())[0]
    assert (reply.text, reply.thoughts, reply.tokens, reply.prompt_tokens) == ("やあ。", "greet", 6, 40)
    assert server.keys[-1] == "Bearer sk-one"
    roles = [message["role"] for message in server.asked[-1]["messages"]]
    assert roles == ["system", "user"]


def test_wrong_key_would_be_wrong_again(server: FakeServer) -> None:
    voice = voice_of(remote(server), {})
    server.fail = [401]
    with pytest.raises(ModelError) as raised:
        voice.speak([voice.prepare(requests(1)[0])], threading.Event())
    assert is_lasting(raised.value)


def test_plan_runs_with_a_server(server: FakeServer, tmp_path: Path) -> None:
    count = [0]

    def answer(_: dict) -> None:
        count[0] += 1
        letters = "いろはにほへとちりぬるをわかよたれそつねならむ"
        server.words = ["".join(random.Random(count[0]).sample(letters, 16)), "。"]

    server.rule = answer
    voice: DialogueVoice = voice_of(remote(server, at_once=1), {})
    count[0] = 0
    plan = replace(PLAN, dialogues=3)
    result = DialogueRun(plan, SynthFolder(tmp_path), {"persona": voice, "user": voice}).run()
    assert (result.state, result.dialogues, count[0]) == ("done", 3, 9)
