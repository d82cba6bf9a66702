"""Who may come through a share link that was opened from the page: whoever gives its password, while it is open.

A request is the person's at this machine where it comes from this machine, under a name of this machine, and through
nobody else: a tunnel sends its own name in the Host header and says for whom it asks (X-Forwarded-For).
"""

import ipaddress
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.attempts import WrongAttempts
from core.errors import NotAllowedError
from core.text import Text
from tabs.ui.visitor import language_wanted
from tabs.ui.web.api_keys import key_of
from tabs.ui.web.hosts import host_name, refusal
from tabs.ui.web.login import login_check

ROUTE = "/share-door"
COOKIE = "omokage-share"
FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "forwarded", "via")
OWN_GUARDS = ("/line/", "/blind/")  # LINE signs what it sends; a blind test is opened by a code of its own
LONGEST_FORM = 2_000  # bytes
WRONG_BY_ALL, SECONDS = 200, 600.0
NAME = "guest"


def is_at_machine(headers: Mapping[str, str], client: str) -> bool:
    """Whether a request with these headers, from the address `client`, is of the person at this machine."""
    name = host_name(headers.get("host", ""))
    return (
        not any(one in headers for one in FORWARDED)
        and _is_loopback(client)
        and (name == "localhost" or _is_loopback(name))
    )


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


@dataclass
class ShareDoor:
    """Open or not, and for whom."""

    ends: float = 0.0
    """Seconds since 1970."""
    most: int = 0
    """People, counted by the browsers that gave the password; 0 is no limit."""
    is_open: bool = False
    _fits: Callable[[str, str], Awaitable[bool]] | None = None
    _wrong: WrongAttempts = field(default_factory=lambda: WrongAttempts(WRONG_BY_ALL, SECONDS))
    _inside: set[str] = field(default_factory=set)

    @property
    def people(self) -> int:
        """How many have come in."""
        return len(self._inside)

    def begin(self, password: str, seconds: float, most: int) -> None:
        self.ends, self.most, self._inside = time.time() + seconds, most, set()
        self._fits, self._wrong = login_check([f"{NAME}:{password}"]), WrongAttempts(WRONG_BY_ALL, SECONDS)
        self.is_open = True

    def close(self) -> None:
        """Nobody is inside any more. What is asked meanwhile still finds a closed door, not an open house."""
        self._inside, self._fits, self.is_open = set(), None, False

    def is_inside(self, mark: str | None) -> bool:
        return bool(mark) and mark in self._inside and time.time() < self.ends

    async def enter(self, password: str) -> str:
        """The mark of who gave the password. Raises NotAllowedError."""
        wait = self._wrong.wait("")
        if self._fits is None or time.time() >= self.ends:
            raise NotAllowedError(*OVER)
        if wait > 0:
            raise NotAllowedError(*GUESSED)
        if not await self._fits(NAME, password):
            self._wrong.add("")
            raise NotAllowedError(*WRONG)
        if self.most and len(self._inside) >= self.most:
            raise NotAllowedError(*FULL)
        mark = secrets.token_urlsafe(24)
        self._inside.add(mark)
        return mark


ASKED = Text(
    "This Omokage is open to who has its password.", "この Omokage は、合言葉を知っている人に公開されています。"
)
PASSWORD, COME_IN = Text("Password", "合言葉"), Text("Come in", "入る")
WRONG = Text("That is not the password. Look at it again.", "合言葉が違います。もう一度確かめてください。")
FULL = Text("As many people as may come are here already. Ask who sent you the link.",
            "定員に達しています。リンクをくれた人に聞いてください。")  # fmt: skip
OVER = Text("This link is not open any more.", "このリンクはもう閉じています。")
GUESSED = Text("Too many wrong passwords were tried. Come back in ten minutes.",
               "合言葉の間違いが続いています。10 分ほどしてからお試しください。")  # fmt: skip


@dataclass
class ShareGuard:
    """ASGI middleware: while the door is open, who is not at this machine gives the password first."""

    app: ASGIApp
    door: ShareDoor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or not self.door.is_open:
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if key_of(scope) or is_at_machine(headers, (scope.get("client") or ("",))[0]):
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        request = Request(scope, receive)
        if scope["path"].startswith(OWN_GUARDS) or self.door.is_inside(request.cookies.get(COOKIE)):

            async def unlisted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    MutableHeaders(scope=message)["X-Robots-Tag"] = "noindex"
                await send(message)

            return await self.app(scope, receive, unlisted)
        answer = await self._asked(request)
        await answer(scope, receive, send)

    async def _asked(self, request: Request) -> Response:
        language = language_wanted(request.headers.get("accept-language"))
        if request.method != "POST":
            return _page(language)
        if request.url.path != ROUTE:
            said = NotAllowedError(*ASKED)
            return refusal(said, request.headers, request.method, 401)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > LONGEST_FORM:
                return _page(language, WRONG, 413)
        password = parse_qs(body.decode(errors="replace")).get("password", [""])[0]
        try:
            mark = await self.door.enter(password)
        except NotAllowedError as error:
            return _page(language, error.text, 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, mark, httponly=True, secure=True, samesite="lax", path="/")
        return answer


def _page(language: str, said: Text | None = None, status: int = 401) -> HTMLResponse:
    asked, password, come_in = (escape(one.in_language(language)) for one in (ASKED, PASSWORD, COME_IN))
    wrong = f'<p class="wrong" role="alert">{escape(said.in_language(language))}</p>' if said else ""
    return HTMLResponse(
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>面影 Omokage</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f"<style>{STYLE}</style></head><body><main><h1>面影 <small>omokage</small></h1><p>{asked}</p>{wrong}"
        f'<form method="post" action="{ROUTE}"><label>{password}'
        '<input name="password" type="password" autocomplete="current-password" required autofocus></label>'
        f"<button>{come_in}</button></form></main></body></html>",
        status, {"Cache-Control": "no-store", "X-Robots-Tag": "noindex"},
    )  # fmt: skip


STYLE = """
:root { color-scheme: light dark; font: 16px/1.7 system-ui, sans-serif; }
body { margin: 0; display: grid; min-height: 100vh; place-items: center; }
main { width: min(22rem, 100% - 3rem); }
h1 { font-size: 1.5rem; font-weight: 500; } small { font-size: .8rem; opacity: .7; }
form, label { display: grid; gap: .5rem; } form { gap: 1rem; }
input, button { font: inherit; padding: .6rem .8rem; border-radius: .6rem; border: 1px solid #8888; }
input, button { min-height: 44px; box-sizing: border-box; }
button { background: #1d4f7c; color: #fff; border: 0; } .wrong { color: light-dark(#a3241f, #ff9d96); }
"""
