"""Requests that may reach the app: sent to a name of this server, and from a page of its own.

A page elsewhere can make its own name resolve to 127.0.0.1 and so ask a server on this machine (DNS rebinding), or
post to it under its right name (cross-site requests). The first is seen in the Host header, the second in Origin.
"""

import ipaddress
import logging
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import NotAllowedError
from tabs.ui.visitor import language_wanted
from tabs.ui.web.api_keys import key_of

log = logging.getLogger(__name__)
ANY = "*"
READING = ("GET", "HEAD", "OPTIONS")
DEFAULT_PORTS = ("80", "443")


@dataclass
class HostNames:
    """The names that this server is asked under. An IP address always fits: nobody can make one resolve elsewhere."""

    named: set[str] = field(default_factory=set)
    """By the person who runs the server (`OMOKAGE_ALLOWED_HOSTS`); "*" is any."""
    own: frozenset[str] = frozenset({"localhost"})

    @classmethod
    def of_server(cls, named: Iterable[str], *, loopback: bool) -> "HostNames":
        """`loopback`: only this machine reaches the server; else this machine's name fits, too."""
        mine = socket.gethostname().lower()
        own = {"localhost"} if loopback else {"localhost", mine, f"{mine.removesuffix('.local')}.local"}
        return cls({_plain(name) for name in named}, frozenset(own))

    def add_address(self, address: str | None) -> None:
        """Let the name in an address of this server in: that of a share link is known only once it is open."""
        if name := urlsplit(address or "").hostname:
            self.named.add(_plain(name))

    def remove_address(self, address: str) -> None:
        """The name in an address that has ended is none of this server's any more."""
        self.named.discard(_plain(urlsplit(address).hostname or ""))

    def includes(self, host: str) -> bool:
        """Whether a Host header may say `host`."""
        name = _plain(host_name(host))
        return bool(name) and (ANY in self.named or name in self.named or name in self.own or _is_address(name))

    def are_one_site(self, origin: str, host: str) -> bool:
        """Whether a page at `origin` (as in the header) is this server's own, asked as `host`."""
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return False
        return _authority(parts.netloc) == _authority(host) or _plain(parts.hostname) in self.named


@dataclass
class HostGuard:
    """ASGI middleware: what does not fit, and brings no API key, is answered with a sentence and goes no further."""

    app: ASGIApp
    names: HostNames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or key_of(scope):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        error = self._offence(scope.get("method", "GET"), headers)
        if error is None:
            return await self.app(scope, receive, send)
        log.info("refused: %s", error.en)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        await refusal(error, headers, scope.get("method", "GET"))(scope, receive, send)

    def _offence(self, method: str, headers: Headers) -> NotAllowedError | None:
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self.names.includes(host):
            return _unknown_host(host_name(host))
        if origin is not None:
            return None if self.names.are_one_site(origin, host) else _other_site(origin)
        site = headers.get("sec-fetch-site", "same-origin")
        if method not in READING and site not in ("same-origin", "none"):
            return _other_site("")
        return None


def refusal(error: NotAllowedError, headers: Headers, method: str, status: int = 403) -> Response:
    """The sentence in the visitor's language: as text for who opens a page, else as Gradio's page expects it."""
    said = error.text.in_language(language_wanted(headers.get("accept-language")))
    if method in READING:
        return PlainTextResponse(said, status)
    return JSONResponse({"detail": said, "error": said}, status)


def _unknown_host(name: str) -> NotAllowedError:
    return NotAllowedError(
        f"This server was asked as “{name[:120]}”, which is none of its names. Open it as http://localhost with its "
        f"port, or, if the name is yours, start it with OMOKAGE_ALLOWED_HOSTS={name[:120] or 'NAME'}.",
        f"このサーバーに「{name[:120]}」という名前でアクセスがありましたが、登録のない名前です。"
        "http://localhost とポート番号で開いてください。自分で付けた名前なら、"
        f"OMOKAGE_ALLOWED_HOSTS={name[:120] or '名前'} を付けて起動してください。",
    )


def _other_site(origin: str) -> NotAllowedError:
    """`origin` is "" where the browser does not tell more than that it was another one."""
    en = "This request came from another page and was not carried out. Use the app's own page."
    ja = "別のページからの操作なので、実行しませんでした。アプリ自身のページで操作してください。"
    name = urlsplit(origin).hostname
    if name and name != "localhost" and not _is_address(name):
        en += f" If {origin[:120]} is its address behind a proxy, start it with OMOKAGE_ALLOWED_HOSTS={name[:120]}."
        ja += f"{origin[:120]} がプロキシを通したこのアプリのアドレスなら、"
        ja += f"OMOKAGE_ALLOWED_HOSTS={name[:120]} を付けて起動してください。"
    return NotAllowedError(en, ja)


def _plain(name: str) -> str:
    return name.strip().lower().rstrip(".")


def host_name(host: str) -> str:
    """A Host header without its port; of an IPv6 address without its brackets."""
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _authority(netloc: str) -> str:
    """Name and port as both headers can be compared: without the port that goes without saying."""
    netloc = netloc.rpartition("@")[2].lower()
    name, _, port = netloc.rpartition(":")
    return name if name and port in DEFAULT_PORTS else netloc


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
