"""Adapters handed to a server by name: vLLM loads a folder while it runs, and answers under the name that it was given.

It has to be started with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, and to see the adapter's folder under
the same path. Where it does not take one, the talk goes on with the model alone, and a word says why.
"""

import hashlib
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalogue.catalogue import model_name
from core.models.remote_server import Server
from core.text import Text
from core.workspace import ADAPTER_WEIGHTS

if TYPE_CHECKING:
    from core.models.remote import RemoteModel

KIND = "vllm"
OURS = "omokage-"
"""How the names begin. Each says which weights of whose folder: nobody is offered another's, and none is mistaken."""
LOAD_SECONDS, REMEMBERED_SECONDS = 60.0, 60.0


@dataclass(frozen=True)
class HandedOver:
    """How a server took an adapter."""

    name: str
    """Under which it answers; "" where it does not."""
    word: Text
    """What is said of it beside the model's name."""


@dataclass
class RemoteAdapters:
    """Hands each over once, and asks again after a while, since a server may have been started anew."""

    _known: dict[tuple[str, str], tuple[float, HandedOver]] = field(default_factory=dict)
    _locks: dict[tuple[str, str], threading.Lock] = field(default_factory=dict)
    """One for each that is handed over: a server that takes its time holds up nobody else."""

    def answering(self, model: "RemoteModel", adapter: str, folder: Path, base: str) -> "RemoteModel":
        """`model` with the adapter, or as it was with a word why not. Raises nothing: a talk goes on either way."""
        key = (model.server.url, name_of(folder))
        with self._locks.setdefault(key, threading.Lock()):
            asked, found = self._known.get(key, (0.0, None))
            if found is None or time.monotonic() - asked > REMEMBERED_SECONDS:
                found = _handed_over(model, adapter, folder, base, key[1])
                self._known[key] = (time.monotonic(), found)
        return replace(model, adapter=found.name, adapter_word=found.word)


def name_of(folder: Path) -> str:
    """Of these weights in this folder: another name once they have changed."""
    try:
        about = (folder / ADAPTER_WEIGHTS).stat()
        mark = f"{folder.resolve()} {about.st_size} {about.st_mtime_ns}"
    except OSError:
        mark = f"{folder}"
    return f"{OURS}{hashlib.sha256(mark.encode()).hexdigest()[:24]}"


def _handed_over(model: "RemoteModel", adapter: str, folder: Path, base: str, name: str) -> HandedOver:
    if model.preset.id != KIND:
        return _without(adapter, Text("only vLLM takes one", "アダプターを受け取れるのは vLLM だけです"))
    served = model.root or model.name
    if model_name(base).lower() not in (model_name(served).lower(), model_name(model.name).lower()):
        return _without(
            adapter, Text(f"it was trained on {model_name(base)}", f"{model_name(base)} で学習したものです")
        )
    refused = _load(model.server, name, folder)
    if refused is not None:
        return _without(adapter, refused)
    return HandedOver(name, Text(f"with {adapter}", f"＋ {adapter}"))


def _without(adapter: str, reason: Text) -> HandedOver:
    return HandedOver("", Text(f"without {adapter}: {reason.en}", f"{adapter} なし（{reason.ja}）"))


def _load(server: Server, name: str, folder: Path) -> Text | None:
    """Why the server does not take it; None where it has it."""
    import httpx2

    body = {"lora_name": name, "lora_path": str(folder.resolve())}
    headers = {"Authorization": f"Bearer {server.key.strip() or 'none'}"}
    try:
        answer = httpx2.post(
            f"{server.url}/load_lora_adapter", json=body, headers=headers, timeout=LOAD_SECONDS, follow_redirects=False
        )
    except httpx2.HTTPError as error:
        return Text(f"the server cannot be reached ({type(error).__name__})",
                    f"サーバーにつながりません: {type(error).__name__}")  # fmt: skip
    said = " ".join(answer.text.split())
    if answer.status_code == 200 or (answer.status_code == 400 and "already" in said):
        return None
    if answer.status_code in (404, 405) and "No adapter found" not in said:
        return Text("the server was not started with VLLM_ALLOW_RUNTIME_LORA_UPDATING=True and --enable-lora",
                    "サーバーに VLLM_ALLOW_RUNTIME_LORA_UPDATING=True と --enable-lora が付いていません")  # fmt: skip
    return Text(
        f"the server said {answer.status_code}: {said[:160]}", f"サーバーの返事: {answer.status_code} {said[:160]}"
    )
