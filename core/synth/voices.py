"""What speaks for a side: a model of this machine, which answers several dialogues at once, or a server's."""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from core.adapters.attach import activate_adapter
from core.adapters.store import Adapter
from core.chat.engine import Engine
from core.chat.service import REMOTE_TEMPLATE
from core.errors import ModelError
from core.messages import Turn
from core.models.generate import decode_reply, generate
from core.models.loading import ModelStore
from core.models.remote import RemoteModel, RemoteModels, stream
from core.models.remote_reply import RemoteText
from core.models.sampling import Sampling
from core.prompt import Prompt, PromptConfig, StopCriteria, stop_criteria
from core.synth.backends import Backend
from core.synth.prompts import SideOfCell, prompt_config_of
from core.thoughts import begun_by, split_thoughts

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

LASTING = (400, 401, 403, 404, 422)  # what a server answers to a request that will not get better


class RunInterrupted(Exception):  # noqa: N818 - not an error: somebody asked to stop
    """The run was asked to stop while this was being said."""


@dataclass(frozen=True)
class TurnRequest:
    """A turn to be spoken."""

    side: SideOfCell
    turns: tuple[Turn, ...]
    """The dialogue as the side sees it."""
    sampling: Sampling
    seed: int


@dataclass(frozen=True)
class PreparedTurn:
    """A turn with its prompt."""

    request: TurnRequest
    prompt_config: PromptConfig
    prompt: Prompt
    room: int
    """Tokens that the reply may have."""


@dataclass(frozen=True)
class SpokenReply:
    """What was said."""

    text: str
    thoughts: str
    tokens: int
    prompt_tokens: int


class DialogueVoice(Protocol):
    """Speaks the turns of many dialogues."""

    @property
    def batch(self) -> int:
        """Turns that one call of `speak` takes."""
        ...

    @property
    def workers(self) -> int:
        """Calls of `speak` at the same time."""
        ...

    @property
    def window(self) -> int:
        """Tokens that prompt and reply share."""
        ...

    def prepare(self, request: TurnRequest) -> PreparedTurn:
        """Raises InputError where the dialogue does not fit the window any more."""
        ...

    def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
        """Replies in the order of `turns`, which share their sampling.

        Raises ModelError, and RunInterrupted once `stop` is set.
        """
        ...


@dataclass(frozen=True)
class LocalVoice:
    """A model of this machine, with or without an adapter: turns of different dialogues go through it together."""

    store: ModelStore
    adapter: Adapter | None = None
    at_once: int = 8

    @property
    def batch(self) -> int:
        return 1 if self.store.current().gguf else self.at_once

    @property
    def workers(self) -> int:
        return self.at_once if self.store.current().gguf else 1

    @property
    def window(self) -> int:
        return self.store.current().context

    def prepare(self, request: TurnRequest) -> PreparedTurn:
        loaded = self.store.current()
        config = prompt_config_of(request.side, loaded.context, self.adapter)
        return _prepared(request, config, loaded.tokenizer)

    def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
        if self.store.current().gguf:
            return [self._speak_alone(turn, stop) for turn in turns]
        try:
            return self.store.run(self._speak, turns, stop, whose="synth").result()
        except RuntimeError as error:  # out of memory among them
            reason = str(error).strip().split("\n")[0][:160]
            raise ModelError(
                f"The model could not speak ({reason}). Lower at_once, or choose a smaller model.",
                f"モデルが話せませんでした（{reason}）。at_once を小さくするか、小さいモデルを選んでください。",
            ) from error

    def _speak_alone(self, turn: PreparedTurn, stop: threading.Event) -> SpokenReply:
        """By llama.cpp, whose slots answer several threads at once."""
        loaded, config = self.store.current(), turn.prompt_config
        sampling = replace(turn.request.sampling, max_new_tokens=turn.room)
        ends = stop_criteria(config, loaded.tokenizer)
        replies = Engine(self.store).stream(
            loaded, turn.prompt.ids, sampling, ends, adapter=self.adapter, stop=stop, seed=turn.request.seed,
            owner=f"synth {turn.request.seed}",
        )  # fmt: skip
        said = deque(replies, maxlen=1).pop()
        if stop.is_set():
            raise RunInterrupted
        return _spoken(begun_by(turn.prompt.text) + said.text, "", said.tokens, len(turn.prompt.ids))

    def _speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
        """Runs in the model's thread. A turn alone is drawn alike again; in a batch its neighbours have a part."""
        import torch

        if stop.is_set():
            raise RunInterrupted
        loaded = self.store.current()
        activate_adapter(loaded, self.adapter)
        torch.manual_seed(turns[0].request.seed)
        ends = [stop_criteria(turn.prompt_config, loaded.tokenizer) for turn in turns]
        together = StopCriteria(
            tuple(dict.fromkeys(i for end in ends for i in end.token_ids)),
            tuple(dict.fromkeys(string for end in ends for string in end.strings)),
        )
        sampling = replace(turns[0].request.sampling, max_new_tokens=min(turn.room for turn in turns))
        with torch.inference_mode():
            written = generate(
                loaded.pretrained, loaded.tokenizer, [turn.prompt.ids for turn in turns], together, sampling,
                device=loaded.device, should_stop=stop.is_set,
            )  # fmt: skip
        if stop.is_set():
            raise RunInterrupted
        replies: list[SpokenReply] = []
        for turn, end, ids in zip(turns, ends, written.ids, strict=True):
            own = _until_end(ids, together.token_ids)
            text = begun_by(turn.prompt.text) + decode_reply(loaded.tokenizer, own, end.strings)
            text = text.replace(end.separator, turn.prompt_config.separator) if end.separator else text
            replies.append(_spoken(text, "", len(own), len(turn.prompt.ids)))
        return replies


@dataclass(frozen=True)
class RemoteVoice:
    """A server's model, asked for several dialogues at the same time."""

    model: RemoteModel
    tokenizer: "PreTrainedTokenizerBase"
    """Of this machine, only to estimate what fits."""
    at_once: int = 8

    @property
    def batch(self) -> int:
        return 1

    @property
    def workers(self) -> int:
        return self.at_once

    @property
    def window(self) -> int:
        return self.model.context

    def prepare(self, request: TurnRequest) -> PreparedTurn:
        config = prompt_config_of(request.side, self.model.context, template=REMOTE_TEMPLATE)
        return _prepared(request, config, self.tokenizer)

    def speak(self, turns: Sequence[PreparedTurn], stop: threading.Event) -> list[SpokenReply]:
        return [self._speak(turn, stop) for turn in turns]

    def _speak(self, turn: PreparedTurn, stop: threading.Event) -> SpokenReply:
        sampling = replace(turn.request.sampling, max_new_tokens=turn.room)
        asked = stream(
            self.model, turn.prompt.messages, sampling, (), stop=stop, seed=turn.request.seed,
            opening=turn.prompt_config.opening,
        )  # fmt: skip
        with closing(asked) as parts:
            now = next(iter(deque(parts, maxlen=1)), RemoteText(""))
        if stop.is_set():
            raise RunInterrupted
        used = (now.usage.reply, now.usage.prompt) if now.usage else (now.chunks, len(turn.prompt.ids))
        return _spoken(now.text, now.thoughts, *used)


def voice_of(backend: Backend, stores: dict[str, ModelStore]) -> LocalVoice | RemoteVoice:
    """What speaks for a backend. A local model is loaded once, in `stores`. Raises AppError when it cannot be had."""
    if backend.kind == "remote":
        return RemoteVoice(remote_model(backend), bundled_tokenizer(), backend.at_once)
    store = loaded_store(backend, stores)
    return LocalVoice(store, Adapter.read(Path(backend.adapter)) if backend.adapter else None, backend.at_once)


def loaded_store(backend: Backend, stores: dict[str, ModelStore]) -> ModelStore:
    """The store with a local backend's model in memory. Raises what went wrong."""
    if backend.model not in stores:
        store = ModelStore(backend.model or None)
        store.start()
        if error := store.wait().error:
            raise error
        stores[backend.model] = store
    return stores[backend.model]


def remote_model(backend: Backend) -> RemoteModel:
    """The server's model, asked once to know what it takes. Raises ModelError with what the server said."""
    return RemoteModels().choose("", backend.server(), backend.model, backend.window)


def bundled_tokenizer() -> "PreTrainedTokenizerBase":
    """Of the model that comes with the app."""
    from core.catalogue.bundled import FOLDER
    from core.models.tokenizers.check import load_tokenizer

    return load_tokenizer(str(FOLDER))


def is_lasting(error: BaseException) -> bool:
    """Whether an error of a server would come again: a wrong key or name, a request that it does not take."""
    return getattr(error.__cause__, "status_code", None) in LASTING


def _prepared(request: TurnRequest, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase") -> PreparedTurn:
    prompt = request.side.prompt(prompt_config, request.turns, tokenizer)
    room = max(1, min(request.sampling.max_new_tokens, prompt_config.context_window - len(prompt.ids)))
    return PreparedTurn(request, prompt_config, prompt, room)


def _until_end(ids: Sequence[int], ends: Sequence[int]) -> list[int]:
    """The tokens before the first that ends a turn: what follows in a batch is padding."""
    at = next((n for n, token in enumerate(ids) if token in ends), len(ids))
    return list(ids[:at])


def _spoken(text: str, thoughts: str, tokens: int, prompt_tokens: int) -> SpokenReply:
    said = split_thoughts(text)
    inner = "\n\n".join(part for part in (thoughts.strip(), *said.thoughts) if part)
    return SpokenReply(said.words.strip(), inner, tokens, prompt_tokens)
