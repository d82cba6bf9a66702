"""Models that run elsewhere: any server that speaks OpenAI's API (vLLM, llama.cpp, Ollama, OpenAI and the like).

The app grows past one machine so: the server generates, many at once, and the app makes the prompt, keeps the
transcript and the memory. Keys stay in memory and are gone with the process; nothing of them is written down.
"""

import json
import re
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from core.errors import InputError, NotAllowedError
from core.models.remote_adapters import OURS, RemoteAdapters
from core.models.remote_dialect import SETTINGS, Dialect, PlainMessage
from core.models.remote_presets import ANY_SERVER, RemotePreset, preset_of_url
from core.models.remote_reply import RemoteText, grown_by
from core.models.remote_server import Server, client_of, parameter_of, said_by, server_errors
from core.models.remote_window import CONTEXT, look_at
from core.text import Text

if TYPE_CHECKING:
    from openai import OpenAI

    from core.models.sampling import Sampling

STRINGS_OF_STOP = 4  # OpenAI takes no more
OWN_ARGUMENTS = ("temperature", "top_p", "stop", "seed")  # of the client library; others go into the body beside them
LESSONS = 16  # refusals that are learned from before a request is given up
WINDOWS = (256, 10_000_000)
OPENING = "…"
FIRST_TOKENS = 16
# OpenAI's reasoning models say so, as an error, where all their room went into thoughts: they have answered.
UNFINISHED = re.compile(r"could not finish the message", re.IGNORECASE)


@dataclass
class Dialects:
    """What is known of every model of every server, while this process lives."""

    _known: dict[tuple[str, str], Dialect] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(self, url: str, name: str, preset: RemotePreset) -> Dialect:
        """What the model at that address takes, as far as is known."""
        with self._lock:
            return self._known.get((url, name)) or Dialect.of(preset)

    def keep(self, url: str, name: str, dialect: Dialect) -> None:
        """Remember what was learned."""
        with self._lock:
            self._known[url, name] = dialect


@dataclass(frozen=True)
class RemoteModel:
    """A model of a server that has answered."""

    server: Server
    name: str
    """Of the model, or of a LoRA adapter that the server offers under a name of its own."""
    context: int = CONTEXT
    """Tokens of the window that is used."""
    window: int | None = None
    """Tokens of the window, as the server tells it."""
    preset: RemotePreset = ANY_SERVER
    root: str = ""
    """What the server says that it loaded under that name; "" where it does not tell."""
    adapter: str = ""
    """The name of an adapter that was handed over, which is asked in the place of `name`."""
    adapter_word: Text | None = None
    """What is said of the talk's adapter; None where it has none."""
    dialects: Dialects = field(default_factory=Dialects, repr=False, compare=False)

    @property
    def dialect(self) -> Dialect:
        """What it takes, as far as is known."""
        return self.dialects.of(self.server.url, self.name, self.preset)

    @property
    def takes(self) -> tuple[str, ...]:
        """The settings that the server takes."""
        return self.dialect.takes


@dataclass
class RemoteModels:
    """Which remote model each owner talks with, while this process lives."""

    allowed: tuple[str, ...] = ()
    """Bases of servers that may be used; empty: any."""
    public: bool = False
    """Strangers reach this app: then only `allowed` servers may be used, none where there are none."""
    dialects: Dialects = field(default_factory=Dialects, repr=False)
    adapters: RemoteAdapters = field(default_factory=RemoteAdapters, repr=False)
    _chosen: dict[str, RemoteModel] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def of(self, owner: str) -> RemoteModel | None:
        """The remote model that this owner has chosen."""
        with self._lock:
            return self._chosen.get(owner)

    def leave(self, owner: str) -> None:
        """Back to the model of this machine."""
        with self._lock:
            self._chosen.pop(owner, None)

    def names(self, server: Server) -> list[str]:
        """The models a server offers; [] where it does not tell. Raises ModelError when it cannot be reached."""
        server = self.checked(server)
        with server_errors(server, ""):
            import openai

            try:
                listed = (model.id for model in client_of(server).models.list())
                return sorted(name for name in listed if not name.startswith(OURS))
            except (openai.InternalServerError, openai.NotFoundError):
                return []

    def choose(self, owner: str, server: Server, name: str, window: int | None = None) -> RemoteModel:
        """Ask the model for a few tokens, to know what it takes, and talk with it from now on.

        `window`: tokens of its window, in place of what the server tells. Raises ModelError with what the server
        said, InputError for an address or a window that is none and NotAllowedError for a server that may not be
        used here.
        """
        server = self.checked(server)
        if not name.strip() or name.strip().startswith(OURS):
            raise InputError("Name the model of the server.", "サーバーのモデル名を入れてください。")
        if window is not None and not WINDOWS[0] <= window <= WINDOWS[1]:
            raise InputError(
                f"The window is {window} tokens; it goes from {WINDOWS[0]} to {WINDOWS[1]:,}.",
                f"文脈が {window} トークンです。{WINDOWS[0]} から {WINDOWS[1]:,} の間にしてください。",
            )
        model = _probed(
            RemoteModel(server, name.strip(), preset=preset_of_url(server.url), dialects=self.dialects), window
        )
        with self._lock:
            self._chosen[owner] = model
        return model

    def checked(self, server: Server) -> Server:
        """The server with its base in plain form. Raises InputError or NotAllowedError."""
        url = server.url.strip().rstrip("/")
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise InputError(
                f"“{url[:120]}” is no server's address. It begins with http:// or https://, as in "
                "http://127.0.0.1:8000/v1.",
                f"「{url[:120]}」はサーバーのアドレスではありません。http://127.0.0.1:8000/v1 のように、"
                "http:// か https:// で始めてください。",
            )
        plain = [base.rstrip("/") for base in self.allowed]
        if (self.public or plain) and url not in plain:
            raise NotAllowedError(
                f"This server may use only these addresses: {', '.join(plain) or '—'}. Run Omokage on your own machine "
                "to use another.",
                f"ここで使えるアドレスは決まっています: {'、'.join(plain) or '—'}。"
                "ほかのサーバーは、手元で Omokage を動かして使ってください。",
            )
        return replace(server, url=url)


@dataclass(frozen=True)
class _Request:
    """A reply that is asked for, before it is put in what the server takes."""

    messages: Sequence[PlainMessage]
    sampling: "Sampling"
    stops: Sequence[str]
    seed: int | None
    prefill: str = ""
    """Words of the reply that are there already, to be gone on with."""
    opening: str = OPENING
    streamed: bool = True
    schema: Mapping[str, object] | None = None
    """JSON that the answer is to be, where the server can hold it to one."""

    def arguments(self, model: RemoteModel, dialect: Dialect) -> dict[str, Any]:
        """Keyword arguments of the client's `chat.completions.create`."""
        messages = dialect.fitted(self.messages, self.opening)
        extra: dict[str, object] = {}
        if self.prefill:
            messages.append({"role": "assistant", "content": self.prefill})
            if dialect.prefill == "continue_final_message":
                extra = {"continue_final_message": True, "add_generation_prompt": False}
        plain = _settings(self, model.preset, dialect)
        extra |= {name: plain.pop(name) for name in list(plain) if name not in OWN_ARGUMENTS}
        if dialect.limit:
            plain[dialect.limit] = self.sampling.max_new_tokens
        if self.schema and "response_format" not in dialect.refused:
            held = {"name": "answer", "strict": True, "schema": self.schema}
            plain["response_format"] = {"type": "json_schema", "json_schema": held}
        if self.streamed:
            plain["stream"] = True
            if "stream_options" not in dialect.refused:
                plain["stream_options"] = {"include_usage": True}
        return {"model": model.adapter or model.name, "messages": messages, **plain} | (
            {"extra_body": extra} if extra else {}
        )


def stream(
    model: RemoteModel,
    messages: Sequence[PlainMessage],
    sampling: "Sampling",
    stops: Sequence[str],
    *,
    stop: threading.Event,
    seed: int | None = None,
    prefill: str = "",
    opening: str = OPENING,
    schema: Mapping[str, object] | None = None,
) -> Generator[RemoteText, None, None]:
    """Yield what is there as the server writes. Setting `stop` hangs up.

    `prefill` are words of the reply to be gone on with; they are not among what comes. `opening` stands for a user who
    has said nothing. `schema` is a JSON Schema for the answer; a server that knows none is asked without. Raises
    ModelError with what the server said, and InputError where it cannot go on.
    """
    request = _Request(messages, sampling, stops, seed, prefill.rstrip(), opening, schema=schema)
    if prefill and not model.dialect.prefill:
        raise cannot_go_on(model)
    with server_errors(model.server, model.name):
        answer = _asked(client_of(model.server), model, request)
        now = RemoteText("")
        with answer:
            for chunk in answer:
                if stop.is_set():
                    return
                now = grown_by(now, chunk)
                yield now


def cannot_go_on(model: RemoteModel) -> InputError:
    """Said where a reply is to be continued by a server that can only answer."""
    return InputError(
        f"{model.name} at {model.server.url} cannot go on with a reply. Ask for another one instead.",
        f"{model.server.url} の {model.name} は返事の続きを書けません。代わりにもう一度返事をもらってください。",
    )


def _settings(request: _Request, preset: RemotePreset, dialect: Dialect) -> dict[str, object]:
    """The sampling as far as the server takes it, in its own names."""
    sampling = request.sampling
    drawn = {"top_k": sampling.top_k, "min_p": sampling.min_p, "repetition_penalty": sampling.repetition_penalty}
    wanted: dict[str, object] = {
        "temperature": min(sampling.temperature, preset.hottest), "top_p": sampling.top_p,
        "stop": list(request.stops[:STRINGS_OF_STOP]) or None, "seed": request.seed,
        "top_k": sampling.top_k or None, "min_p": sampling.min_p or None,
        "repetition_penalty": sampling.repetition_penalty,
    }  # fmt: skip
    if preset.generation_config:
        wanted = {name: value for name, value in wanted.items() if name not in drawn}
        config = json.dumps({"do_sample": sampling.temperature > 0, **drawn})
        return {"generation_config": config, **{name: value for name, value in wanted.items() if value is not None}}
    return {
        preset.called.get(name, name): wanted[name]
        for name in SETTINGS
        if wanted[name] is not None and not {name, preset.called.get(name, name)} & dialect.refused
    }


def _asked(client: "OpenAI", model: RemoteModel, request: _Request) -> Any:
    """The server's answer; what it refuses is learned, and asked again without."""
    import openai

    for _ in range(LESSONS):
        dialect = model.dialect
        if request.prefill and not dialect.prefill:
            raise cannot_go_on(model)
        arguments = request.arguments(model, dialect)
        try:
            return client.chat.completions.create(**arguments)
        except (openai.BadRequestError, openai.UnprocessableEntityError, openai.InternalServerError) as error:
            sent = {*arguments, *arguments.get("extra_body", {})} - {"model", "messages", "stream", "extra_body"}
            sent |= {"continued"} if request.prefill else set()
            said, broken = said_by(error, whole=True), isinstance(error, openai.InternalServerError)
            learned = dialect.learned(said, parameter_of(error), sent)
            if learned is None and not broken:
                learned = dialect.less(said, sent)
            if learned is None:
                raise
            model.dialects.keep(model.server.url, model.name, learned)
    return client.chat.completions.create(**request.arguments(model, model.dialect))


def _probed(model: RemoteModel, window: int | None) -> RemoteModel:
    """The model, asked once so that its server refuses what it does not take, and its window."""
    import openai

    from core.models.sampling import Sampling

    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=40, min_p=0.05, max_new_tokens=FIRST_TOKENS)
    hello = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    request = _Request(hello, sampling, ["\n\n\n"], 0, streamed=False)
    with server_errors(model.server, model.name):
        try:
            _asked(client_of(model.server), model, request)
        except openai.BadRequestError as error:
            if not UNFINISHED.search(said_by(error, whole=True)):
                raise
    preset, own, root = look_at(model.server, model.name)
    known = model.dialect
    # Asked before its kind was known, transformers refused settings that it takes in a form of its own.
    refused = known.refused & {"stream_options"} if preset.generation_config else known.refused
    dialect = replace(known, refused=refused | frozenset(preset.refuses), prefill=preset.prefill)
    model.dialects.keep(model.server.url, model.name, dialect)
    return replace(model, context=window or own or CONTEXT, window=own, preset=preset, root=root)
