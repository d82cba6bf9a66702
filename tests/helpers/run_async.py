"""A coroutine run from a test, whatever runs beside it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio.from_thread import start_blocking_portal

Result = TypeVar("Result")


def run_async(make: Callable[..., Awaitable[Result]], *arguments: object) -> Result:
    """What `make(*arguments)` comes to, in a thread of its own.

    Not `asyncio.run`: Playwright leaves its loop running in the main thread, where the next test would be refused one.
    """
    with start_blocking_portal() as portal:
        return portal.call(make, *arguments)
