"""A GGUF model in memory: llama.cpp's own server inside this process, asked for one reply at a time by each thread.

It keeps what each of its slots has read, so that a talk's next turn reads only what is new, and serves several talks at
once. LoRA adapters have to be known when it starts: one that is new starts it again, once nobody is being answered.

llama.cpp opens a port on the loopback address beside that, which cannot be switched off: it gets a key that nobody else
knows, and neither a page nor other origins. Only `tokenize` asks there.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from core.errors import ModelError
from core.models.gguf.header import read_header
from core.models.gguf.packages import llama_cpp
from core.models.sizing.dims import LARGEST_WINDOW
from core.models.thread import ModelThread

SLOTS = 4  # talks whose words stay read, and that are answered at once
ADAPTERS_IN_MEMORY = 4
BATCH = 512  # tokens read at once; whether a reply was stopped is looked at in between
SECONDS = 30  # for an answer of its port
NO_PROXY = build_opener(ProxyHandler({}))
QUIET = 1  # llama.cpp's verbosity: errors alone


@dataclass(frozen=True)
class Completion:
    """What the model wrote. `ended`: by itself, not by the length limit nor because it was stopped."""

    text: str
    tokens: int
    ended: bool


class GgufModel:
    """Weights in a GGUF file, ready to talk. Safe to use from several threads."""

    def __init__(self, path: Path, threads: int) -> None:
        """Raises ModelError where llama.cpp is not installed, or cannot load the file."""
        self.path, self.header = path, read_header(path)
        self.context = min(self.header.number("context_length") or 1024, LARGEST_WINDOW)
        self.slots = ModelThread.with_workers(SLOTS)
        """Whose turn it is, as for the thread that owns other models."""
        self._threads, self._adapters, self._key = threads, list[Path](), secrets.token_urlsafe()
        self._idle, self._answering = threading.Condition(), 0
        self._server = self._started()

    def num_parameters(self) -> int:
        """All weights."""
        return self.header.parameters

    def complete(
        self, prompt: Sequence[int], request: Mapping[str, Any], *, adapter: Path | None = None,
        on_text: Callable[[str], None] = lambda _: None, should_stop: Callable[[], bool] = lambda: False,
        at_least_one: bool = False,
    ) -> Completion:  # fmt: skip
        """Continue token ids with the settings of `request`, in llama.cpp's names.

        `adapter` is a LoRA as GGUF. `on_text` hears of each piece as it comes; `should_stop` ends it within a token.
        `at_least_one`: a token, even where the model would end at once. Raises ModelError with what llama.cpp says.
        """
        with self._serving(adapter) as server:
            asked = {**request, "lora": self._scales(adapter)}
            done = _completed(server, prompt, asked, on_text, should_stop)
            if done.text or not at_least_one or should_stop():
                return done
            first, ids = _one_token(server, prompt, asked)
            on_text(first)
            rest = _completed(server, [*prompt, *ids], asked, on_text, should_stop)
            return Completion(first + rest.text, rest.tokens + len(ids), rest.ended)

    def tokenize(self, text: str) -> list[int]:
        """The ids that llama.cpp makes of plain text. Raises ModelError when it does not answer."""
        with self._serving(None) as server:
            body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
            headers = {"Authorization": f"Bearer {self._key}", "Content-Type": "application/json"}
            asked = Request(f"{server.listening_address}/tokenize", body, headers)
            try:
                with NO_PROXY.open(asked, timeout=SECONDS) as answer:
                    return json.load(answer)["tokens"]
            except (OSError, ValueError, KeyError) as error:
                raise _refused(str(error)) from error

    @contextmanager
    def _serving(self, adapter: Path | None) -> Iterator[Any]:
        """The server, with the adapter among those it knows, and not started again meanwhile."""
        with self._idle:
            if adapter is not None and adapter not in self._adapters:
                self._idle.wait_for(lambda: not self._answering)
                self._adapters = [*self._adapters[1 - ADAPTERS_IN_MEMORY :], adapter]
                self._server = None  # before the new one: memory holds one at a time
                self._server = self._started()
            self._answering += 1
        try:
            yield self._server
        finally:
            with self._idle:
                self._answering -= 1
                self._idle.notify_all()

    def _scales(self, adapter: Path | None) -> list[dict[str, float]]:
        return [{"id": number, "scale": float(known == adapter)} for number, known in enumerate(self._adapters)]

    def _started(self) -> Any:
        llama = llama_cpp()
        params = llama.CommonParams()
        params.model.path = str(self.path)
        params.n_ctx, params.n_parallel, params.kv_unified = self.context, SLOTS, True
        params.n_batch = params.n_ubatch = BATCH
        # What it keeps of talks that lost their slot it finds by their tokens alone: read with one adapter, it answers
        # for another (2026.10.11549; tests/export/test_gguf.py).
        params.cache_ram_mib, params.cache_idle_slots = 0, False
        params.swa_full = True  # else what has left a sliding window cannot be gone back to
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self._threads
        # Its threads would spin while they wait: 269 ms of processor time a token on a busy machine.
        params.cpuparams.poll = params.cpuparams_batch.poll = 0
        params.lora_adapters = [_adapter(llama, path) for path in self._adapters]
        params.api_keys, params.cors_origins = [self._key], ""
        params.ui = params.endpoint_slots = params.warmup = False
        params.verbosity = QUIET
        try:
            return llama.Server(params)
        except RuntimeError as error:
            raise ModelError(
                f"llama.cpp could not load “{self.path.name}”. It may be of an architecture that this version does not "
                "know, cut short, or too big for the memory: fetch it again, or choose another one.",
                f"llama.cpp が「{self.path.name}」を読み込めませんでした。未対応の構造か、ファイルの欠け、"
                "メモリー不足が考えられます。取り直すか、別のものを選んでください。",
            ) from error


def _adapter(llama: Any, path: Path) -> Any:
    known = llama.CommonAdapterLoraInfo()
    known.path, known.scale = str(path), 0.0  # until a request asks for it
    return known


def _completed(
    server: Any, prompt: Sequence[int], request: Mapping[str, Any], on_text: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> Completion:  # fmt: skip
    pieces: list[str] = []
    last: dict[str, Any] = {}

    def hear(chunk: Any) -> bool:
        """True ends it."""
        nonlocal last
        for one in chunk if isinstance(chunk, list) else [chunk]:
            last = one if one.get("error") or any(c.get("finish_reason") for c in one.get("choices", ())) else last
            for choice in one.get("choices", ()):
                if choice.get("text"):
                    pieces.append(choice["text"])
                    on_text(choice["text"])
        return should_stop()

    # Between prompts of `BATCH` tokens it tells how far it has read, and hears whether to stop.
    server.handle_completions({**request, "prompt": list(prompt), "stream": True, "return_progress": True}, hear)
    if last.get("error"):
        raise _refused(last["error"])
    reasons = [choice.get("finish_reason") for choice in last.get("choices", ())]
    used = last.get("usage", {}).get("completion_tokens", len(pieces))
    return Completion("".join(pieces), used, reasons == ["stop"] and not should_stop())


def _one_token(server: Any, prompt: Sequence[int], request: Mapping[str, Any]) -> tuple[str, list[int]]:
    """One token that does not end the turn: its text and its id."""
    only = {**request, "prompt": list(prompt), "n_predict": 1, "ignore_eos": True, "stop": [], "n_probs": 1}
    answer = server.handle_completions(only)
    if answer.get("error"):
        raise _refused(answer["error"])
    choice = answer["choices"][0]
    return choice["text"], [token["id"] for token in (choice.get("logprobs") or {}).get("content", ())]


def _refused(error: Any) -> ModelError:
    reason = str(error.get("message", error) if isinstance(error, dict) else error)[:200]
    return ModelError(
        f"llama.cpp could not reply ({reason}). Load the model again, or choose another one.",
        f"llama.cpp が返事をできませんでした（{reason}）。読み込み直すか、別のモデルを選んでください。",
    )
