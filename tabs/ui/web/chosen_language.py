"""The language that was chosen on the page, in the place of the one that the browser asks for."""

import re
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

CHOSEN = re.compile(r"(?:^|;\s*)omokage-language=(ja|en)(?:;|$)")
"""In a Cookie header: what scripts/tools.js writes."""


@dataclass
class ChosenLanguage:
    """ASGI middleware: whoever reads Accept-Language behind it reads what was chosen."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": list(scope["headers"])}
            headers = MutableHeaders(scope=scope)
            if chosen := CHOSEN.search(headers.get("cookie", "")):
                headers["accept-language"] = chosen[1]
        await self.app(scope, receive, send)
