"""Where a server of OpenAI's kind is, a client for it, and what it says when it does not answer, as a sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import ModelError

if TYPE_CHECKING:
    from openai import OpenAI

CONNECT_SECONDS, READ_SECONDS = 10.0, 120.0
RETRIES = 3  # with growing, jittered pauses, as the client library makes them


@dataclass(frozen=True)
class Server:
    """Where a server is, and the key for it."""

    url: str
    """Its base, as in http://127.0.0.1:8000/v1."""
    key: str = field(default="", repr=False)


def client_of(server: Server) -> "OpenAI":
    import httpx2
    from openai import DefaultHttpxClient, OpenAI

    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    # Followed, a redirect would lead from a server that may be used to any other, this machine's own among them.
    client = DefaultHttpxClient(follow_redirects=False, timeout=timeout)
    # A server without keys wants none, but the library insists on one.
    key = server.key.strip() or "none"
    return OpenAI(base_url=server.url, api_key=key, timeout=timeout, max_retries=RETRIES, http_client=client)


@contextmanager
def server_errors(server: Server, model: str) -> Iterator[None]:
    """What the client library raises, as a ModelError that says what to do."""
    import openai

    try:
        yield
    except openai.OpenAIError as error:
        raise _sentence(server.url, model, error) from error


def _sentence(url: str, model: str, error: Exception) -> ModelError:
    import openai

    said = said_by(error)
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
            f"{url} knows no “{model}” ({said}). Choose a model from its list, or see to the address: most end in /v1.",
            f"{url} に「{model}」はありません（{said}）。一覧から選ぶか、アドレス（多くは /v1 で終わります）を"
            "直してください。",
        )
    if isinstance(error, openai.RateLimitError):
        return ModelError(
            f"{url} takes no more for now ({said}). Wait a little, or see to the quota.",
            f"{url} の利用上限に達しました（{said}）。少し待つか、利用枠を確かめてください。",
        )
    return ModelError(f"{url} answered with an error: {said}.", f"{url} がエラーを返しました: {said}。")


def said_by(error: Exception, *, whole: bool = False) -> str:
    """What the server said, for a sentence: its first line; `whole`: all that it sent."""
    body = getattr(error, "body", None)
    message = (body.get("message") or _detail(body.get("detail"))) if isinstance(body, dict) else body
    if whole:
        return f"{message or body or error}"[:4000]
    return str(message or error).strip().split("\n")[0][:200] or type(error).__name__


def _detail(said: object) -> str:
    """What a server made with FastAPI says (transformers serve among them): a sentence, or a list of faults."""
    faults = [fault for fault in said if isinstance(fault, dict)] if isinstance(said, list) else []
    return said if isinstance(said, str) else "; ".join(str(fault.get("msg", "")) for fault in faults)


def parameter_of(error: Exception) -> str:
    """The parameter that an error of OpenAI's form is about, or ""."""
    body = getattr(error, "body", None)
    named = body.get("param") if isinstance(body, dict) else None
    return named if isinstance(named, str) else ""
