"""The password of `--auth`: compared in constant time, and slow to guess.

Attempts are counted by address, as far as a trusted proxy tells it; behind any other, as a share link is, all visitors
have one. A name that was guessed at is answered slowly for a while, with the right password too, and never locked.
"""

import asyncio
import hmac
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.attempts import WrongAttempts
from core.errors import NotAllowedError
from tabs.ui.visitor import address_of_host
from tabs.ui.web.hosts import refusal

PATHS = ("/login", "/login/")
WRONG_BY_ADDRESS, SECONDS = 10, 600.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 4.0  # seconds: doubled with each wrong password for a name
WRONG = 400  # as Gradio answers


@dataclass
class LoginGuard:
    """ASGI middleware: an address that was wrong too often waits, and is told how long."""

    app: ASGIApp
    wrong: WrongAttempts = field(default_factory=lambda: WrongAttempts(WRONG_BY_ADDRESS, SECONDS))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in PATHS:
            return await self.app(scope, receive, send)
        address = address_of_host((scope.get("client") or ("",))[0])
        wait = self.wrong.wait(address)
        if wait > 0:
            answer = refusal(_too_often(wait), Headers(scope=scope), "POST", 429)
            answer.headers["Retry-After"] = str(math.ceil(wait))
            return await answer(scope, receive, send)

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == WRONG:
                self.wrong.add(address)
            await send(message)

        await self.app(scope, receive, counting)


def login_check(people: Sequence[str]) -> Callable[[str, str], Awaitable[bool]]:
    """What Gradio asks whether name and password fit; `people` are "name:password"."""
    known = [tuple(_digest(part) for part in person.split(":", 1)) for person in people]
    guessed = WrongAttempts(32, SECONDS)

    async def fits(name: str, password: str) -> bool:
        wrong = guessed.count(name)
        if wrong:
            await asyncio.sleep(min(FIRST_PAUSE * 2 ** (wrong - 1), LONGEST_PAUSE))
        given, found = (_digest(name), _digest(password)), False
        for person in known:  # all of them, and both parts of each: how long it takes tells nothing
            fit = [hmac.compare_digest(*pair) for pair in zip(given, person, strict=True)]
            found |= fit[0] & fit[1]
        if not found:
            guessed.add(name)
        return found

    return fits


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="replace")).digest()


def _too_often(wait: float) -> NotAllowedError:
    minutes = math.ceil(wait / 60)
    return NotAllowedError(
        f"Too many wrong passwords came from your address. Try again in {minutes} minutes.",
        f"同じアドレスからのパスワードの間違いが続いています。{minutes} 分待って、もう一度お試しください。",
    )
