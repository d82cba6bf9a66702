"""Adapters by name on a stand-in of vLLM: handed over once, asked by their name, and done without where it refuses."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.models import remote_adapters as module
from core.models.remote import RemoteModel, RemoteModels, stream
from core.models.remote_adapters import OURS, RemoteAdapters, name_of
from core.models.remote_server import Server
from core.personas import Sampling
from core.workspace import ADAPTER_WEIGHTS
from tests.helpers.fake_server import FakeServer, _Handler, serve

BASE = "Qwen/Qwen3-4B"


class Vllm(FakeServer):
    """As vLLM 0.11 answers: loads a folder that it sees, once under a name, and knows no model by another."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _VllmHandler
        self.loaded: dict[str, str] = {}
        self.loads = 0
        self.allows, self.largest_rank = True, True
        self.rule = self._unknown

    def _unknown(self, body: dict) -> dict | None:
        self.listed = [{"id": "qwen", "owned_by": "vllm", "root": BASE, "max_model_len": 2048}]
        self.listed += [{"id": name, "owned_by": "vllm", "parent": "qwen"} for name in self.loaded]
        known = {one["id"] for one in self.listed}
        self.status = 404
        return None if body["model"] in known else {"message": f"The model `{body['model']}` does not exist."}


class _VllmHandler(_Handler):
    def do_POST(self) -> None:  # noqa: N802 - its name in http.server
        api = self.api
        assert isinstance(api, Vllm)
        if not self.path.endswith("/load_lora_adapter"):
            return super().do_POST()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        api.loads += 1
        if not api.allows:
            return self._send(404, {"detail": "Not Found"})
        name, path = body["lora_name"], Path(body["lora_path"])
        if name in api.loaded:
            return self._send(400, {"error": {"message": f"The lora adapter '{name}' has already been loaded."}})
        if not (path / "adapter_config.json").is_file():
            return self._send(404, {"error": {"message": f"Loading lora {name} failed: No adapter found for {path}"}})
        if not api.largest_rank:
            return self._send(400, {"error": {"message": "LoRA rank 128 is greater than max_lora_rank 16."}})
        api.loaded[name] = str(path)
        self._send(200, {"message": "Success"})


@pytest.fixture
def vllm() -> Iterator[Vllm]:
    made = Vllm()
    made._unknown({"model": ""})
    serve(made)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mika"
    made.mkdir()
    (made / "adapter_config.json").write_text("{}")
    (made / ADAPTER_WEIGHTS).write_bytes(b"weights")
    return made


@pytest.fixture
def model(vllm: Vllm) -> RemoteModel:
    return RemoteModels().choose("me", Server(vllm.url, "secret"), "qwen")


def asked(model: RemoteModel) -> str:
    return [*stream(model, [{"role": "user", "content": "Hi"}], Sampling(), [], stop=threading.Event())][-1].text


def test_an_adapter_is_handed_over_once_and_asked_by_its_name(vllm: Vllm, folder: Path, model: RemoteModel) -> None:
    assert (model.preset.id, model.root) == ("vllm", BASE)
    adapters = RemoteAdapters()
    one, two = (adapters.answering(model, "mika", folder, BASE) for _ in range(2))
    assert vllm.loads == 1 and one == two and vllm.loaded == {one.adapter: str(folder)}
    assert one.adapter == name_of(folder) and one.adapter_word and "mika" in one.adapter_word.en
    assert asked(one) == "Hello there" and vllm.asked[-1]["model"] == one.adapter
    asked(model)
    assert vllm.asked[-1]["model"] == "qwen"
    again = RemoteAdapters().answering(model, "mika", folder, BASE)  # the app was started anew, the server was not
    assert again.adapter == one.adapter


def test_a_server_that_was_started_anew_gets_it_again(
    vllm: Vllm, folder: Path, model: RemoteModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapters = RemoteAdapters()
    adapters.answering(model, "mika", folder, BASE)
    vllm.loaded.clear()
    monkeypatch.setattr(module, "REMEMBERED_SECONDS", -1.0)
    assert adapters.answering(model, "mika", folder, BASE).adapter in vllm.loaded


def test_other_weights_are_another_name_and_nobody_is_offered_anothers(
    vllm: Vllm, folder: Path, model: RemoteModel, tmp_path: Path
) -> None:
    first = RemoteAdapters().answering(model, "mika", folder, BASE).adapter
    (folder / ADAPTER_WEIGHTS).write_bytes(b"other weights")
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / ADAPTER_WEIGHTS).write_bytes(b"other weights")
    assert len({first, name_of(folder), name_of(copy)}) == 3
    vllm._unknown({"model": ""})
    remotes = RemoteModels()
    assert remotes.names(Server(vllm.url)) == ["qwen"]
    with pytest.raises(InputError):
        remotes.choose("other", Server(vllm.url), first)
    assert first.startswith(OURS)


def test_where_it_is_not_taken_the_talk_goes_on_with_a_word(vllm: Vllm, folder: Path, model: RemoteModel) -> None:
    def word(told: RemoteModel = model, base: str = BASE, place: Path = folder) -> str:
        found = RemoteAdapters().answering(told, "mika", place, base)
        assert found.adapter == "" and found.adapter_word and "mika" in found.adapter_word.ja
        assert asked(replace(found, server=model.server)) == "Hello there" and vllm.asked[-1]["model"] == "qwen"
        return found.adapter_word.en

    assert "only vLLM" in word(replace(model, preset=replace(model.preset, id="ollama")))
    assert "trained on Llama" in word(base="meta/Llama") and vllm.loads == 0
    assert "No adapter found" in word(place=folder.parent / "gone")
    vllm.largest_rank = False
    assert "max_lora_rank" in word()
    vllm.allows = False
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in word()
    assert "cannot be reached" in word(replace(model, server=Server("http://127.0.0.1:9/v1")))


def test_a_server_that_takes_its_time_holds_up_nobody_else(
    folder: Path, model: RemoteModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, let_go, hand_over = threading.Event(), threading.Event(), module._handed_over

    def slowly(told: RemoteModel, adapter: str, *rest: str) -> module.HandedOver:
        if adapter == "slow":
            begun.set()
            assert let_go.wait(60)
        return hand_over(told, adapter, folder, BASE, rest[-1])

    monkeypatch.setattr(module, "_handed_over", slowly)
    adapters = RemoteAdapters()
    waiting = threading.Thread(target=adapters.answering, args=(model, "slow", tmp_path, BASE))
    waiting.start()
    try:
        assert begun.wait(60)
        assert adapters.answering(model, "mika", folder, BASE).adapter == name_of(folder)
        assert waiting.is_alive()
    finally:
        let_go.set()
        waiting.join()
