"""Uploads are let in only so often, and only while there is room: Gradio's own route asks nobody."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import InputError, NotAllowedError
from core.files import check_free, disk_full_text, is_disk_full
from core.limits import Counter
from core.workspace import Workspace
from tabs.ui.visitor import address_of_host
from tabs.ui.web.hosts import refusal

ROUTE = "/gradio_api/upload"
NOBODY = "key-0"  # whose things they will be is known only once a handler takes them


@dataclass
class UploadGuard:
    """ASGI middleware. `counter` counts by address, and in sum where nobody can vouch for one."""

    app: ASGIApp
    workspace: Workspace
    counter: Counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != ROUTE or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        address = address_of_host((scope.get("client") or ("",))[0])
        size = headers.get("content-length", "0")
        try:
            self.counter.acquire(f"upload {address or id(scope)}", address)
            await run_in_threadpool(self.workspace.check_room, NOBODY, int(size) if size.isdigit() else 0)
            await run_in_threadpool(check_free, self.workspace.cache(), int(size) if size.isdigit() else 0)
        except InputError as error:
            return await refusal(NotAllowedError(*error.text), headers, "POST", 429)(scope, receive, send)
        try:
            await self.app(scope, receive, send)
        except OSError as error:  # nothing was answered yet: Gradio writes the file first
            if not is_disk_full(error):
                raise
            full = NotAllowedError(*disk_full_text())
            await refusal(full, headers, "POST", 507)(scope, receive, send)
