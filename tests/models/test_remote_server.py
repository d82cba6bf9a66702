"""A talk with a real server process: transformers' own, with the embedded model, over the loopback."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.catalogue.bundled import FOLDER
from core.errors import ModelError
from core.models.remote_server import Server
from core.settings import Settings
from tabs.ui.services import Services, make_services

pytestmark = pytest.mark.slow
ME = "key-me"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [Path(sys.executable).with_name("transformers"), "serve", FOLDER, "--port", str(port), "--device", "cpu",
               "--host", "127.0.0.1"]  # fmt: skip
    with log.open("w") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=file, env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
        )
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.3)
    else:
        process.kill()
        pytest.fail(f"the server did not start: {log.read_text()[-2000:]}")
    yield Server(f"http://127.0.0.1:{port}/v1")
    process.terminate()
    process.wait(20)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    made = make_services(Settings(home=tmp_path_factory.mktemp("home")))
    made.models.start()
    made.models.wait(120)
    yield made
    made.jobs.close()


def test_a_persona_answers_from_a_server(services: Services, server: Server) -> None:
    talk = services.chat
    chosen = talk.remotes.choose(ME, server, str(FOLDER))
    assert "temperature" in chosen.takes
    conversation = talk.open_conversation(ME, "en", persona="yui")
    conversation = talk.conversations.save(ME, conversation.said("user", "hi, how are you?"))
    setting = talk.context(ME, conversation, "en")
    assert setting.remote == chosen
    messages = talk.prompt(setting, conversation).messages
    assert messages[0]["role"] == "system" and messages[-1]["content"].endswith("hi, how are you?")
    assert [a["role"] for a in messages[1:]] == ["user", "assistant"] * ((len(messages) - 2) // 2) + ["user"]
    short = replace(setting, sampling=replace(setting.sampling, max_new_tokens=24))
    replies = list(talk.reply(short, conversation, threading.Event()))
    assert replies[-1].text and replies[-1].tokens <= 3 * 24
    talk.remotes.leave(ME)
    assert talk.context(ME, conversation, "en").remote is None


def test_an_unknown_model_is_told(services: Services, server: Server) -> None:
    with pytest.raises(ModelError):
        services.chat.remotes.choose(ME, server, "no/such-model")
    assert services.chat.remotes.of(ME) is None
