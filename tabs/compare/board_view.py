"""The leaderboard as HTML: intervals on one axis, a verdict in words, habits as a radar, settings side by side."""

import math
from collections.abc import Sequence
from html import escape

from core.evaluate.habits import HABITS
from core.evaluate.leaderboard import BoardLine, Leaderboard, differences
from core.evaluate.measure import EvaluationSet, MeasureStep
from core.evaluate.ranking import FEWEST
from core.evaluate.sweep import learning_curve, would_more_help
from tabs.ui.text import t

MOST_ON_RADAR = 3
RADIUS, MIDDLE = 74, 110  # in the units of the drawing


def what_for(data: EvaluationSet, language: str) -> str:
    """On how much is measured."""
    words = t(language, "compare.about", conversations=len(data.conversations), replies=len(data.occasions))
    return f'<p class="muted">{escape(words)}</p>'


def measuring(step: MeasureStep | None, done: int, of: int, language: str) -> str:
    """A measurement under way: a bar and words."""
    inner = (step.done / max(step.of, 1)) if step else 0.0
    # Bits, control and replies take about 1, 1 and 4 parts of the time.
    before = {"bits": 0.0, "control": 1 / 6, "replies": 2 / 6}[step.stage] if step else 0.0
    weight = 4 / 6 if step and step.stage == "replies" else 1 / 6
    share = (done + before + weight * inner) / max(of, 1)
    stage = t(language, f"compare.stage_{step.stage}" if step else "compare.stage_bits")
    words = t(language, "compare.measuring", n=done + 1, of=of, stage=stage)
    return (
        f'<div class="measuring" role="progressbar" aria-valuenow="{share:.0%}" aria-label="{escape(words)}">'
        f'<i style="width:{share:.0%}"></i></div><p class="muted">{escape(words)}</p>'
    )


def board(found: Leaderboard, base: str, language: str) -> str:
    """All of it."""
    return (
        f'<div class="verdict-box" role="status">{verdict(found, base, language)}</div>'
        f"{table(found, base, language)}{legend(found, language)}"
        f"{curve(found, language)}{habits(found, base, language)}{settings(found, base, language)}"
    )


def label(line: BoardLine, base: str) -> str:
    """What a candidate is called."""
    return (base or line.measured.base) if line.measured.is_base else line.measured.name


def verdict(found: Leaderboard, base: str, language: str) -> str:
    """What is sure, and what is advised."""
    ranking = found.ranking
    names = {line.measured.digest: label(line, base) for line in found.lines}
    free = [one for one in ranking.standings if not one.scores.barred]
    count = ranking.conversations
    if not free:
        return _strong(t(language, "compare.none_free"))
    leader, advised = names[free[0].scores.name], names[ranking.recommended]
    if ranking.too_few:
        return _strong(t(language, "compare.too_few", n=count, least=FEWEST)) + " " + escape(
            t(language, "compare.so_far", leader=leader, advised=advised)
        )  # fmt: skip
    if ranking.winner:
        return _strong(t(language, "compare.winner", name=names[ranking.winner])) + " " + escape(
            t(language, "compare.winner_why", n=count)
        )  # fmt: skip
    if len(free) < 2:
        return _strong(t(language, "compare.no_winner")) + " " + escape(t(language, "compare.alone", name=leader))
    parts = [t(language, "compare.by_chance", one=leader, other=names[free[1].scores.name], n=count)]
    parts.append(t(language, "compare.advised", name=advised))
    more = found.more_conversations
    parts.append(t(language, "compare.more", n=more) if more else t(language, "compare.never"))
    return _strong(t(language, "compare.no_winner")) + " " + escape(" ".join(parts))


def _strong(text: str) -> str:
    return f"<b>{escape(text)}</b>"


def table(found: Leaderboard, base: str, language: str) -> str:
    """A line for each candidate; the intervals share one axis."""
    heads = ("candidate", "bits", "best", "specificity", "style", "detection", "loops", "copied", "ended")
    axis = _axis(found)
    cells = "".join(
        f'<th scope="col" title="{escape(t(language, f"compare.col_{head}_info"))}">'
        f"{escape(t(language, f'compare.col_{head}'))}</th>"
        for head in heads
    )
    lines = "".join(_line(found, line, base, axis, language) for line in found.lines)
    return (
        f'<div class="variants board num" tabindex="0"><table><thead><tr>{cells}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
    )


def _axis(found: Leaderboard) -> tuple[float, float]:
    ends = [end for line in found.lines if line.ranked for end in (line.ranked.low, line.ranked.high)]
    ends = [end for end in ends if math.isfinite(end)]
    values = [line.ranked.value for line in found.lines if line.ranked]
    low, high = min((*ends, *values), default=0.0), max((*ends, *values), default=1.0)
    return low, max(high, low + 1e-6)


def _line(found: Leaderboard, line: BoardLine, base: str, axis: tuple[float, float], language: str) -> str:
    ranked, wrong = line.ranked, line.degeneration
    advised = line.measured.digest == found.ranking.recommended
    mark = f"<b>{escape(t(language, 'compare.recommended'))}</b>" if advised else ""
    hint = "" if line.measured.is_base else f"<small>r {line.measured.complexity}</small>"
    best = "—" if ranked is None or line.barred else f"{ranked.best:.0%}"
    loops = f'<span class="{"warn" if line.barred == "loops" else ""}">{_share(wrong.loops)}</span>'
    out = f'<br><span class="warn">{escape(t(language, f"compare.barred_{line.barred}"))}</span>' if line.barred else ""
    specific = _specific(found, line)
    cells = (
        _interval(line, axis, language) + out, best, specific, _share(line.style.likeness),
        "—" if math.isnan(line.style.detection) else f"{line.style.detection:.2f}", loops, _share(wrong.copied),
        _share(wrong.ended),
    )  # fmt: skip
    data = "".join(f"<td>{cell}</td>" for cell in cells)
    return (
        f'<tr{" class=now" if advised else ""}><th scope="row">{escape(label(line, base))} {hint}{mark}</th>{data}</tr>'
    )


def _specific(found: Leaderboard, line: BoardLine) -> str:
    """How much more of this voice it learned than its base knew; of the base itself, nothing."""
    bases = (one.specificity for one in found.lines if one.measured.is_base and one.measured.base == line.measured.base)
    more = line.specificity - next(bases, math.nan)
    return "—" if math.isnan(more) or line.measured.is_base else f"{more:+.2f}"


def _interval(line: BoardLine, axis: tuple[float, float], language: str) -> str:
    """The value and its 95 % interval as a dot on a line, and in figures."""
    ranked = line.ranked
    if ranked is None:
        return f'<span class="muted">{escape(t(language, "compare.no_bits"))}</span>'
    low, high = axis

    def place(value: float) -> float:
        return 4 + 112 * (min(max(value, low), high) - low) / (high - low)

    sure = math.isfinite(ranked.low)
    span = f'<line x1="{place(ranked.low):.1f}" x2="{place(ranked.high):.1f}" y1="7" y2="7"/>' if sure else ""
    words = f"{ranked.value:.2f}" + (f" [{ranked.low:.2f}, {ranked.high:.2f}]" if sure else "")
    return (
        f'<svg class="interval" viewBox="0 0 120 14" aria-hidden="true">{span}'
        f'<circle cx="{place(ranked.value):.1f}" cy="7" r="4"/></svg><span>{words}</span>'
    )


def _share(value: float) -> str:
    return "—" if math.isnan(value) else f"{value:.0%}"


def legend(found: Leaderboard, language: str) -> str:
    """What the columns mean, folded, with what the real replies get where that is known."""
    words = [t(language, f"compare.col_{head}_info") for head in
             ("bits", "best", "specificity", "style", "detection", "loops", "copied", "ended")]  # fmt: skip
    if not math.isnan(found.real_auc):
        words.append(t(language, "compare.real_auc", auc=f"{found.real_auc:.2f}", likeness=_share(found.real_likeness)))
    items = "".join(f"<li>{escape(word)}</li>" for word in words)
    return (
        f'<details class="legend"><summary>{escape(t(language, "compare.legend"))}</summary><ul>{items}</ul></details>'
    )


def habits(found: Leaderboard, base: str, language: str) -> str:
    """Writing habits as a radar: the outer ring is the persona, the dotted line what chance does to so few replies."""
    drawn = [line for line in found.lines if line.gaps][:MOST_ON_RADAR]
    if not drawn:
        return ""
    names = [t(language, f"compare.habit_{habit}") for habit in HABITS]
    rings = "".join(_ring([share] * len(HABITS), "ring") for share in (0.5, 1.0))
    expected = _ring([1 - gap.expected for gap in drawn[0].gaps], "expected")
    lines = "".join(_ring([1 - gap.distance for gap in line.gaps], f"c{n}") for n, line in enumerate(drawn))
    labels = "".join(_habit_label(n, name) for n, name in enumerate(names))
    said = "; ".join(
        f"{label(line, base)}: "
        + ", ".join(f"{name} {gap.distance:.2f}" for name, gap in zip(names, line.gaps, strict=True))
        for line in drawn
    )
    keys = "".join(
        f'<span><i class="key c{n}"></i>{escape(label(line, base))}</span>' for n, line in enumerate(drawn)
    )  # fmt: skip
    key = f'<span><i class="key expected"></i>{escape(t(language, "compare.by_chance_ring"))}</span>'
    return (
        f'<section class="radar"><h3>{escape(t(language, "compare.habits"))}</h3>'
        f'<svg viewBox="-50 0 320 220" role="img" aria-label="{escape(said)}">{rings}{expected}{lines}{labels}</svg>'
        f'<p class="keys">{keys}{key}</p><p class="muted">{escape(t(language, "compare.habits_what"))}</p></section>'
    )


def _point(n: int, share: float) -> tuple[float, float]:
    angle = 2 * math.pi * n / len(HABITS) - math.pi / 2
    return MIDDLE + RADIUS * share * math.cos(angle), MIDDLE + RADIUS * share * math.sin(angle)


def _ring(shares: Sequence[float], css: str) -> str:
    points = " ".join("{:.1f},{:.1f}".format(*_point(n, share)) for n, share in enumerate(shares))
    return f'<polygon class="{css}" points="{points}"/>'


def _habit_label(n: int, name: str) -> str:
    x, y = _point(n, 1.16)
    anchor = "middle" if abs(x - MIDDLE) < 8 else "start" if x > MIDDLE else "end"
    return f'<text x="{x:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{escape(name)}</text>'


def curve(found: Leaderboard, language: str) -> str:
    """Bits per byte over the number of rows, and whether more rows would help; "" without a sweep over shares."""
    points = learning_curve(found)
    if not points:
        return ""
    low, high = min(one.low for one in points), max(one.high for one in points)
    most, high = math.log(points[-1].rows / points[0].rows), max(high, low + 1e-6)

    def at(rows: int, value: float) -> tuple[float, float]:
        return 20 + 260 * math.log(rows / points[0].rows) / most, 8 + 84 * (high - value) / (high - low)

    bars, dots, marks = "", "", ""
    for one in points:
        (x, y), top, end = at(one.rows, one.value), at(one.rows, one.high)[1], at(one.rows, one.low)[1]
        bars += f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{end:.1f}"/>'
        dots += f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
        marks += f'<text x="{x:.1f}" y="112" text-anchor="middle">{one.rows:,}</text>'
    line = " ".join("{:.1f},{:.1f}".format(*at(one.rows, one.value)) for one in points)
    said = ", ".join(f"{one.rows:,}: {one.value:.2f}" for one in points)
    more = {True: "compare.curve_more", False: "compare.curve_enough", None: "compare.curve_unsure"}[
        would_more_help(points)
    ]
    title, words = t(language, "compare.curve"), t(language, more)
    return (
        f'<section class="radar share-curve"><h3>{escape(title)}</h3><svg viewBox="0 0 300 118" role="img" '
        f'aria-label="{escape(title)}: {escape(said)}"><polyline points="{line}"/>{bars}{dots}{marks}</svg>'
        f"<p>{escape(words)}</p></section>"
    )


def settings(found: Leaderboard, base: str, language: str) -> str:
    """The settings in which the candidates differ, side by side."""
    measured = [line.measured for line in found.lines]
    rows = differences(measured)
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{escape(label(line, base))}</th>' for line in found.lines)
    lines = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        + "".join(f"<td>{escape(value) or '—'}</td>" for value in values)
        + "</tr>"
        for name, values in rows
    )
    return (
        f'<details class="legend"><summary>{escape(t(language, "compare.settings"))}</summary>'
        f'<div class="variants num" tabindex="0"><table><thead><tr><th></th>{heads}</tr></thead><tbody>{lines}</tbody>'
        f"</table></div></details>"
    )
