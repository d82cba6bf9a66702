"""Replies, streamed from the model by the one thread that owns it."""

import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from core.adapters.attach import activate_adapter, gguf_adapter
from core.adapters.store import Adapter
from core.errors import AppError, ModelError
from core.models.generate import decode_reply, generate, thought_texts, words_of
from core.models.gguf.model import GgufModel
from core.models.gguf.reply import completion_request
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.prompt import StopCriteria
from core.prompt.token_text import decode
from core.thoughts import without_harmony

if TYPE_CHECKING:
    import torch


LOOK = 0.1  # seconds between looks at whether a reply that waits was stopped

Piece = int | str
"""What a model writes at a time: a token id, or from llama.cpp the text of one or more."""
Fault = Literal["", "loop", "again", "recited", "aside"]


@dataclass(frozen=True)
class Reply:
    """The reply so far. `finished` is False when it ran into its length limit or was stopped."""

    text: str
    tokens: int
    finished: bool = False
    seed: int = -1
    """What it was drawn with; -1 where nobody chose one."""
    fault: Fault = ""
    """What was wrong with it, or with those that were tried before it."""
    thoughts: str = ""
    """What the model thought before it spoke: never a part of `text`."""
    thought_tokens: int = 0
    """Of `tokens`, those of the thoughts: an estimate by the share of characters."""
    only_thought: bool = False
    """It used all its room for thoughts."""
    prompt_tokens: int = 0
    """That a server has counted; 0 for this machine's model."""
    cost: float = 0.0
    """By the prices that the person has filled in for a server's model."""


@dataclass(frozen=True)
class Engine:
    """Generates with the model of a `ModelStore`, with or without an adapter."""

    store: ModelStore

    def stream(
        self,
        loaded: LoadedModel,
        prompt: Sequence[int],
        sampling: Sampling,
        ending: StopCriteria,
        *,
        adapter: Adapter | None = None,
        stop: threading.Event,
        seed: int | None = None,
        owner: str = "",
        continuation_ids: Sequence[int] = (),
    ) -> Generator[Reply, None, None]:
        """Yield the reply as it grows, then once more when it is finished.

        `prompt` are token ids, and `continuation_ids` those of a reply to be continued, which its text begins
        with; what the model has read of them before is not read again. Owners who wait are served in turn. Setting
        `stop`, or closing the generator, ends it within a token.
        Raises ModelError when the adapter does not fit or the device runs out of memory.
        """
        pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        closed = threading.Event()
        request = _ReplyRequest(
            loaded, (*prompt, *continuation_ids), len(continuation_ids), sampling, ending, adapter, (stop, closed), seed
        )
        if loaded.gguf:
            done = loaded.gguf.slots.run(_generate_gguf, request, loaded.gguf, pieces, whose=owner)
        else:
            done = self.store.run(_generate, request, pieces, whose=owner)
        done.add_done_callback(lambda _: pieces.put(None))
        written: list[Piece] = []
        reply = partial(Reply, seed=-1 if seed is None else seed)
        try:
            for piece in _until_none(pieces, request, done):
                if piece not in ending.token_ids:
                    written.append(piece)
                    yield reply(_without_half_an_end(_said(request, written), ending.strings), len(written))
        finally:
            closed.set()
        try:
            finished = done.result()
        except CancelledError:
            finished = False
        except AppError:
            raise
        except Exception as error:
            self.store.run(loaded.prefix_cache.clear, whose=owner)  # it may have been the memory that was missing
            raise _failed(error) from error
        yield reply(_said(request, written), len(written), finished)


@dataclass(frozen=True)
class _ReplyRequest:
    """One reply to be generated."""

    loaded: LoadedModel
    prompt: tuple[int, ...]
    continued: int
    """Tokens at its end that are the reply's already."""
    sampling: Sampling
    ending: StopCriteria
    adapter: Adapter | None
    ends: tuple[threading.Event, ...]
    """Any of them stops it."""
    seed: int | None

    @property
    def stopped(self) -> bool:
        return any(end.is_set() for end in self.ends)


def _until_none(
    pieces: "queue.SimpleQueue[Piece | None]", request: _ReplyRequest, done: "Future[bool]"
) -> Iterator[Piece]:
    """The pieces as they come. Who is stopped while others are served leaves the queue at once."""
    while True:
        try:
            piece = pieces.get(timeout=LOOK)
        except queue.Empty:
            if request.stopped:
                done.cancel()
            continue
        if piece is None:
            return
        yield piece


def _generate(request: _ReplyRequest, ids: "queue.SimpleQueue[Piece | None]") -> bool:
    """Runs in the model's thread. True when the model ended the turn by itself."""
    import torch

    if request.stopped:
        return False
    loaded, prefixes = request.loaded, request.loaded.prefix_cache
    adapter = activate_adapter(loaded, request.adapter)
    if request.seed is not None:
        torch.manual_seed(request.seed)
    with torch.inference_mode():
        written = generate(
            loaded.pretrained, loaded.tokenizer, [request.prompt], request.ending, request.sampling,
            device=loaded.device, min_new_tokens=1 if request.continued else None,
            should_stop=lambda: request.stopped, streamer=_Ids(ids), cache=prefixes.take(adapter, request.prompt),
        )  # fmt: skip
    prefixes.keep(adapter, [*request.prompt, *written.ids[0]], written.cache)
    return written.ended[0]


def _generate_gguf(request: _ReplyRequest, model: GgufModel, texts: "queue.SimpleQueue[Piece | None]") -> bool:
    """Runs in one of the model's own threads. True when the model ended the turn by itself."""
    if request.stopped:
        return False
    loaded = request.loaded
    asked = completion_request(
        loaded.tokenizer, request.ending, request.sampling, marks=thought_texts(loaded.tokenizer), seed=request.seed
    )
    written = model.complete(
        request.prompt, asked, adapter=gguf_adapter(loaded, model, request.adapter), on_text=texts.put,
        should_stop=lambda: request.stopped, at_least_one=request.continued > 0,
    )  # fmt: skip
    return written.ended


def _said(request: _ReplyRequest, written: Sequence[Piece]) -> str:
    """The words of a reply, with those that it continues."""
    start = request.prompt[len(request.prompt) - request.continued :]
    ids = [piece for piece in written if isinstance(piece, int)]
    if len(ids) == len(written):
        return decode_reply(request.loaded.tokenizer, [*start, *ids], request.ending.strings)
    before = decode(start, request.loaded.tokenizer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    text = before + "".join(piece for piece in written if isinstance(piece, str))
    return words_of(without_harmony(text), request.ending.strings)


def _without_half_an_end(text: str, strings: Sequence[str]) -> str:
    """`text` without a last part that may become a stop string."""
    halves = [string[:n] for string in strings for n in range(1, len(string))]
    return text.removesuffix(max((half for half in halves if text.endswith(half)), key=len, default="")).rstrip()


class _Ids:
    """Passes on token ids as they are written; the text is decoded by the reader's thread."""

    def __init__(self, ids: "queue.SimpleQueue[Piece | None]") -> None:
        self._ids, self._prompt_seen = ids, False

    def put(self, value: "torch.Tensor") -> None:
        """First the whole prompt, then one token at a time."""
        if self._prompt_seen:
            self._ids.put(int(value.reshape(-1)[-1]))
        self._prompt_seen = True

    def end(self) -> None:
        """The future says when it has ended."""


def _failed(error: Exception) -> ModelError:
    reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
    if "out of memory" in reason.lower():
        return ModelError(
            "The device ran out of memory while replying. Choose a smaller model, or a shorter window.",
            "返事の途中でメモリが足りなくなりました。小さいモデルか、短い文脈を選んでください。",
        )
    return ModelError(
        f"The model could not reply ({reason}). Load it again, or choose another one.",
        f"モデルが返事をできませんでした（{reason}）。読み込み直すか、別のモデルを選んでください。",
    )
