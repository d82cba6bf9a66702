"""How a training stands, in words: its state, its figures, and whether it gets better. Pure text from Progress."""

from contextlib import suppress
from dataclasses import replace
from html import escape

from core.errors import NotAllowedError
from core.hub.redact import public_name
from core.train.queue.jobs import Job
from core.train.queue.progress import Progress
from tabs.train import preference
from tabs.train.curve import curve
from tabs.train.settings import summary
from tabs.ui import html_parts
from tabs.ui.heartbeat import Live
from tabs.ui.services import Services
from tabs.ui.status_bar import duration
from tabs.ui.text import t

ENDED = ("stopped", "done", "failed", "killed")
MUCH_WORSE = 1.01  # validation above its best by this factor: more than the noise between two measures
BETTER = 0.995


def state_words(progress: Progress, language: str) -> str:
    """The state in one or two words, for the list of trainings."""
    state = "loading" if progress.state == "running" and not progress.step else progress.state
    return t(language, f"train.state_{state}")


def headline(progress: Progress, language: str) -> str:
    """Step, speed and time left, over a bar; before and after the training, what is going on instead."""
    words = "・".join(_figures(progress, language)) if language == "ja" else " · ".join(_figures(progress, language))
    shown = f'<p class="num run-head">{escape(words)}</p>'
    if progress.error:
        shown += f'<p class="warn">{escape(progress.error.in_language(language))}</p>'
    if not progress.steps or progress.state == "done":
        return shown
    percent = f"{100 * progress.fraction:.1f}"
    css = "part-new" if progress.state in ("running", "stopping") else "part-turns"
    span = f'role="progressbar" aria-valuenow="{percent}" aria-valuemin="0" aria-valuemax="100"'
    return f'{shown}<div class="bar thin" {span}><i class="{css}" style="width:{percent}%"></i></div>'


def verdict(progress: Progress, language: str) -> str:
    """Is it getting better? One sentence from the validation measures; "" before there are two."""
    if progress.started and not progress.started.validation_rows:
        return f'<p class="muted">{escape(t(language, "train.no_validation"))}</p>'
    if len(progress.validation) < 2:
        return ""
    first, last_step = progress.validation[0][1], progress.validation[-1][0]
    best_step, best, _ = min(progress.validation, key=lambda measure: measure[1])
    now = (progress.metrics or {}).get("validation_bpb_after") or progress.validation[-1][
        1
    ]  # when done: of what is kept
    if best_step < last_step and now > best * MUCH_WORSE and best < first:
        words, css = t(language, "train.worse_since", step=f"{best_step:,}", best=f"{best:.2f}"), "warn"
    elif now < first * BETTER:
        figures = {"percent": f"{1 - now / first:.0%}", "first": f"{first:.2f}", "now": f"{now:.2f}"}
        words, css = t(language, "train.better", **figures), "good"
    else:
        words, css = t(language, "train.not_better"), "warn"
    return f'<p class="{css} verdict">{escape(words)}</p>'


def notes(progress: Progress, language: str) -> str:
    """What the training told on its way."""
    lines = "".join(f"<li>{escape(note.in_language(language))}</li>" for note in progress.notes)
    return f'<ul class="notes muted">{lines}</ul>' if lines else ""


def picture(job: Job, progress: Progress, language: str) -> str:
    """The whole of a training, in a frame that names it: the heartbeat writes `moving` into it while it runs."""
    return f'<div data-run="{escape(job.id)}">{moving(job, progress, language)}</div>'


def live(services: Services, owner: str, language: str, run: str) -> Live:
    """What moves of the training that is on the page, as long as it runs."""
    with suppress(NotAllowedError):
        progress = services.jobs.progress(owner, run) if run else None
        if progress and progress.state in ("running", "stopping", "queued"):
            drawn = moving(services.jobs.get(owner, run), progress, language)
            return Live({f'[data-run="{run}"]': drawn}, {})
    return Live({}, {})


def moving(job: Job, progress: Progress, language: str) -> str:
    """What it is, how far it is, whether it gets better, the curve, notes."""
    # The loss of a preference run is of another kind than the validation rows': only these are drawn.
    drawn = replace(progress, losses=()) if job.spec.preference else progress
    return (
        about(job, language) + headline(progress, language) + preference.preference_html(progress, language)
        + verdict(progress, language) + curve(drawn, language) + notes(progress, language)
    )  # fmt: skip


def about(job: Job, language: str) -> str:
    """What learns what, with which settings."""
    made = t(language, "train.about", dataset=job.spec.dataset.name, base=public_name(job.spec.base),
               settings=summary(job.spec.config, language))  # fmt: skip
    return f'<p class="run-name"><b>{escape(job.name)}</b> <span class="muted">{escape(made)}</span></p>'


def nothing(language: str) -> str:
    """What stands there before the first training."""
    return html_parts.empty(t(language, "train.empty"), t(language, "train.empty_hint"))


def _figures(progress: Progress, language: str) -> list[str]:
    state = progress.state
    if state == "queued":
        return [t(language, "train.head_ahead" if progress.ahead else "train.head_next", n=progress.ahead)]
    if state == "running" and progress.encoding:
        rows, of = progress.encoding
        return [t(language, "train.head_reading", rows=f"{rows:,}", of=f"{of:,}")]
    if state == "running" and not progress.step and progress.generating:
        done, of = progress.generating
        return [t(language, "after.answering", done=f"{done:,}", of=f"{of:,}")]
    if state == "running" and not progress.step:
        return [t(language, "train.head_loading")]
    if state == "stopped" and not progress.step:
        return [t(language, "train.head_stopped_early")]
    step = t(language, "train.head_step", step=f"{progress.step:,}", steps=f"{progress.steps:,}")
    if state == "stopping":
        return [step, t(language, "train.head_stopping")]
    if state == "stopped":
        return [t(language, "train.head_stopped", step=f"{progress.step:,}")]
    if state == "killed":
        return [step, t(language, "train.head_killed")]
    if state == "running":
        speed = t(language, "train.head_speed", n=f"{progress.tokens_per_second or 0:,.0f}")
        return [step, speed, t(language, "train.head_left", left=duration(progress.seconds_left, language))]
    metrics = progress.metrics or {}
    seconds, steps = metrics.get("seconds"), metrics.get("steps", progress.step)
    if state == "done" and steps < progress.steps:
        step = t(language, "train.head_ended_early", step=f"{steps:,}", steps=f"{progress.steps:,}")
    elif state == "done":
        step = t(language, "train.head_step", step=f"{steps:,}", steps=f"{progress.steps:,}")
    took = [t(language, "train.head_took", took=duration(seconds, language))] if seconds is not None else []
    return [t(language, f"train.state_{state}"), *([step] if progress.steps else []), *took]
