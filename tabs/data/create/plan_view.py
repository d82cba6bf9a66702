"""A plan in words and a small picture: what it takes, which combinations it has, how it stands."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from html import escape

from core.synth.estimate import Estimate
from core.synth.people import OpeningQuestion, SimulatedUser
from core.synth.plan import Plan
from core.synth.progress import SynthProgress, newest_plan
from core.synth.store import StoredPlan
from tabs.ui import html_parts
from tabs.ui.heartbeat import Live
from tabs.ui.services import Services
from tabs.ui.status_bar import duration
from tabs.ui.text import t, texts

KINDS, COLUMNS = 8, 74  # at most, of the picture
CELL, TALL = 10, 18  # units of the drawing
NAMED = 3  # people that a line names


def steps(language: str) -> str:
    """What is done here, one step after the other: shown before there is a plan."""
    parts = (t(language, f"create.step_{name}").partition("|") for name in ("plan", "make", "review", "use"))
    lines = (f"<li><b>{escape(name)}</b><span>{escape(what)}</span></li>" for name, _, what in parts)
    return f'<ol class="create-steps">{"".join(lines)}</ol>'


def estimate_words(plan: Plan, found: Estimate, language: str) -> str:
    """The dry run: a sentence, how evenly it is spread, and the picture."""
    tokens = _rounded(found.prompt_tokens + found.reply_tokens, language)
    said = t(language, "create.estimate", dialogues=f"{found.dialogues:,}", generations=f"{found.generations:,}",
             tokens=tokens)  # fmt: skip
    if found.seconds is not None:
        said += t(language, "create.estimate_time", left=duration(found.seconds, language))
    if found.cost:
        said += t(language, "create.estimate_cost", cost=f"{found.cost:,.2f}")
    if found.seconds is None:
        said += t(language, "create.estimate_later")
    even = t(language, "create.estimate_even", low=_times(Counter(cell.opening.id for cell in plan.cells), language),
             user_low=_times(Counter(cell.user.id for cell in plan.cells), language))  # fmt: skip
    words = f'<p class="num">{escape(said)}</p><p class="muted num">{escape(even)}</p>'
    return words + coverage_picture(plan, (), language)


def _rounded(n: float, language: str) -> str:
    """ "190 万" / "1.9 M"."""
    if language == "ja":
        return f"{n / 10_000:,.0f} 万" if n >= 100_000 else f"{n:,.0f}"
    return f"{n / 1e6:,.1f} M" if n >= 1e6 else f"{n:,.0f}"


def _times(counts: Counter[str], language: str) -> str:
    low, high = min(counts.values()), max(counts.values())
    return f"{low}" if low == high else t(language, "create.range", low=low, high=high)


def coverage_picture(plan: Plan, done: Collection[str], language: str) -> str:
    """A square for each kind of people and opening: empty, planned, made in part, made. `done`: ids of cells."""
    kinds = [kind for kind, _ in Counter(cell.user.kind for cell in plan.cells).most_common(KINDS)]
    openings = {one.id: n for n, one in enumerate(plan.openings)}
    width = min(len(openings), COLUMNS)
    planned: Counter[tuple[int, int]] = Counter()
    made: Counter[tuple[int, int]] = Counter()
    for cell in plan.cells:
        if cell.user.kind in kinds:
            square = kinds.index(cell.user.kind), openings[cell.opening.id] * width // len(openings)
            planned[square] += 1
            made[square] += cell.id in done
    squares = "".join(
        f'<rect class="{_shade(planned[row, column], made[row, column])}" x="{column * CELL}" y="{row * TALL}"/>'
        for row in range(len(kinds))
        for column in range(width)
    )
    words = t(language, "create.coverage_words", kinds=len(kinds), openings=len(openings), done=len(done),
              all=plan.planned)  # fmt: skip
    named = "・".join(kind_name(kind, language) for kind in kinds)
    return (
        f'<svg class="coverage" viewBox="0 0 {width * CELL} {len(kinds) * TALL}" role="img" '
        f'aria-label="{escape(words)}">{squares}</svg>'
        f'<p class="muted">{escape(t(language, "create.coverage"))}: {escape(named)}</p>'
    )


def _shade(planned: int, made: int) -> str:
    if not planned:
        return "none"
    return "made" if made >= planned else "part" if made else "planned"


def kind_name(kind: str, language: str) -> str:
    """A kind of people in words; that of an own file as it is written there."""
    key = f"create.kind_{kind}"
    return t(language, key) if key in texts() else kind


def facts(plan: Plan, language: str) -> str:
    """What a plan is, as a table."""
    kinds = Counter(user.kind for user in plan.users)
    by_kind = "・".join(f"{kind_name(kind, language)} {n}" for kind, n in kinds.most_common(KINDS))
    lines = (
        ("persona", plan.persona.name), ("fact_people", f"{len(plan.users)}（{by_kind}）"),
        ("fact_openings", f"{len(plan.openings)}"), ("fact_dialogues", f"{plan.planned:,}"),
        ("fact_turns", f"{plan.exchanges}"), ("fact_persona_side", plan.persona_backend.name),
        ("fact_user_side", plan.user_backend.name), ("fact_judge_side", plan.judge_backend.name),
    )  # fmt: skip
    return html_parts.ledger((escape(t(language, f"create.{name}")), value, "") for name, value in lines)


def standing(stored: StoredPlan, progress: SynthProgress, language: str) -> str:
    """How a plan stands, in a frame that names it: the heartbeat writes `moving` into it while it is at work."""
    return f'<div data-plan="{escape(stored.name)}">{moving(stored.plan, progress, language)}</div>'


def moving(plan: Plan, progress: SynthProgress, language: str) -> str:
    """A sentence over a bar, and what is being said right now."""
    words = f'<p class="num run-head" role="status">{escape(headline(progress, language))}</p>'
    if progress.error:
        words += f'<p class="warn" role="alert">{escape(progress.error.in_language(language))}</p>'
    if progress.state not in ("new", "done"):
        percent = f"{100 * progress.fraction:.1f}"
        css = "part-new" if progress.at_work else "part-turns"
        span = f'role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100"'
        words += f'<div class="bar thin" {span}><i class="{css}" style="width:{percent}%"></i></div>'
    return words + _saying(plan, progress)


def headline(progress: SynthProgress, language: str) -> str:
    """How a plan stands, as a sentence."""
    counts = {"done": f"{progress.dialogues:,}", "of": f"{progress.of:,}"}
    if progress.command == "judge":
        counts["done"] = f"{progress.verdicts:,}"
    if progress.state == "done":
        said = t(language, f"create.state_{'judged' if progress.command == 'judge' else 'done'}", **counts)
        return said if progress.command == "judge" else f"{said} {t(language, 'create.next_judge')}"
    if progress.state != "running":
        return t(language, f"create.state_{progress.state}", **counts)
    if not progress.turns and progress.command == "run":
        return t(language, "create.state_loading")
    said = t(language, f"create.state_{progress.command}", **counts)
    left = progress.seconds_left
    return said + (t(language, "create.state_left", left=duration(left, language)) if left is not None else "")


def _saying(plan: Plan, progress: SynthProgress) -> str:
    """The newest words of both sides."""
    if not progress.saying:
        return ""
    names = {cell.id: cell.user.name for cell in plan.cells}
    said = [
        f'<div class="said {"context" if turn.side == "persona" else "user"}">'
        f"<small>{escape(plan.persona.name if turn.side == 'persona' else names.get(turn.cell, ''))}</small>"
        f"{escape(' '.join(turn.messages)[:240])}</div>"
        for turn in progress.saying
    ]
    return f'<div class="row-view saying">{"".join(said)}</div>'


def people_words(
    users: Sequence[SimulatedUser] | None, openings: Sequence[OpeningQuestion] | None, file: str, language: str
) -> Mapping[str, str]:
    """A line on the people and one on the questions, whichever are given; `file` is "" for the built-in ones."""
    source = "own" if file else "built_in"
    found: dict[str, str] = {}
    if users is not None:
        named = "、".join(user.name for user in users[:NAMED])
        key = "create.own_users_read" if file else "create.built_in_users"
        found["users"] = t(language, key, n=len(users), names=named, name=file)
    if openings is not None:
        key = f"create.{source}_openings" + ("_read" if file else "")
        found["openings"] = t(language, key, n=len(openings), text=openings[0].text, name=file)
    return {name: f'<p class="muted">{escape(words)}</p>' for name, words in found.items()}


def live(services: Services, owner: str, language: str, run: str) -> Live:
    """What moves of the plan that is at work."""
    found = newest_plan(services.dialogues, owner)
    if found is None or not found[1].at_work:
        return Live({}, {})
    stored, progress = found
    return Live({f'[data-plan="{stored.name}"]': moving(stored.plan, progress, language)}, {})
