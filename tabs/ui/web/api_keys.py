"""Requests of other programs: who brings an API key that works is let in by it, from any page and under any name.

The guards behind it protect a visitor's login and browser from other pages. A key is sent on purpose by who has it and
never by a browser on its own, so a request with one needs none of that, and one without it is treated as any other.
"""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.serve.keys import ApiKey

PREFIX = "/v1/"
IN_SCOPE = "omokage.api_key"
"""Where the key's record stands in the scope of a request; only this middleware writes it."""
CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Retry-After"}
PREFLIGHT = CORS | {
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept-Language",
    "Access-Control-Max-Age": "600",
}


def key_of(scope: Scope) -> ApiKey | None:
    """The key that let a request in."""
    return scope.get(IN_SCOPE)


@dataclass
class KeyDoor:
    """ASGI middleware. A browser's question whether it may ask is answered for everybody: it tells nothing."""

    app: ASGIApp
    find: Callable[[str], ApiKey | None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await Response(status_code=204, headers=PREFLIGHT)(scope, receive, send)
        way, _, given = headers.get("authorization", "").partition(" ")
        key = await run_in_threadpool(self.find, given.strip()) if way.lower() == "bearer" else None
        if key is None:
            return await self.app(scope, receive, send)

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(CORS)
            await send(message)

        await self.app({**scope, IN_SCOPE: key}, receive, readable)
