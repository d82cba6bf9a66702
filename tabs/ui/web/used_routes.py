"""Of Gradio's routes only those that this page uses: what is not there needs no guard of its own.

Gradio 6.31 serves some that its page asks for only with components or modes that this app has not: recordings and
component_server take uploads past the limits, dev/reload looks for changes twenty times a second for each who listens,
deep_link writes what is on a page to a folder outside of its owner's.
"""

from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

PREFIX = "/gradio_api/"
USED = frozenset((
    "app_id", "cancel", "info", "login_check", "queue/data", "queue/join", "queue/status", "reset", "run/predict",
    "startup-events", "theme.css", "token", "upload", "upload_progress", "user",
))  # fmt: skip
USED_WITH_MORE = ("file=", "heartbeat/")
CLOSED = "/monitoring"


@dataclass
class UsedRoutes:
    """ASGI middleware: the others are answered as what does not exist."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or is_used(scope["path"]):
            return await self.app(scope, receive, send)
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)


def is_used(path: str) -> bool:
    """Whether the page uses the route at `path`; whatever is not Gradio's own is."""
    if path.startswith(PREFIX):
        inner = path.removeprefix(PREFIX)
        return inner.rstrip("/") in USED or inner.startswith(USED_WITH_MORE)
    return not path.startswith(CLOSED)
