"""Renders chat templates: the project's own in place, strangers' in a process of their own.

Jinja's sandbox keeps a template from reading files, not from looping for hours or from asking for all
memory, and what hangs in a thread cannot be stopped. A template that came with a model is therefore
rendered by a small process that is ended when it takes too long or too much. It starts when the first
such template is met (0.7 s, 58 MB) and then stays; twenty messages take 0.24 ms there, in place 0.14 ms.
"""

import faulthandler
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache

from core.settings import ROOT, worker_environment

TEMPLATES = ROOT / "prompt_templates"
START_SECONDS = 120
RENDER_SECONDS = 5  # a real template takes milliseconds, also where two cores are shared by several programs
RENDER_MEMORY = 256 << 20  # bytes on top of what the process takes idle
LONGEST = 4_000_000  # characters; a window of a million tokens is about as long
LOOK_EVERY = 0.05  # seconds between looks at the memory

Chat = Sequence[Mapping[str, str]]
Rendered = tuple[str, list[tuple[int, int]]]
"""The text, and where its {% generation %} blocks begin and end."""


class TemplateRefusedError(Exception):
    """A template did not render; `str()` is the reason."""


def render_template(template: str, chat: Chat, *, reply: bool, values: Mapping[str, object]) -> Rendered:
    """Render `chat` with a template; with `reply`, up to where the assistant's next words begin.

    `values` are JSON values that the template may use by name. Raises TemplateRefusedError. Safe to call
    from several threads.
    """
    if template in _own_templates():
        with _rendering:
            return _render(template, chat, reply=reply, values=values)
    with _asking:
        return _sandboxed_renderer().render(template, chat, reply=reply, values=values)


# The generation tracker of transformers lives on the cached template and cannot be entered twice.
_rendering = threading.Lock()
_asking = threading.Lock()


@lru_cache(maxsize=1)
def _own_templates() -> frozenset[str]:
    embedded = ROOT / "models" / "omokage-mini" / "chat_template.jinja"
    return frozenset(path.read_text(encoding="utf-8") for path in (*TEMPLATES.glob("*.jinja"), embedded)
                     if path.is_file())  # fmt: skip


def _render(template: str, chat: Chat, *, reply: bool, values: Mapping[str, object]) -> Rendered:
    import jinja2
    from transformers.utils.chat_template_utils import render_jinja_template

    # What a template's expressions raise besides Jinja's own errors.
    expected = (jinja2.TemplateError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError,
                RecursionError, MemoryError)  # fmt: skip
    marked = "endgeneration" in template
    try:
        texts, spans = render_jinja_template(
            [[dict(message) for message in chat]], chat_template=template, add_generation_prompt=reply,
            return_assistant_tokens_mask=marked, **values,
        )  # fmt: skip
    except expected as error:
        raise TemplateRefusedError(str(error) or type(error).__name__) from error
    if len(texts[0]) > LONGEST:
        raise TemplateRefusedError(f"it prints {len(texts[0]):,} characters")
    return texts[0], [tuple(span) for span in spans[0]] if marked else []


class _SandboxedRenderer:
    """The process that renders strangers' templates, one at a time."""

    def __init__(self) -> None:
        # No secret of the server is in its environment.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.prompt.sandbox"], cwd=ROOT, env=worker_environment(), encoding="utf-8",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()
        self._idle_memory: int | None = None

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def render(self, template: str, chat: Chat, *, reply: bool, values: Mapping[str, object]) -> Rendered:
        if self._idle_memory is None:
            self._answer(START_SECONDS, most_memory=None)
            self._idle_memory = self._memory()
        order = {"template": template, "chat": [dict(message) for message in chat], "reply": reply, "values": values}
        try:
            self._process.stdin.write(json.dumps([RENDER_SECONDS, order]) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise TemplateRefusedError("the process that renders it has ended") from error
        answer = json.loads(self._answer(RENDER_SECONDS + START_SECONDS, most_memory=self._idle_memory + RENDER_MEMORY))
        if "refused" in answer:
            raise TemplateRefusedError(answer["refused"])
        return answer["text"], [tuple(span) for span in answer["spans"]]

    def _answer(self, seconds: float, *, most_memory: int | None) -> str:
        """The next line, or the end of the process: "" comes when it has ended by itself."""
        for _ in range(int(seconds / LOOK_EVERY)):
            try:
                line = self._answers.get(timeout=LOOK_EVERY)
            except queue.Empty:
                if most_memory is None or self._memory() <= most_memory:
                    continue
                self._end()
                raise TemplateRefusedError(f"it takes more than {RENDER_MEMORY >> 20} MB of memory") from None
            if line:
                return line
            break
        self._end()
        raise TemplateRefusedError(f"it takes more than {RENDER_SECONDS} seconds")

    def _memory(self) -> int:
        import psutil

        try:
            return psutil.Process(self._process.pid).memory_info().rss
        except psutil.Error:  # it has just ended: the listener tells
            return 0

    def _listen(self) -> None:
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put("")

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


_renderers: list[_SandboxedRenderer] = []


def _sandboxed_renderer() -> _SandboxedRenderer:
    """The running process; a new one where there is none or the last was ended."""
    if not _renderers or not _renderers[0].alive:
        _renderers[:] = [_SandboxedRenderer()]
    return _renderers[0]


def main() -> None:
    """The process: an order a line in, an answer a line out, until nobody asks any more."""
    import transformers.utils.chat_template_utils  # noqa: F401 - so that its import counts as the start

    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        seconds, order = json.loads(line)
        # Ends the process from a thread of its own, also in the middle of one long operation.
        faulthandler.dump_traceback_later(seconds, exit=True)
        try:
            text, spans = _render(**order)
            answer: dict[str, object] = {"text": text, "spans": spans}
        except TemplateRefusedError as error:
            answer = {"refused": str(error)[:1000]}
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
