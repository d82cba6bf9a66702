"""What every answer carries: nothing is fetched from elsewhere, no other site shows the page, no type is guessed.

The scripts that stand in the page itself get a number that is good for one answer (a nonce). So whatever somebody
brings into the page cannot run: neither a script of theirs nor an `onerror=`.
"""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = "/"
UPLOADS = "/gradio_api/file"
# Gradio runs `js=` and charts through Function, and writes styles into the page.
POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-eval'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self'",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
SPACES = ("https://huggingface.co", "https://*.huggingface.co")
# What a person uploaded is a file and never a page: nothing in it runs, whatever it says it is.
FILE_POLICY = "default-src 'none'; img-src 'self' data:; media-src 'self'; style-src 'unsafe-inline'; sandbox"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(self), geolocation=(), payment=(), usb=()",
}
SCRIPT = re.compile(rb"<script(?=[\s>])")


@dataclass
class PageHeaders:
    """ASGI middleware."""

    app: ASGIApp
    scripts: Sequence[str] = ()
    """Scripts that Gradio puts into the page once it runs (`launch(head=…)`), as they stand between the tags."""
    first: str = ""
    """A script that runs before Gradio's own, as it stands between its tags."""
    on_space: bool = False
    """Hugging Face shows the page in a frame of its own."""
    listed: bool = True
    """Whether search engines may list the page."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        answer = _Answer(send, nonce=secrets.token_urlsafe(16) if scope["path"] == PAGE else "", first=self.first)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message), scope["path"], answer.nonce)
            await answer.send(message)

        await self.app(scope, receive, sending)

    def _add(self, headers: MutableHeaders, path: str, nonce: str) -> None:
        headers.update(ALWAYS)
        headers["Content-Security-Policy"] = FILE_POLICY if path.startswith(UPLOADS) else self.policy(nonce)
        if not self.listed:
            headers["X-Robots-Tag"] = "noindex"
        if nonce:
            headers["Cache-Control"] = "no-store"

    def policy(self, nonce: str = "") -> str:
        """The Content-Security-Policy of a page whose own scripts carry `nonce`."""
        allowed = [f"'sha256-{_digest(script)}'" for script in self.scripts] + ([f"'nonce-{nonce}'"] if nonce else [])
        parts = POLICY | {"script-src": " ".join([POLICY["script-src"], *allowed])}
        parts["frame-ancestors"] = " ".join(["'self'", *(SPACES if self.on_space else ())])
        return "; ".join(f"{name} {sources}" for name, sources in parts.items())


@dataclass
class _Answer:
    """Passes an answer on; with a nonce, HTML is held until it is whole, and its scripts are marked."""

    send_on: Send
    nonce: str
    first: str = ""
    start: Message | None = None
    body: bytes = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self.nonce and _is_html(message):
            self.start = message
        elif self.start is None or message["type"] != "http.response.body":
            await self.send_on(message)
        else:
            self.body += message.get("body", b"")
            if not message.get("more_body"):
                await self._release(self.start)

    async def _release(self, start: Message) -> None:
        first = f"<head><script>{self.first}</script>".encode()
        body = self.body.replace(b"<head>", first, 1) if self.first else self.body
        marked = SCRIPT.sub(b'<script nonce="' + self.nonce.encode() + b'"', body)
        headers = MutableHeaders(scope=start)
        if "content-length" in headers and self.body:
            headers["content-length"] = str(len(marked))
        await self.send_on(start)
        await self.send_on({"type": "http.response.body", "body": marked})


def _is_html(start: Message) -> bool:
    return MutableHeaders(scope=start).get("content-type", "").startswith("text/html")


def _digest(script: str) -> str:
    return b64encode(hashlib.sha256(script.encode()).digest()).decode()
