"""How much a window holds of the log at hand: figures, pictures, and the window as a ruler over the log."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import groupby, pairwise

import gradio as gr

from core.data.io.store import prompt_config_for
from core.errors import InputError
from core.messages import Message
from core.models.loading import LoadedModel
from core.prompt import token_counter
from core.tokens.density import CLASSES, PAGE, Density, WindowRange, WindowRoom, measure
from tabs.tokens import table_view
from tabs.tokens.tokens_context import LOG, TokensContext, TokensHandlers, TokensPage, build_stop, told
from tabs.ui import charts, html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.stopping import stop_running
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

KEPT = 4  # measured logs, of all visitors
LISTED = 200  # messages that fit which are listed
HEADS = ("window_tokens", "window_messages", "window_characters", "window_pages", "window_minutes")
TICKS = (1, 6, 16, 41, 121)  # tokens


@dataclass
class KeptDensities:
    """What was measured last, for the ruler to be moved over it."""

    _kept: "OrderedDict[str, Density]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, owner: str, density: Density) -> None:
        with self._lock:
            self._kept[owner] = density
            self._kept.move_to_end(owner)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def get(self, owner: str) -> Density | None:
        with self._lock:
            return self._kept.get(owner)


@dataclass(frozen=True)
class DensityHandlers(TokensHandlers):
    """Measures a log, and draws what was measured."""

    kept: KeptDensities = field(default_factory=KeptDensities)

    @handler
    def measure(self, visitor: Visitor, source: str, text: str, window: float) -> Iterator[str]:
        """How it goes, then the figures and pictures."""
        loaded, language = self.context.loaded(), visitor.language
        tokens = window_of(window, loaded)
        messages = self.context.messages(visitor, source, text)

        def work(report: Callable[[int], None]) -> Density:
            overhead = around(messages, loaded) if source == LOG else 1
            density = measure(messages, loaded.tokenizer, overhead=overhead, report=report)
            self.kept.keep(visitor.owner, density)
            return density

        def sentence(done: int) -> str:
            return t(language, "tokens.counted", n=f"{done:,}", all=f"{len(messages):,}")

        yield from told(
            work, sentence, lambda found: drawn(found, found.room(tokens), loaded.name, language),
            first=sentence(0), language=language,
        )  # fmt: skip

    @handler
    def ruler_at_end(self, visitor: Visitor, window: float) -> tuple[str, gr.Slider]:
        """As `ruler`, at the end of the log."""
        return self._ruler(visitor, window, 0)

    @handler
    def ruler(self, visitor: Visitor, window: float, last: float) -> tuple[str, gr.Slider]:
        """(the window laid over the log, the slider with the place of its last message)."""
        return self._ruler(visitor, window, last)

    def _ruler(self, visitor: Visitor, window: float, last: float) -> tuple[str, gr.Slider]:
        density = self.kept.get(visitor.owner)
        if density is None:
            return "", gr.Slider(visible=False)
        most = len(density.counts)
        at = min(int(last), most) if last else most
        slider = gr.Slider(minimum=1, maximum=max(most, 2), value=at, visible=most > 1)
        return ruler(density, window_of(window, self.context.loaded()), at - 1, visitor.language), slider


def window_of(asked: float | None, loaded: LoadedModel) -> int:
    """The tokens of the window that was asked for, the model's own for none. Raises InputError for less than one."""
    tokens = int(asked or loaded.context)
    if not 1 <= tokens <= 10_000_000:
        raise InputError(
            f"A window of {tokens:,} tokens cannot be. Choose 1 to 10,000,000.",
            f"{tokens:,} トークンの文脈は使えません。1 から 10,000,000 の間にしてください。",
        )
    return tokens


def around(messages: Sequence[Message], loaded: LoadedModel) -> int:
    """Tokens that a chat with this model puts around a message of these, on average and rounded up."""
    frame = token_counter(prompt_config_for(None, context_window=loaded.context), loaded.tokenizer).turn_overhead
    turns = 1 + sum(before.sender != after.sender for before, after in pairwise(messages))
    whole = turns * sum(frame.values()) / len(frame) + (len(messages) - turns)
    return -int(-whole // max(len(messages), 1))


def drawn(density: Density, room: WindowRoom, model: str, language: str) -> str:
    """What was measured, as HTML."""
    figures = density.table([t(language, f"tokens.{head}") for head in HEADS])
    return (
        f'<div class="beside">{_room(room, density, language)}<div>{_figures(density, model, language)}</div></div>'
        f'<div class="profile thirds">{_histogram(density, language)}{_running(density, language)}'
        f"{_scripts(density, language)}</div>"
        f"<h3>{escape(t(language, 'tokens.windows'))}</h3>{table_view.table(figures, language)}"
    )


def _room(room: WindowRoom, density: Density, language: str) -> str:
    """The one figure that was asked for, large, and the rest of the sentence under it."""
    values = {"tokens": f"{room.tokens:,}", "n": f"{room.messages.middle:,.0f}"}
    title, big = t(language, "tokens.room_title", **values), t(language, "tokens.room_messages", **values)
    letters = room.characters.middle
    lines = [t(language, "tokens.room_characters", characters=f"{letters:,.0f}", pages=f"{letters / PAGE:,.1f}")]
    if room.minutes:
        lines.append(t(language, "tokens.room_minutes", time=talk_time(room.minutes.middle, language)))
    if room.whole:
        lines.append(t(language, "tokens.room_whole"))
    elif room.messages.low < room.messages.high:
        lines.append(t(language, "tokens.room_range", **_span(room.messages)))
    lines.append(t(language, "tokens.room_around", n=density.overhead))
    said = "".join(f"<p>{escape(line)}</p>" for line in lines)
    inside = f'<h3>{escape(title)}</h3><b class="big">{escape(big)}</b><div class="muted">{said}</div>'
    return f'<section class="room">{inside}</section>'


def _span(span: WindowRange) -> dict[str, str]:
    return {"low": f"{span.low:,.0f}", "high": f"{span.high:,.0f}"}


def talk_time(minutes: float, language: str) -> str:
    """Minutes in hours and minutes."""
    hours, rest = divmod(round(minutes), 60)
    return t(language, "tokens.hours" if hours else "tokens.minutes", hours=f"{hours:,}", minutes=rest)


def _figures(density: Density, model: str, language: str) -> str:
    per_minute = f"{density.per_minute:,.1f}" if density.per_minute else "—"
    rows = [
        (t(language, "tokens.all_tokens", model=escape(model)), f"{density.tokens:,}", "total"),
        (t(language, "tokens.messages"), f"{len(density.counts):,}", ""),
        (t(language, "tokens.per_message"), f"{density.per_message:,.1f}", ""),
        (t(language, "tokens.per_minute"), per_minute, ""),
        (t(language, "tokens.per_page"), f"{density.per_page:,.0f}", ""),
    ]
    return html_parts.ledger(rows)


def _histogram(density: Density, language: str) -> str:
    counts = density.histogram
    ticks = {CLASSES.index(tick): f"{tick}" for tick in TICKS}
    title = t(language, "tokens.histogram")
    best = max(range(len(counts)), key=counts.__getitem__)
    end = f"–{CLASSES[best + 1] - 1}" if best + 1 < len(CLASSES) else "+"
    words = t(language, "tokens.histogram_words", range=f"{CLASSES[best]}{end}", n=f"{counts[best]:,}",
              all=f"{sum(counts):,}")  # fmt: skip
    return _picture(title, charts.columns(counts, ticks, f"{title}: {words}"), words)


def _running(density: Density, language: str) -> str:
    values = density.running
    title = t(language, "tokens.running")
    words = t(language, "tokens.running_words", low=f"{min(values):.1f}", high=f"{max(values):.1f}")
    days = [m.time.date().isoformat() if m.time else "" for m in (density.messages[0], density.messages[-1])]
    ticks = {0: days[0] or "1", len(values) - 1: days[1] or f"{len(density.counts):,}"}
    return _picture(title, charts.line(values, ticks, f"{title}: {words}"), words)


def _scripts(density: Density, language: str) -> str:
    title = t(language, "tokens.by_script")
    items = [
        (t(language, f"tokens.script_{one.script}"), one.tokens_per_character, f"{one.tokens_per_character:.2f}")
        for one in density.scripts
    ]
    return _picture(title, charts.ranks(items), t(language, "tokens.by_script_words"))


def _picture(title: str, picture: str, words: str) -> str:
    return f'<section><h3>{escape(title)}</h3>{picture}<p class="muted">{escape(words)}</p></section>'


def ruler(density: Density, tokens: int, last: int, language: str) -> str:
    """The window laid over the log so that it ends with message `last`: which turns fit, and what is cut off."""
    fits = density.fitting(tokens, last)
    used = sum(density.cost(at) for at in fits)
    sides = {
        name: f"side-{min(k, 3)}" for k, name in enumerate(dict.fromkeys(density.messages[at].sender for at in fits))
    }
    bits = []
    for sender, run in groupby(fits, key=lambda at: density.messages[at].sender):
        cost = sum(density.cost(at) for at in run)
        title, width = f"{escape(sender or '')} {cost}", f"{100 * cost / tokens:.2f}"
        bits.append(f'<i class="{sides[sender]}" style="width:{width}%" title="{title}"></i>')
    values = {"n": f"{len(fits):,}", "first": f"{fits.start + 1:,}", "last": f"{fits.stop:,}", "used": f"{used:,}",
              "window": f"{tokens:,}"}  # fmt: skip
    words = escape(t(language, "tokens.ruler_words" if fits else "tokens.ruler_none", **values))
    who = "".join(f'<span><span class="dot {css}"></span>{escape(name)}</span>' for name, css in sides.items() if name)
    shown = list(fits)[-LISTED:]
    lines = "".join(_fit(density, at) for at in shown)
    summary = escape(t(language, "tokens.ruler_list"))
    listed = f'<details><summary>{summary}</summary><ol class="fits">{lines}</ol></details>'
    return (
        f'<div class="bar ruler" role="img" aria-label="{words}">{"".join(bits)}</div>'
        f'<p class="muted kinds-legend">{who}</p><p class="num">{words}</p>{listed if fits else ""}'
    )


def _fit(density: Density, at: int) -> str:
    message = density.messages[at]
    who, said = escape(message.sender or ""), escape(message.text)
    cost = f"{density.cost(at):,}"
    return f'<li><b class="num">{cost}</b><span class="muted">{who}</span><span>{said}</span></li>'


def build(context: TokensContext, page: TokensPage) -> None:
    """The fold."""
    handlers = DensityHandlers(context)
    with (
        gr.Column(elem_classes=["card", "fold"]),
        gr.Accordion(t_client("tokens.density_fold"), open=False, elem_id="tokens-density-fold"),
    ):
        gr.Markdown(t_client("tokens.density_what"), elem_classes="muted")
        window = gr.Number(1024, precision=0, minimum=1, label=t_client("tokens.window"), elem_id="tokens-window")
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("tokens.measure"), variant="primary", size="sm", elem_id="tokens-density")
            stop = build_stop("tokens-density-stop")
        shown = table_view.build_shown("tokens-measured")
        last = gr.Slider(1, 2, 2, step=1, label=t_client("tokens.ruler"), visible=False, elem_id="tokens-last")
        ruled = gr.HTML(padding=False, elem_id="tokens-ruler")
        running = go.click(handlers.measure, [*page.inputs, window], shown, **EVENT)
        stop_running(stop.click, running, lambda: "", [shown])
    running.success(handlers.ruler_at_end, [page.key, window], [ruled, last], **EVENT)
    last.change(handlers.ruler, [page.key, window, last], [ruled, last], trigger_mode="always_last", **EVENT)
