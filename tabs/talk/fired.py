"""Which entries of the character book the next reply knows, and why, as HTML."""

from collections.abc import Sequence

from core.personas.activation import Activated
from tabs.ui.html_parts import escape
from tabs.ui.text import t

SHOWN = 30  # entries


def fired(found: Sequence[Activated], language: str) -> str:
    """A line for an entry: what it is called, and what brought it up; "" for none."""
    if not found:
        return ""
    lines = [f"<li><b>{escape(_called(one))}</b> <span class='muted'>{escape(_why(one, language))}</span></li>"
             for one in found[:SHOWN]]  # fmt: skip
    if len(found) > SHOWN:
        lines.append(f"<li class='muted'>{escape(t(language, 'talk.fired_more', n=len(found) - SHOWN))}</li>")
    head = escape(t(language, "talk.fired", n=len(found)))
    return f'<div class="fired"><p class="muted">{head}</p><ul>{"".join(lines)}</ul></div>'


def _called(one: Activated) -> str:
    name = one.entry.name or ", ".join(one.entry.keys) or one.entry.content.strip().split("\n")[0]
    return name[:40]


def _why(one: Activated, language: str) -> str:
    return t(language, f"talk.fired_{one.why}", word=one.key[:40])
