"""What became of a log, as HTML: the outcome of every message, the lines of the file, what privacy replaces."""

from collections.abc import Iterator
from html import escape
from itertools import islice

from core.data.ledger import LABELS, Ledger, Outcome
from core.data.open_log import OpenLog
from core.data.privacy.pii import LABELS as PII_LABELS
from core.data.privacy.replace import Masked, counts
from core.logs.log import Log
from tabs.ui import html_parts
from tabs.ui.text import t

DOTS = {
    Outcome.LEARNED: "learned", Outcome.VALIDATION: "validation", Outcome.TEST: "test", Outcome.CONTEXT: "you",
    Outcome.CORRECTED: "learned",
}  # fmt: skip
MAX_EXAMPLES, LONGEST = 3, 120  # of each outcome; letters of one
MAX_TEXTS = 200  # texts shown
AROUND = 40  # letters kept on each side of what is replaced


def account(opened: OpenLog, language: str) -> str:
    """Every message with its one outcome; the sum, and how many are missing."""
    if opened.prepared is None:
        return ""
    ledger = opened.prepared.ledger
    rows = [(_outcome(outcome, language), f"{n:,}", "") for outcome, n in ledger.counts.items()]
    rows += [
        (escape(t(language, "data.total")), f"{ledger.messages:,}", "total"),
        (escape(t(language, "data.missing")), f"{ledger.missing:,}", "total warn" if ledger.missing else "total good"),
    ]
    words = t(language, "data.validation_hint") if ledger.counts.get(Outcome.VALIDATION) else ""
    return (
        f'{html_parts.ledger(rows)}<p class="muted">{escape(words)}</p>'
        f"{_left_out(opened, ledger, language)}{_file_lines(opened.log, language)}"
    )


def _left_out(opened: OpenLog, ledger: Ledger, language: str) -> str:
    """What is in no row, with a few examples of each reason and where they stand in the file."""
    found = {outcome: places for outcome, places in ledger.examples(MAX_EXAMPLES).items() if outcome not in DOTS}
    if not found:
        return ""
    groups = "".join(
        f'<dt>{escape(LABELS[outcome].in_language(language))}<span class="num">{ledger.counts[outcome]:,}</span></dt>'
        + "".join(f"<dd>{_example(opened, place, language)}</dd>" for place in places)
        for outcome, places in found.items()
    )
    title = escape(t(language, "data.left_out", n=f"{sum(ledger.counts[outcome] for outcome in found):,}"))
    return (
        f'<details class="left-out" id="data-left-out"><summary>{title}</summary>'
        f'<dl tabindex="0">{groups}</dl></details>'
    )


def _example(opened: OpenLog, place: int, language: str) -> str:
    message = opened.log.messages[place]
    text = " ".join(message.text.split())
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    who = t(language, "data.left_where", name=message.sender or "–", line=f"{message.line:,}")
    return f'<span class="muted num">{escape(who)}</span>{escape(shown or "–")}'


def _outcome(outcome: Outcome, language: str) -> str:
    label = escape(LABELS[outcome].in_language(language))
    return f'<span class="dot outcome-{DOTS.get(outcome, "none")}"></span>{label}'


def _file_lines(log: Log, language: str) -> str:
    """The same account for the lines of the file."""
    lines = log.lines
    rows = [
        (escape(t(language, f"data.lines_{key}")), f"{n:,}", css)
        for key, n, css in (
            ("messages", lines.messages, ""), ("marks", lines.marks, ""), ("blank", lines.blank, ""),
            ("unread", lines.unread, ""), ("total", lines.total, "total"),
            ("missing", lines.missing, "total warn" if lines.missing else "total good"),
        ) if n or css
    ]  # fmt: skip
    return f"<details><summary>{escape(t(language, 'data.lines'))}</summary>{html_parts.ledger(rows)}</details>"


def diff(opened: OpenLog, language: str) -> str:
    """The counts and the texts; a sentence where nothing was found; "" while privacy is off."""
    if opened.prepared is None or not opened.choices.recipe.private:
        return ""
    masked = opened.prepared.masked
    if not masked:
        nothing = f'<p role="status">{escape(t(language, "data.private_none"))}</p>'
        return f"{nothing}{_still_there(opened, language)}{_limits(language)}"
    kinds = "".join(
        f'<li>{escape(PII_LABELS[kind].in_language(language))}<b class="num">{n:,}</b></li>'
        for kind, n in counts(list(masked.values())).items()
    )
    texts = "".join(
        f'<li><span class="muted num">{escape(_where(opened, place, language))}</span>'
        f'<p class="before">{_marked(text, "del")}</p><p class="after">{_marked(text, "ins")}</p></li>'
        for place, text in islice(sorted(masked.items()), MAX_TEXTS)
    )
    more = t(language, "data.private_more", n=f"{len(masked) - MAX_TEXTS:,}") if len(masked) > MAX_TEXTS else ""
    title = escape(t(language, "data.private_texts", n=f"{len(masked):,}"))
    return (
        f'<ul class="secret-kinds" role="status">{kinds}</ul>{_still_there(opened, language)}'
        f'<p class="muted">{title}</p><ol class="diff" tabindex="0" aria-label="{title}">{texts}</ol>'
        f'<p class="muted">{escape(more)}</p>{_limits(language)}'
    )


def _where(opened: OpenLog, place: int, language: str) -> str:
    message = opened.log.messages[place]
    return t(language, "data.left_where", name=message.sender or "–", line=f"{message.line:,}")


def _marked(text: Masked, tag: str) -> str:
    """The text before (`del`) or after (`ins`), with what differs marked and far-off words left away."""
    whole = text.before if tag == "del" else text.after
    spans = [(r.start, r.end) if tag == "del" else (r.new_start, r.new_end) for r in text.replaced]
    begin, end = max(spans[0][0] - AROUND, 0), min(spans[-1][1] + AROUND, len(whole))
    inner = "".join(_pieces(whole, spans, tag, begin, end))
    return f"{'…' * (begin > 0)}{inner}{'…' * (end < len(whole))}"


def _pieces(whole: str, spans: list[tuple[int, int]], tag: str, begin: int, end: int) -> Iterator[str]:
    at = begin
    for start, stop in spans:
        yield escape(whole[at:start])
        yield f"<{tag}>{escape(whole[start:stop])}</{tag}>"
        at = stop
    yield escape(whole[at:end])


def _still_there(opened: OpenLog, language: str) -> str:
    """Names of the list that the rules of the rows do not reach: in the persona's name and description."""
    listed = [entry.partition("=")[0].strip() for entry in opened.choices.recipe.names]
    left = [name for name in listed if name and (name in opened.description or name == opened.persona)]
    if not left:
        return ""
    joint = "・" if language == "ja" else ", "
    return f'<p class="warn">{escape(t(language, "data.private_left", names=joint.join(left)))}</p>'


def _limits(language: str) -> str:
    return f'<p class="muted">{escape(t(language, "data.private_limits"))}</p>'
