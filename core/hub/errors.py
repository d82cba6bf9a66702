"""What the Hugging Face Hub answered, or what happened on the way to it, as a sentence with what to do next."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import HubError
from core.files import disk_full_text, is_disk_full
from core.text import Text

TOKENS_PAGE = "https://huggingface.co/settings/tokens"
TIMEOUT_SECONDS = 60.0  # between two signs of life, not for the whole

# {repo}: the repository; {said}: the Hub's own words in brackets, or nothing; {wait}: when to try again.
SENTENCES: dict[str, Text] = {
    "token": Text(
        f"The Hub does not accept this token (401){{said}}. It may be mistyped, expired or revoked. "
        f"Make a new one at {TOKENS_PAGE}",
        "このトークンは Hub に受け付けられませんでした (401){said}。"
        "打ち間違い、期限切れ、または失効の可能性があります。"
        f"{TOKENS_PAGE} で作り直してください。",
    ),
    "write": Text(
        f"This token may not write to {{repo}} (403){{said}}. Make one with the role “Write” at {TOKENS_PAGE}, "
        "or choose a name under your own account.",
        "このトークンには {repo} への書き込み権限がありません (403){said}。"
        f"{TOKENS_PAGE} で「Write」権限のトークンを作るか、自分のアカウントの名前を使ってください。",
    ),
    "read": Text(
        f"This token may not read {{repo}} (403){{said}}. Use a token that may, from {TOKENS_PAGE}",
        "このトークンには {repo} を読む権限がありません (403){said}。"
        f"{TOKENS_PAGE} で権限のあるトークンを作ってください。",
    ),
    "gated": Text(
        "{repo} is gated: its owner asks you to accept terms first. Open its page on the Hub, accept them, "
        "then try again with your token.",
        "{repo} は利用条件への同意が必要です。"
        "Hub のページを開いて同意してから、自分のトークンでもう一度試してください。",
    ),
    "missing": Text(
        "{repo} was not found on the Hub (404), or it is private and this token may not see it. "
        "Check the spelling, or give a token that can read it.",
        "{repo} は Hub に見つかりません (404)。または非公開で、このトークンでは見られません。"
        "名前を確かめるか、読めるトークンを使ってください。",
    ),
    "conflict": Text(
        "Someone else was changing {repo} at the same moment (409){said}. Nothing was changed; try again.",
        "同時に別の変更が {repo} に行われました (409){said}。何も変更されていません。もう一度試してください。",
    ),
    "busy": Text(
        "The Hub asks to slow down (429){said}. Nothing is lost; try again in {wait}.",
        "Hub へのアクセスが多すぎます (429){said}。何も失われていません。{wait}たってからもう一度試してください。",
    ),
    "broken": Text(
        "The Hub has trouble of its own ({status}){said}. Nothing is lost here; try again later. "
        "Its state is shown at https://status.huggingface.co",
        "Hub 側で問題が起きています ({status}){said}。こちらでは何も失われていません。"
        "しばらくしてからもう一度試してください。状況は https://status.huggingface.co で見られます。",
    ),
    "refused": Text(
        "The Hub refused the request for {repo} ({status}){said}. Nothing is lost here.",
        "{repo} への要求は Hub に断られました ({status}){said}。こちらでは何も失われていません。",
    ),
    "cut": Text(
        "The connection to the Hub was cut before everything for {repo} had gone through. Nothing is lost here; "
        "try again. What had arrived is not sent twice.",
        "{repo} の通信中に Hub との接続が切れました。こちらでは何も失われていません。もう一度試してください。"
        "届いた分は送り直しません。",
    ),
    "slow": Text(
        "The Hub did not answer in time. Nothing is lost here; check the network and try again.",
        "Hub から時間内に応答がありませんでした。こちらでは何も失われていません。"
        "ネットワークを確かめて、もう一度試してください。",
    ),
    "offline": Text(
        "The Hub cannot be reached{said}. Check the network, and HF_HUB_OFFLINE and HF_ENDPOINT if you set them.",
        "Hub に接続できません{said}。ネットワークを確かめてください。"
        "HF_HUB_OFFLINE や HF_ENDPOINT を設定している場合はそれも確かめてください。",
    ),
    "full": disk_full_text(),
    "other": Text(
        "{repo} could not be exchanged with the Hub{said}. Nothing is lost here; try again.",
        "{repo} を Hub とやりとりできませんでした{said}。こちらでは何も失われていません。もう一度試してください。",
    ),
}


@contextmanager
def hub_errors(repo: str, *, writing: bool = False) -> Iterator[None]:
    """Turn whatever huggingface_hub raises inside into a HubError; `writing` tells a push from a pull."""
    from huggingface_hub.utils import httpx

    try:
        yield
    # RuntimeError and ValueError: how the upload code and hf_xet wrap what went wrong.
    except (httpx.HTTPError, OSError, RuntimeError, ValueError) as error:
        raise explain_hub_error(error, repo, writing=writing) from error


def explain_hub_error(error: Exception, repo: str, *, writing: bool = False) -> HubError:
    """The sentence for an error of huggingface_hub. Tokens in it are blacked out."""
    cause = _root(error)
    kind = _kind(cause, writing)
    response = getattr(cause, "response", None)
    # strerror: without the path, which is the server's own business.
    said = getattr(cause, "strerror", None) or str(cause) if response is None else getattr(cause, "server_message", "")
    words = {"repo": repo, "status": getattr(response, "status_code", ""), "said": _quoted(said or "")}
    seconds = response.headers.get("retry-after", "") if response is not None else ""
    en, ja = SENTENCES[kind]
    return HubError(
        en.format(**words, wait=f"{seconds} seconds" if seconds.isdigit() else "a few minutes"),
        ja.format(**words, wait=f"{seconds} 秒" if seconds.isdigit() else "数分"),
    )


def _root(error: Exception) -> Exception:
    """What the Hub or the network said, below the wrappings of huggingface_hub."""
    from huggingface_hub.utils import httpx

    while isinstance(error.__cause__, Exception) and not isinstance(error, httpx.HTTPError):
        error = error.__cause__
    return error


def _kind(error: Exception, writing: bool) -> str:
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError
    from huggingface_hub.utils import httpx

    if isinstance(error, GatedRepoError):
        return "gated"
    if isinstance(error, RepositoryNotFoundError):
        return "missing"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        forbidden = "write" if writing else "read"
        named = {401: "token", 403: forbidden, 404: "missing", 409: "conflict", 412: "conflict", 429: "busy"}
        return named.get(status, "broken" if status >= 500 else "refused")
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError | OfflineModeIsEnabled):
        return "offline"
    if isinstance(error, httpx.TimeoutException):
        return "slow"
    if isinstance(error, httpx.TransportError | ConnectionError):
        return "cut"
    return "full" if is_disk_full(error) else "other"


def _quoted(said: str) -> str:
    """The first line of somebody else's words, short, and without anything that looks like a token."""
    line = re.sub(r"\bhf_\w{4,}", "hf_…", " ".join(said.split("\n")[:1])).strip().strip(".")
    return f" (“{line[:200]}”)" if line else ""
