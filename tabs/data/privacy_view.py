"""What privacy replaces, as HTML, before anything is saved: counts by kind, and each text before and after."""

from collections.abc import Iterator
from html import escape
from itertools import islice

from core.data.open_log import OpenLog
from core.data.privacy.pii import LABELS
from core.data.privacy.replace import Masked, counts
from tabs.ui.text import t

MOST = 200  # texts shown
AROUND = 40  # letters kept on each side of what is replaced


def diff(opened: OpenLog, language: str) -> str:
    """The counts and the texts; a sentence where nothing was found; "" while privacy is off."""
    if opened.prepared is None or not opened.choices.recipe.private:
        return ""
    masked = opened.prepared.masked
    if not masked:
        nothing = f'<p role="status">{escape(t(language, "data.private_none"))}</p>'
        return f"{nothing}{_still_there(opened, language)}{_limits(language)}"
    kinds = "".join(
        f'<li>{escape(LABELS[kind].in_language(language))}<b class="num">{n:,}</b></li>'
        for kind, n in counts(list(masked.values())).items()
    )
    texts = "".join(
        f'<li><span class="muted num">{escape(_where(opened, place, language))}</span>'
        f'<p class="before">{_marked(text, "del")}</p><p class="after">{_marked(text, "ins")}</p></li>'
        for place, text in islice(sorted(masked.items()), MOST)
    )
    more = t(language, "data.private_more", n=f"{len(masked) - MOST:,}") if len(masked) > MOST else ""
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
