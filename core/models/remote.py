"""Models that run elsewhere: any server that speaks OpenAI's API (vLLM, llama.cpp, Ollama, OpenAI and the like).

The app grows past one machine so: the server generates, many at once, and the app makes the prompt, keeps the
transcript and the memory. Keys stay in memory and are gone with the process; nothing of them is written down.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import InputError, ModelError, NotAllowedError

if TYPE_CHECKING:
    from openai import OpenAI

    from core.models.sampling import Sampling

CONNECT_SECONDS, READ_SECONDS = 10.0, 120.0
RETRIES = 3  # with growing, jittered pauses, as the client library makes them
CONTEXT = 4096  # tokens, where a server does not say: more is rarely worth its price in a chat
STRINGS_OF_STOP = 4  # OpenAI takes no more
# What a server may refuse: the first set that it takes is used.
SAMPLERS = (
    ("temperature", "top_p", "stop", "seed", "top_k", "min_p", "repetition_penalty"),
    ("temperature", "top_p", "stop", "seed"),
    ("temperature", "top_p", "stop"),
    ("temperature", "top_p"),
    (),
)
BEYOND_OPENAI = ("top_k", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class Server:
    """Where a server is, and the key for it."""

    url: str
    """Its base, as in http://127.0.0.1:8000/v1."""
    key: str = field(default="", repr=False)


@dataclass(frozen=True)
class RemoteModel:
    """A model of a server that has answered."""

    server: Server
    name: str
    """Of the model, or of a LoRA adapter that the server offers under a name of its own."""
    context: int = CONTEXT
    """Tokens of its window."""
    takes: tuple[str, ...] = SAMPLERS[-1]
    """The settings that the server takes."""


@dataclass
class RemoteModels:
    """Which remote model each owner talks with, while this process lives."""

    allowed: tuple[str, ...] = ()
    """Bases of servers that may be used; empty: any."""
    public: bool = False
    """Strangers reach this app: then only `allowed` servers may be used, none where there are none."""
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
        with _told(server, ""):
            import openai

            try:
                return sorted(model.id for model in _client(server).models.list())
            except (openai.InternalServerError, openai.NotFoundError):
                return []

    def choose(self, owner: str, server: Server, name: str) -> RemoteModel:
        """Ask the model for one token, to know what it takes, and talk with it from now on.

        Raises ModelError with what the server said, InputError for an address that is none and
        NotAllowedError for a server that may not be used here.
        """
        server = self.checked(server)
        if not name.strip():
            raise InputError("Name the model of the server.", "サーバーのモデル名を入れてください。")
        model = _probed(RemoteModel(server, name.strip()))
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


def stream(
    model: RemoteModel,
    messages: Sequence[Mapping[str, str]],
    sampling: "Sampling",
    stops: Sequence[str],
    *,
    stop: threading.Event,
    seed: int | None = None,
) -> Iterator[tuple[str, str]]:
    """Yield (text so far, why it ended or "") as the server writes. Setting `stop` hangs up.

    Raises ModelError with what the server said.
    """
    settings = _settings(model, sampling, stops, seed)
    with _told(model.server, model.name):
        answer = _client(model.server).chat.completions.create(
            model=model.name, messages=list(messages), stream=True, max_tokens=sampling.max_new_tokens, **settings
        )
        text = ""
        with answer:
            for chunk in answer:
                if stop.is_set():
                    return
                for choice in chunk.choices[:1]:
                    text += choice.delta.content or ""
                    yield text, choice.finish_reason or ""


def _settings(model: RemoteModel, sampling: "Sampling", stops: Sequence[str], seed: int | None) -> dict[str, object]:
    """The sampling as far as the server takes it."""
    wanted: dict[str, object] = {
        "temperature": sampling.temperature, "top_p": sampling.top_p, "stop": list(stops[:STRINGS_OF_STOP]) or None,
        "seed": seed, "top_k": sampling.top_k or None, "min_p": sampling.min_p or None,
        "repetition_penalty": sampling.repetition_penalty,
    }  # fmt: skip
    taken = {name: value for name, value in wanted.items() if name in model.takes and value is not None}
    beyond = {name: taken.pop(name) for name in BEYOND_OPENAI if name in taken}
    return taken | ({"extra_body": beyond} if beyond else {})


def _probed(model: RemoteModel) -> RemoteModel:
    """The model with the largest set of settings that it takes, and its window where the server tells it."""
    import openai

    from core.models.sampling import Sampling

    sampling = Sampling(temperature=0.7, top_p=0.9, top_k=40, min_p=0.05, max_new_tokens=1)
    for takes in SAMPLERS:
        tried = replace(model, takes=takes)
        try:
            with _told(model.server, model.name):
                _client(model.server).chat.completions.create(
                    model=model.name, messages=[{"role": "user", "content": "Hi"}], max_tokens=1,
                    **_settings(tried, sampling, ["\n\n\n"], 0),
                )  # fmt: skip
            return replace(tried, context=_window(tried))
        except ModelError as error:
            refused = isinstance(error.__cause__, (openai.BadRequestError, openai.UnprocessableEntityError))
            if not refused or takes == SAMPLERS[-1]:
                raise
    raise AssertionError("the last set is empty")


def _window(model: RemoteModel) -> int:
    """Tokens of the window: vLLM tells it in its list of models."""
    import openai

    try:
        listed = next((one for one in _client(model.server).models.list() if one.id == model.name), None)
    except openai.OpenAIError:
        return CONTEXT
    length = getattr(listed, "max_model_len", None)
    return min(length, CONTEXT) if isinstance(length, int) and length > 0 else CONTEXT


def _client(server: Server) -> "OpenAI":
    import httpx2
    from openai import DefaultHttpxClient, OpenAI

    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    # Followed, a redirect would lead from a server that may be used to any other, this machine's own among them.
    client = DefaultHttpxClient(follow_redirects=False, timeout=timeout)
    # A server without keys wants none, but the library insists on one.
    key = server.key.strip() or "none"
    return OpenAI(base_url=server.url, api_key=key, timeout=timeout, max_retries=RETRIES, http_client=client)


@contextmanager
def _told(server: Server, model: str) -> Iterator[None]:
    """What the client library raises, as a ModelError that says what to do."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise _sentence(server.url, model, error) from error


def _sentence(url: str, model: str, error: Exception) -> ModelError:
    import openai

    said = _said(error)
    if isinstance(error, openai.APITimeoutError):
        return ModelError(
            f"{url} did not answer in time. See whether it is busy, and try again.",
            f"{url} から時間内に返事がありませんでした。混んでいないか確かめて、もう一度お試しください。",
        )
    if isinstance(error, openai.APIConnectionError):
        return ModelError(
            f"{url} cannot be reached. See whether the server runs, and the address: most end in /v1.",
            f"{url} につながりません。サーバーが動いているか、アドレス（多くは /v1 で終わります）を確かめてください。",
        )
    if isinstance(error, openai.APIStatusError) and 300 <= error.status_code < 400:
        to = error.response.headers.get("location", "")[:120]
        return ModelError(
            f"{url} sends on to another address ({to or '—'}), which is not followed. Give the server's own address.",
            f"{url} は別のアドレス（{to or '—'}）に転送しようとしました。転送先には接続しません。"
            "サーバー自身のアドレスを入れてください。",
        )
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return ModelError(
            f"{url} does not accept the key ({said}). Type it again.",
            f"{url} にキーを断られました（{said}）。キーを入れ直してください。",
        )
    if isinstance(error, openai.NotFoundError):
        return ModelError(
            f"{url} knows no “{model}” ({said}). Choose a model from its list.",
            f"{url} に「{model}」はありません（{said}）。一覧から選んでください。",
        )
    if isinstance(error, openai.RateLimitError):
        return ModelError(
            f"{url} takes no more for now ({said}). Wait a little, or see to the quota.",
            f"{url} の利用上限に達しました（{said}）。少し待つか、利用枠を確かめてください。",
        )
    return ModelError(f"{url} answered with an error: {said}.", f"{url} がエラーを返しました: {said}。")


def _said(error: Exception) -> str:
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return str(message or error).strip().split("\n")[0][:200] or type(error).__name__
