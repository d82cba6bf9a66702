"""The heartbeat: a page asks for a few numbers, and runs an event only for what has changed and is in sight.

Gradio's own timers tick for ever and in hidden tabs, and each tick costs the browser a walk over the whole page.
Here a small script fetches one number a topic from a route of the app. Where a number differs from the one that was
drawn, and the part of the page that shows it is in sight, it clicks an unseen button, on which the tabs listen.

What moves all the time (step, curve, time left of a training) is answered as it is to be shown, and the script writes
it where it stands: an event of Gradio costs the browser a hundred times as much.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from fastapi import Request
from fastapi.responses import JSONResponse
from gradio.routes import App

from core.errors import AppError
from core.synth.progress import newest_plan
from core.train.queue.progress import Progress
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import language_wanted

if TYPE_CHECKING:
    from tabs.ui.shared import Shared

ROUTE = "/omokage/changes"
SCRIPT = Path(__file__).parent / "scripts" / "heartbeat.js"

OPENED = {f"opened-{name}": f"#page-{name}" for name in ("data", "train", "memory", "tokens", "connect")}
"""The tabs that are filled when they come into sight for the first time, and the Memory tab every time."""
TOPICS = {
    **OPENED,
    "status": "#strip",
    "model": "#model-state",
    "runs": "#train-picture",
    "queue": "#train-picture",
    "samples": "#train-picture",
    "compare": "#compare-card",
    "memory": "#memory-figures",
    "rows": "#data-content",
    "talks": "#chat",
    "dialogues": "#create-page",
}
"""What changes while nobody presses anything, and the part of the page that must be in sight for it to be drawn."""
EACH_TIME = ("opened-memory",)
COMPARED = ("datasets", "adapters")
COSTS_ARE_NEW = 300.0  # seconds


@dataclass(frozen=True)
class Changes:
    """What a page is answered. It names nothing and holds nothing of anybody's."""

    numbers: dict[str, str]
    """For each of TOPICS a value that is another one when there is something new to draw."""
    soon: bool
    """Whether something is under way, so that asking again in a second is worth it."""


@dataclass(frozen=True)
class Live:
    """What moves while nothing else changes, ready to be written where it stands."""

    html: dict[str, str]
    """Inner HTML by the selector of its place; a place that is not on the page is passed over."""
    text: dict[str, str]
    """Words of a button, by its selector."""
    title: str = ""
    """Stands before the page's title."""


LiveOf = Callable[[Services, str, str, str], Live]
"""(services, owner, language, id of the training on the page, or "") -> what is to be written."""


def stage_mark(progress: Progress) -> tuple[object, ...]:
    """What is different when a training can do, or be asked, something else than before."""
    return progress.state, bool(progress.step), progress.ahead, progress.error


def changes(services: Services, owner: str) -> Changes:
    """The numbers for an owner's page. Reads state; changes none."""
    status = services.models.status
    jobs = [(job, services.jobs.progress(owner, job.id)) for job in services.jobs.list_all(owner)]
    store = services.memory.store(owner).path
    written = [path.stat().st_mtime_ns for path in store.parent.glob(f"{store.name}*")]
    marks = [(job.id, job.name, job.adapter is not None, stage_mark(progress)) for job, progress in jobs]
    under_way = [progress.state for _, progress in jobs if progress.state in ("running", "stopping", "queued")]
    dialogues = newest_plan(services.dialogues, owner)
    plan, made = dialogues or (None, None)
    parts = {
        **dict.fromkeys(OPENED),  # the same for ever: they are drawn once
        "status": (f"{status}", under_way, services.costs.price and int(time.time() // COSTS_ARE_NEW)),
        "model": f"{status}",
        "runs": (marks, status.state, status.name),
        "queue": [(job.id, job.name) if job else None for job in services.jobs.queue(owner)],
        "samples": [(job.id, len(progress.samples)) for job, progress in jobs],
        "compare": (marks, status.state, status.name, *(services.workspace.names(owner, one) for one in COMPARED)),
        "memory": (max(written, default=0), status.parameters),
        "rows": (status.in_use, f"{status.error}"),
        "talks": services.conversations.changes(owner),
        "dialogues": (plan and plan.name, made and (made.state, made.command, made.dialogues, made.verdicts)),
    }
    return Changes(
        {topic: _number(parts[topic]) for topic in TOPICS},
        soon=bool(under_way) or bool(made and made.at_work) or status.state in ("downloading", "loading"),
    )


def awaited(services: Services, owner: str, job: str, language: str) -> dict[str, str]:
    """{"under_way": the training that runs or waits, "ended": what to tell of `job`, which was under way before}."""
    standing = {one.id: services.jobs.progress(owner, one.id).state for one in services.jobs.list_all(owner)}
    order = ("running", "stopping", "queued")
    under_way = sorted((order.index(state), one) for one, state in standing.items() if state in order)
    found = {"under_way": under_way[0][1]} if under_way else {}
    if (state := standing.get(job)) and state not in order:
        name = services.jobs.get(owner, job).name
        found["ended"] = t(language, "train.notice", name=name, state=t(language, f"train.state_{state}"))
    return found


def ending(services: Services, language: str) -> str:
    """What pages say when the app is about to end by itself; "" while it is not."""
    left = services.idle.seconds_left()
    if left is None:
        return ""
    unit = (
        t(language, "strip.minutes", n=round(left / 60)) if left >= 90 else t(language, "strip.seconds", n=round(left))
    )
    return f'<p class="warn" role="status">{t(language, "strip.ending", left=unit)}</p>'


def _number(part: object) -> str:
    return hashlib.sha256(repr(part).encode()).hexdigest()[:12]


def add_route(app: App, services: Services, live: Sequence[LiveOf] = ()) -> None:
    """Answer the pages of `app`, which Gradio has made and serves, with what changed and with what `live` says."""

    @app.post(ROUTE, include_in_schema=False)
    def answer(request: Request) -> JSONResponse:
        """The caller is who Gradio's own events take it for: the login, else the key."""
        cookies = request.cookies
        session = cookies.get(f"access-token-{app.cookie_id}") or cookies.get(f"access-token-unsecure-{app.cookie_id}")
        login = app.tokens.get(session)
        try:
            owner = services.owners.resolve_owner(
                login=login, token=_signed_in(request), key=request.headers.get("x-omokage-key")
            )
        except AppError as error:  # a token that the Hub does not know any more
            return JSONResponse({"error": error.en}, status_code=403)
        if request.headers.get("x-omokage-used"):
            services.idle.touch()
        found, language = changes(services, owner), language_wanted(request.headers.get("accept-language"))
        html: dict[str, str] = {}
        answered: dict[str, object] = {"numbers": found.numbers, "soon": found.soon}
        answered |= awaited(services, owner, request.headers.get("x-omokage-awaited", ""), language)
        if found.soon:
            run = request.headers.get("x-omokage-run", "")
            parts = [one(services, owner, language, run) for one in live]
            html |= {place: words for part in parts for place, words in part.html.items()}
            answered |= {
                "text": {place: text for part in parts for place, text in part.text.items()},
                "title": next((part.title for part in parts if part.title), ""),
            }
        if services.idle.seconds:
            html["#ending"] = ending(services, language)
        return JSONResponse(answered | ({"html": html} if html else {}))


def _signed_in(request: Request) -> str | None:
    """The Hub token of who signed in through Gradio's button, as long as it lasts."""
    session = request.scope.get("session") or {}
    info = session.get("oauth_info") or {}
    until = info.get("expires_at")
    return None if until is not None and until < time.time() else info.get("access_token")


def build() -> dict[str, gr.Button]:
    """An unseen button for each topic; they stand outside of the tabs, which are not built before they are opened."""
    return {topic: gr.Button(elem_id=f"changed-{topic}", elem_classes="unseen") for topic in TOPICS}


def start(shared: "Shared") -> None:
    """Begin when the page knows its key."""
    shared.arrived.then(
        None, shared.key, None, js="(key) => { window.omokageHeartbeat(key); }", show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip


def script() -> str:
    """For the head of the page, without its tags."""
    source = SCRIPT.read_text(encoding="utf-8").replace("TOPICS_OF_THE_PAGE", json.dumps(TOPICS))
    return source.replace("DRAWN_EACH_TIME", json.dumps(EACH_TIME))
