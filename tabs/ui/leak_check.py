"""The leak check before an adapter is pushed: what it lets out of its rows, with examples that a person has to see."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from html import escape

import gradio as gr

from core.adapters.store import Adapter
from core.data.privacy.pii import LABELS, PiiType
from core.data.rows import read_rows
from core.errors import AppError, InputError
from core.evaluate.leaks import Continuing, LeakExample, LeakReport, LeakReports, check_leaks, probes_of
from core.evaluate.measure import fits
from core.prompt import PromptConfig
from core.workspace import SPLIT_FILES
from tabs.ui.adapters import kept, load_for
from tabs.ui.form import Control
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

SHOWN = 5  # examples of each kind


@dataclass(frozen=True)
class LeakHandlers:
    """Checks the adapter of a training, and notes that the report was seen."""

    services: Services

    @handler
    def standing(self, visitor: Visitor, chosen: str | None) -> tuple:
        """The report as far as there is one: (report, check button, seen button, send button)."""
        if not chosen:
            return "", gr.skip(), gr.Button(visible=False), gr.Button(interactive=False)
        adapter, reports = kept(self.services, visitor.owner, chosen), reports_of(self.services, visitor.owner)
        return self._shown(reports.get(adapter), reports.was_seen(adapter), visitor.language)

    @handler
    def check(self, visitor: Visitor, chosen: str | None) -> Iterator[tuple]:
        """Ask the adapter with the beginnings of its rows: (report, check button, seen button, send button)."""
        if not chosen:
            raise InputError("Choose a training first.", "先に学習を選んでください。")
        adapter, language = kept(self.services, visitor.owner, chosen), visitor.language
        if name := _to_be_loaded(self.services, adapter):
            raise InputError(f"{name} has to be loaded for this, which has begun. Press again once it is there.",
                             f"{name} を読み込んでいます。終わったら、もう一度押してください。")  # fmt: skip
        yield (
            _going(0, 1, language),
            gr.Button(interactive=False),
            gr.Button(visible=False),
            gr.Button(interactive=False),
        )
        try:
            for step in with_progress(partial(self._report, visitor.owner, chosen, adapter)):
                if isinstance(step, Result):
                    yield self._shown(step.value, False, language)
                else:
                    yield _going(*step, language), gr.skip(), gr.skip(), gr.skip()
        except AppError as error:
            yield in_words(error, language), gr.Button(interactive=True), gr.skip(), gr.skip()

    @handler
    def see(self, visitor: Visitor, chosen: str | None) -> tuple:
        """The report was seen: from now on the adapter can be pushed."""
        adapter = kept(self.services, visitor.owner, chosen or "")
        reports = reports_of(self.services, visitor.owner)
        reports.mark_seen(adapter)
        return self._shown(reports.get(adapter), reports.was_seen(adapter), visitor.language)

    def _report(
        self, owner: str, chosen: str, adapter: Adapter, report: Callable[[tuple[int, int]], None]
    ) -> LeakReport:  # fmt: skip
        job, reports = self.services.jobs.get(owner, chosen), reports_of(self.services, owner)
        rows = tuple(read_rows(job.folder.dataset / SPLIT_FILES["train"]))
        config = adapter.prompt_config or job.spec.prompt_config
        found = check_leaks(
            probes_of(rows), rows, self._continuing(owner, adapter, config, reports),
            report=lambda done, of: report((done, of)),
        )  # fmt: skip
        reports.put(adapter, found)
        return found

    def _continuing(self, owner: str, adapter: Adapter, config: PromptConfig, reports: LeakReports) -> Continuing:
        loaded, engine = self.services.models.current(), self.services.chat.engine
        return Continuing(engine, loaded, adapter, config, reports.continuations(adapter), f"evaluate {owner}")

    def _shown(self, report: LeakReport | None, seen: bool, language: str) -> tuple:
        if report is None:
            words = f'<p class="muted">{escape(t(language, "leaks.not_yet"))}</p>'
            return (
                words,
                gr.Button(interactive=True, visible=True),
                gr.Button(visible=False),
                gr.Button(interactive=False),
            )
        again = gr.Button(interactive=True, visible=not seen)
        return report_html(report, seen, language), again, gr.Button(visible=not seen), gr.Button(interactive=seen)


def reports_of(services: Services, owner: str) -> LeakReports:
    """The reports on an owner's adapters."""
    return LeakReports(services.workspace.folder(owner, "evaluations"))


def check_seen(services: Services, owner: str, adapter: Adapter) -> None:
    """Raises InputError until a person has seen the report on this adapter."""
    if not reports_of(services, owner).was_seen(adapter):
        raise InputError("Check for leaks first, and look at what was found.",
                         "先に「漏れを調べる」を押して、結果を見てください。")  # fmt: skip


def _to_be_loaded(services: Services, adapter: Adapter) -> str | None:
    """The adapter's base, where it is not the model in memory; its loading begins."""
    if services.models.status.state == "ready" and fits(services.models.current(), adapter):
        return None
    return load_for(services, adapter)


def _going(done: int, of: int, language: str) -> str:
    words = escape(t(language, "leaks.going", n=done, of=of))
    share = f"{done / max(of, 1):.0%}"
    return f'<div class="measuring" role="progressbar" aria-valuenow="{share}"><i style="width:{share}"></i></div><p class="muted">{words}</p>'  # noqa: E501


def report_html(report: LeakReport, seen: bool, language: str) -> str:
    """What was found, with examples."""
    kinds = ", ".join(f"{LABELS[PiiType(kind)].in_language(language)} {n}" for kind, n in report.kinds.items())
    rows = (
        ("verbatim", f"{len(report.verbatim)}", report.verbatim),
        ("personal", f"{len(report.personal)}" + (f" ({kinds})" if kinds else ""), report.personal),
        ("invented", f"{report.invented}", ()),
    )
    lines = "".join(_row(t(language, f"leaks.{name}"), words, bool(found)) for name, words, found in rows)
    head = t(language, "leaks.probes", n=report.probes, private=report.with_personal)
    key = "leaks.found" if report.leaks else "leaks.clean"
    css, state = ("warn" if report.leaks else "good"), t(language, "leaks.was_seen") if seen else ""
    examples = "".join(_example(one, language) for _, _, found in rows for one in found[:SHOWN])
    title = escape(t(language, "leaks.examples"))
    more = f"<details open><summary>{title}</summary>{examples}</details>" if examples else ""
    return (
        f'<p>{escape(head)}</p><table class="ledger"><tbody>{lines}</tbody></table>'
        f'<p class="{css}" role="status">{escape(t(language, key))} {escape(state)}</p>{more}'
        f'<p class="muted">{escape(t(language, "leaks.limits"))}</p>'
    )


def _row(label: str, words: str, warn: bool) -> str:
    return f'<tr class="{"warn" if warn else ""}"><td>{escape(label)}</td><td>{escape(words)}</td></tr>'


def _example(one: LeakExample, language: str) -> str:
    """Who asked what, how the reply was begun, and how it went on; what is private stands out."""
    went_on = escape(one.continuation)
    for text in one.found:
        went_on = went_on.replace(escape(text), f"<mark>{escape(text)}</mark>")
    return (
        f'<div class="leak"><small>{escape(one.asked)}</small><p>{escape(one.beginning)}'
        f'<b title="{escape(t(language, "leaks.went_on"))}">{went_on}</b></p></div>'
    )


def build(services: Services, shared: Shared, chosen: Control | gr.State) -> "LeakCheck":
    """The part before the button that pushes."""
    handlers = LeakHandlers(services)
    with gr.Column(elem_classes="bare", elem_id="leaks"):
        gr.Markdown(t_client("leaks.what"), elem_classes="muted")
        report = gr.HTML(padding=False, elem_id="leaks-report")
        with gr.Row(elem_classes="actions"):
            go = gr.Button(t_client("leaks.go"), size="sm", elem_id="leaks-go")
            seen = gr.Button(t_client("leaks.seen"), size="sm", variant="primary", visible=False, elem_id="leaks-seen")
    return LeakCheck(handlers, [shared.key, chosen], report, go, seen)


@dataclass(frozen=True)
class LeakCheck:
    """The part's components, to be connected with the button that pushes."""

    handlers: LeakHandlers
    inputs: list
    report: gr.HTML
    go: gr.Button
    seen: gr.Button

    def connect(self, send: gr.Button) -> dict:
        """Make `send` wait until the report was seen; returns the event that shows how things stand."""
        outputs = [self.report, self.go, self.seen, send]
        self.go.click(self.handlers.check, self.inputs, outputs, **EVENT)
        self.seen.click(self.handlers.see, self.inputs, outputs, **EVENT)
        return {"fn": self.handlers.standing, "inputs": self.inputs, "outputs": outputs, **EVENT}
