"""Chat completions of a persona: the prompt and the care of the chat, in the form of OpenAI's API."""

import hashlib
import secrets
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, Literal

from core.chat.context import ChatContext
from core.chat.conversation import Conversation
from core.chat.engine import Reply
from core.chat.limits import replies_counter
from core.chat.service import ChatService
from core.errors import AppError, InputError
from core.limits import Counter, TooOftenError
from core.owners import end_user
from core.prompt import stop_criteria
from core.serve.chat_request import ApiError, CompletionRequest
from core.serve.keys import ApiKey
from core.serve.model_names import ServedModel, find_model, served_models
from core.text import language_of

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True)
class CompletionPart:
    """What came since the part before; the last one says why it ended, and what it took."""

    text: str
    finish_reason: FinishReason | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class PersonaCompletion:
    """One answer on its way."""

    model: str
    parts: Iterator[CompletionPart]
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self) -> dict[str, Any]:
        """The `chat.completion` object, once all of it is written."""
        parts = list(self.parts)
        message = {"role": "assistant", "content": "".join(part.text for part in parts)}
        choice = {"index": 0, "message": message, "finish_reason": parts[-1].finish_reason, "logprobs": None}
        return self._object("chat.completion", [choice]) | {"usage": _usage(parts[-1])}

    def chunks(self, include_usage: bool) -> Iterator[dict[str, Any]]:
        """The `chat.completion.chunk` objects as they come."""
        start: dict[str, str] = {"role": "assistant", "content": ""}
        yield self._object("chat.completion.chunk", [_delta(start)])
        for part in self.parts:
            if part.text:
                yield self._object("chat.completion.chunk", [_delta({"content": part.text})])
            if part.finish_reason:
                yield self._object("chat.completion.chunk", [_delta({}, part.finish_reason)])
                if include_usage:
                    yield self._object("chat.completion.chunk", []) | {"usage": _usage(part)}

    def _object(self, kind: str, choices: list) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}


def _delta(delta: Mapping[str, str], reason: FinishReason | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}


def _usage(part: CompletionPart) -> dict[str, int]:
    total = part.prompt_tokens + part.completion_tokens
    return {"prompt_tokens": part.prompt_tokens, "completion_tokens": part.completion_tokens, "total_tokens": total}


@dataclass
class PersonaApi:
    """What a key's holder may ask."""

    talk: ChatService
    _counters: dict[str, Counter] = field(default_factory=dict)

    def models(self, key: ApiKey, language: str) -> list[ServedModel]:
        """What the key may ask."""
        found = served_models(self.talk, key.owner, language)
        if not key.model:
            return found
        return [model for model in found if model.name == key.model] or [self.model(key, key.model, language)]

    def complete(self, key: ApiKey, request: CompletionRequest, stop: threading.Event) -> PersonaCompletion:
        """Begin to answer, and return when the first words are there; setting `stop` ends it.

        Nothing is stored, but for the memory where that was asked for.
        Raises ApiError for what the key may not or the request cannot have, TooOftenError, ModelError.
        """
        words = [text for turn in request.turns if turn.role == "user" for text in turn.messages]
        language = language_of(*words)
        model = self.model(key, request.model, language)
        if request.memory and not key.memory:
            raise ApiError(
                "This key may not use the memory. Make one that may, or leave “memory” out.",
                "このキーでは記憶を使えません。記憶を使えるキーを作るか、memory を外してください。",
                status=403, code="memory_not_allowed", param="memory",
            )  # fmt: skip
        guest = end_user(key.owner, f"key {key.id}", request.user) if request.memory and request.user else ""
        began = Conversation(_conversation_id(key, request), model.persona, model.adapter)
        conversation = began.of_turns(request.turns)
        with _chat_errors():
            self.talk.rate_limiter.check(words[-1] if words else "")
            self._count(key)
            setting = self.talk.context(key.owner, conversation, language, guest=guest, remembers=request.memory)
            placed = (*(one for one in setting.placed if one.part != "note"), *request.instructions)
            setting = replace(setting, sampling=request.sampling(setting.sampling), placed=placed)
            go_on = _goes_on(request)
            prompt = self.talk.prompt(setting, conversation.without_reply() if go_on else conversation)
            replies = self.talk.reply(setting, conversation, stop, prompt=prompt, go_on=go_on)
            parts = self._parts(setting, request, replies, len(prompt.ids))
            first = next(parts)
        parts = chain((first,), parts)
        if request.memory:
            parts = self._remembered(setting, conversation, parts)
        return PersonaCompletion(request.model, parts)

    def model(self, key: ApiKey, name: str, language: str) -> ServedModel:
        """The model called `name`. Raises ApiError where there is none, or not for this key."""
        if key.model and name != key.model:
            raise ApiError(
                f"This key may ask “{key.model}” alone, not “{name[:120]}”.",
                f"このキーで使えるのは「{key.model}」だけです（「{name[:120]}」は使えません）。",
                status=403, code="model_not_allowed", param="model",
            )  # fmt: skip
        try:
            return find_model(self.talk, key.owner, name, language)
        except InputError as error:
            raise ApiError(*error.text, status=404, code="model_not_found", param="model") from error

    def _count(self, key: ApiKey) -> None:
        """Raises TooOftenError: the key's own limit first, then that of its owner."""
        counter = self._counters.setdefault(key.id, replies_counter(key.per_minute))
        counter.acquire(key.id)
        self.talk.rate_limiter.acquire(key.owner)

    def _parts(
        self,
        setting: ChatContext,
        request: CompletionRequest,
        replies: Generator[Reply, None, None],
        prompt_tokens: int,
    ) -> Iterator[CompletionPart]:
        """A growing reply as what is added. What was sent cannot be taken back: one that is begun anew ends there."""
        begun = setting.prompt_config.separator.join(request.turns[-1].messages) if _goes_on(request) else ""
        ends = (*request.stop, *_separators(setting))
        sent, text, spoken, cut, anew = "", "", Reply("", 0), False, False
        with closing(replies):
            for reply in replies:
                now, cut = _up_to_stop(self._shown(setting, reply.text, begun), request.stop)
                anew = not (now.startswith(sent) or sent.startswith(now))
                if anew:
                    break
                spoken, text = reply, max(now, sent, key=len) if sent else now
                ready = text if cut or reply.finished else _without_half(text, ends)
                if request.stream and len(ready) > len(sent):
                    yield CompletionPart(ready[len(sent) :])
                    sent = ready
                if cut:
                    break
        if text != sent:
            yield CompletionPart(text[len(sent) :])
        reason: FinishReason = "stop" if cut or anew or spoken.finished else "length"
        yield CompletionPart("", reason, spoken.prompt_tokens or prompt_tokens, spoken.tokens)

    def _shown(self, setting: ChatContext, text: str, begun: str) -> str:
        """The words of a reply, a message a line; of one that goes on, what is new."""
        new = text.removeprefix(begun) if begun else text
        return "\n".join(self.talk.messages_of(setting, new))

    def _remembered(
        self, setting: ChatContext, conversation: Conversation, parts: Iterator[CompletionPart]
    ) -> Iterator[CompletionPart]:
        """The same parts; a reply that came to its end is kept in the memory."""
        said = ""
        for part in parts:
            said += part.text
            if part.finish_reason and said.strip():
                self.talk.on_reply_saved(setting, conversation.said("assistant", *said.split("\n")))
                for owner in filter(None, (setting.owner, setting.guest)):
                    self.talk.adapters.workspace.seen(owner)
            yield part


@contextmanager
def _chat_errors() -> Iterator[None]:
    """An InputError of the chat becomes one of the API; a prompt that is too long is one, too."""
    try:
        yield
    except (ApiError, TooOftenError):
        raise
    except InputError as error:
        raise ApiError(*error.text) from error


def api_error(error: AppError) -> ApiError:
    """Any error of the app as one of the API: a model that is not there can be asked again."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TooOftenError):
        return ApiError(*error.text, status=429, code="rate_limit_exceeded")
    if isinstance(error, InputError):
        return ApiError(*error.text)
    return ApiError(*error.text, status=503, code="model_unavailable")


def _goes_on(request: CompletionRequest) -> bool:
    """Whether the persona's own words stand last: then they are continued."""
    return request.turns[-1].role == "assistant"


def _conversation_id(key: ApiKey, request: CompletionRequest) -> str:
    """The same for all requests of one talk, as far as its beginning tells: what is drawn by chance stays the same."""
    first = request.turns[0].messages[0]
    return "api-" + hashlib.sha256(f"{key.id} {request.model} {request.user} {first}".encode()).hexdigest()[:16]


def _separators(setting: ChatContext) -> tuple[str, ...]:
    """What stands between the messages of one reply, which is shown as a line's end."""
    written = stop_criteria(setting.prompt_config, setting.loaded.tokenizer).separator
    return tuple(mark for mark in {written, setting.prompt_config.separator} if mark)


def _up_to_stop(text: str, stops: tuple[str, ...]) -> tuple[str, bool]:
    """(`text` before the first of `stops`, whether there was one)."""
    at = min((place for one in stops if (place := text.find(one)) >= 0), default=-1)
    return (text, False) if at < 0 else (text[:at].rstrip(), True)


def _without_half(text: str, ends: tuple[str, ...]) -> str:
    """`text` without a last part that may become one of `ends`, and without half a character."""
    halves = [end[:n] for end in ends for n in range(1, len(end) + 1)]
    longest = max((half for half in halves if text.endswith(half)), key=len, default="")
    return text.removesuffix(longest).rstrip("�").rstrip()
