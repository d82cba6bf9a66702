"""How somebody of the log writes, in pictures: lengths, bursts, hours, answers, endings, emoji, favourite words."""

from collections.abc import Callable, Sequence
from html import escape

import gradio as gr

from core.data.profile import Counted, Distribution, Profile, profile
from tabs.data.data_context import DataContext, DataHandlers
from tabs.data.log.log_view import duration
from tabs.data.page import Page
from tabs.ui import charts, html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

SHOWN = 8  # of each list
HOURS = {hour: str(hour) for hour in (0, 6, 12, 18, 23)}
DELAY_TICKS = (1, 5, 30, 180, 1440)  # minutes
LENGTH_TICKS = (1, 7, 16, 31, 61, 121)  # letters


class ProfileHandlers(DataHandlers):
    """Draws the persona of the open log. `unfolded` says whether anybody looks."""

    @handler
    def unfold(self, visitor: Visitor, log: str, persona: str | None) -> tuple[bool, str]:
        """The fold was opened: (True, pictures)."""
        return True, self._drawn(visitor, log, persona)

    @handler
    def follow(self, visitor: Visitor, log: str, persona: str | None, unfolded: bool) -> str:
        """Another log, or another persona: the pictures anew while somebody looks."""
        return self._drawn(visitor, log, persona) if unfolded and log else html_parts.working("…")

    def _drawn(self, visitor: Visitor, log: str, persona: str | None) -> str:
        opened = self.context.opened(visitor, log)
        gap = opened.choices.recipe.gap_minutes
        return pictures(profile(opened.log, persona or opened.persona, gap_minutes=gap), visitor.language)


def pictures(made: Profile, language: str) -> str:
    """All pictures of a profile that have something to show, as HTML."""
    if not made.messages:
        return html_parts.empty(t(language, "data.profile_empty"), t(language, "data.profile_empty_hint"))

    def words(key: str, **values: object) -> str:
        return t(language, f"data.profile_{key}", **values)

    head = words("head", name=made.name, n=f"{made.messages:,}")
    panels = [
        _spread("length", made.length, words, {start: str(start) for start in LENGTH_TICKS}, _plain),
        _spread("bursts", made.bursts, words, {1: "1", 3: "3", 5: "5", 10: "10+"}, _plain),
        _hours(made.hours, words),
        _spread("delays", made.delays, words, {m: duration(m, language) for m in DELAY_TICKS},
                lambda minutes: _minutes(minutes, language)),
        _ranks("endings", [(e.text, e.share, _percent(e.share)) for e in made.endings], words),
        _ranks("marks", [(m.text or words("no_mark"), m.share, _percent(m.share)) for m in made.marks], words),
        _ranks("emoji", _often((*made.emoji, *made.kaomoji)), words, note=_percent(made.with_emoji)),
        _ranks("words", [
            (w.text, w.count, words("times", n=f"{w.count:,}", times=f"{w.times:.1f}")) for w in made.words
        ], words),
    ]  # fmt: skip
    return f'<p class="num">{escape(head)}</p><div class="profile">{"".join(panels)}</div>'


Translate = Callable[..., str]


def _spread(
    name: str, spread: Distribution, words: Translate, ticks: dict[int, str], shown: Callable[[float], str]
) -> str:  # fmt: skip
    if not spread.count:
        return ""
    sentence = words(f"{name}_words", median=shown(spread.median), ninth=shown(spread.p90), mean=f"{spread.mean:.1f}")
    places = {k: ticks[int(one.start)] for k, one in enumerate(spread.bins) if one.start in ticks}
    picture = charts.columns([one.count for one in spread.bins], places, f"{words(name)}: {sentence}")
    return _panel(words(name), picture, sentence)


def _hours(hours: Sequence[int], words: Translate) -> str:
    if not any(hours):
        return ""
    sentence = words("hours_words", hour=max(range(24), key=hours.__getitem__))
    return _panel(words("hours"), charts.columns(hours, HOURS, f"{words('hours')}: {sentence}"), sentence)


def _ranks(name: str, items: Sequence[tuple[str, float, str]], words: Translate, *, note: str = "") -> str:
    if not items:
        return ""
    sentence = words(f"{name}_words", n=note)
    return _panel(words(name), charts.ranks(items[:SHOWN]), sentence)


def _often(items: Sequence[Counted]) -> list[tuple[str, float, str]]:
    ordered = sorted(items, key=lambda one: -one.count)
    return [(one.text, one.count, f"{one.count:,}") for one in ordered]


def _panel(title: str, picture: str, sentence: str) -> str:
    return (
        f'<section><h3>{escape(title)}</h3>{picture}<p class="muted num">{escape(sentence)}</p></section>'
    )  # fmt: skip


def _plain(value: float) -> str:
    return f"{value:g}"


def _percent(share: float) -> str:
    return f"{share:.0%}" if share >= 0.1 or not share else f"{share:.1%}"


def _minutes(value: float, language: str) -> str:
    """Whole minutes as far as hours, then whole hours."""
    return duration(value if value < 90 else 60 * round(value / 60), language)


def build(context: DataContext, page: Page, key: gr.BrowserState) -> None:
    """The fold, with its events; nothing is counted before it is opened."""
    handlers = ProfileHandlers(context)
    unfolded = gr.State(False)
    with (
        gr.Column(elem_classes=["card", "fold"], elem_id="data-profile-card"),
        gr.Accordion(t_client("data.profile_fold"), open=False, elem_id="data-profile-fold") as fold,
    ):
        drawn = gr.HTML(html_parts.working("…"), padding=False, elem_id="data-profile")
    at = [key, page["log"], page["persona"]]
    fold.expand(handlers.unfold, at, [unfolded, drawn], **EVENT)
    fold.collapse(lambda: False, None, unfolded, **EVENT)
    page["made"].change(handlers.follow, [*at, unfolded], drawn, trigger_mode="always_last", **EVENT)
