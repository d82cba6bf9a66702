"""Work that takes a while, told step by step to a handler that yields."""

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from typing import Generic, TypeVar

from core.errors import AppError, InputError

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True)
class Result(Generic[T]):
    """The last step: what the work returned."""

    value: T


def with_progress(work: Callable[[Callable[[S], None]], T]) -> "Iterator[S | Result[T]]":
    """Run `work(report)` in a thread: yield each step it reports, then Result. Raises what it raises.

    When the reader goes away, the next report raises InputError inside `work`, so that it ends there.
    """
    steps: queue.SimpleQueue[S | Result[T] | Exception] = queue.SimpleQueue()
    left = threading.Event()

    def report(line: S) -> None:
        if left.is_set():
            raise InputError("The page was left.", "ページが閉じられました。")
        steps.put(line)

    def run() -> None:
        try:
            steps.put(Result(work(report)))
        except Exception as error:  # handed over: the reader raises it
            steps.put(error)

    threading.Thread(target=run, name="steps", daemon=True).start()
    try:
        while True:
            step = steps.get()
            if isinstance(step, Exception):
                raise step
            yield step
            if isinstance(step, Result):
                return
    finally:
        left.set()


def in_words(error: AppError, language: str) -> str:
    """The sentence of an error, as HTML that a screen reader announces."""
    return f'<p class="warn" role="alert">{escape(error.text.in_language(language))}</p>'
