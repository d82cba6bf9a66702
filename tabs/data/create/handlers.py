"""What the plan's buttons do: estimate, make, start, stop, judge, delete; and what the page shows after it."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from core.errors import AppError, InputError
from core.prompt.encoder import encoder_for
from core.synth.estimate import Estimate, estimate
from core.synth.people import built_in_file, read_openings, read_users
from core.synth.plan import Plan
from core.synth.progress import SynthProgress, newest_plan, progress_of
from core.synth.prompts import Side
from core.synth.store import StoredPlan, SynthCommand
from core.synth.voices import bundled_tokenizer
from tabs.data.create import plan_view
from tabs.data.create.plan_form import PlanForm, side_choices
from tabs.data.create.review import ReviewHandlers
from tabs.data.create.review_view import Threshold
from tabs.data.data_context import DataContext
from tabs.data.log.without_training import persona_of_log
from tabs.data.outputs import OutputValue
from tabs.ui.handler import handler
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

TRIED = 10  # dialogues of a trial


class CreateView(NamedTuple):
    """A value for each output. Fields are named after the components of `tab.build`."""

    plan: OutputValue
    plans: OutputValue
    form_card: OutputValue
    plan_card: OutputValue
    facts: OutputValue
    start: OutputValue
    stop: OutputValue
    judge: OutputValue
    now: OutputValue
    review_card: OutputValue
    review: OutputValue
    results_card: OutputValue
    sure: OutputValue


@dataclass(frozen=True)
class CreateHandlers:
    """Works on the owner's plans."""

    services: Services

    @handler
    def arrive(self, visitor: Visitor) -> tuple:
        """(persona, the three sides, language, lines on people and questions, *CreateView)."""
        choices = [(one.name, one.id) for one in self.services.personas.entries(visitor.owner, visitor.language)]
        ids = [one for _, one in choices]
        sides = side_choices(self.services, visitor)
        people = built_in_words(visitor.language)
        newest = newest_plan(self.services.dialogues, visitor.owner)
        return (
            gr.Dropdown(choices=choices, value="socrates" if "socrates" in ids else ids[0]),
            *(gr.Dropdown(choices=sides, value=sides[-1][1]) for _ in range(3)), visitor.language,
            people["users"], people["openings"], *self.view(visitor, newest[0] if newest else None),
        )  # fmt: skip

    @handler
    def sides(self, visitor: Visitor, persona: str | None, user: str | None, judge: str | None) -> tuple:
        """The three lists of models, as they are now; what is chosen stays where it is still there."""
        choices = side_choices(self.services, visitor)
        known = [side for _, side in choices]
        return tuple(
            gr.Dropdown(choices=choices, value=one if one in known else known[0]) for one in (persona, user, judge)
        )

    @handler
    def more_like_this(self, visitor: Visitor) -> gr.Dropdown:
        """A persona of the open log, chosen in the list."""
        context = DataContext(self.services, self.services.open_logs)
        if context.logs.choices(visitor.owner) is None:
            raise InputError(
                "No log is open. Open one under “From a log” first.",
                "記録が開かれていません。先に「記録から」で開いてください。",
            )
        persona = persona_of_log(context, visitor, "")
        choices = [(one.name, one.id) for one in self.services.personas.entries(visitor.owner, visitor.language)]
        return gr.Dropdown(choices=choices, value=persona.id)

    @handler
    def estimated(self, visitor: Visitor, form: PlanForm) -> str:
        """The dry run, or what is wrong with the plan."""
        try:
            plan = form.plan(self.services, visitor)
            return plan_view.estimate_words(plan, self._estimate(plan), visitor.language)
        except AppError as error:
            return f'<p class="warn">{escape(error.text.in_language(visitor.language))}</p>'

    @handler
    def make(self, visitor: Visitor, form: PlanForm) -> CreateView:
        """Keep the plan and make all of it."""
        return self._made(visitor, form, 0)

    @handler
    def make_some(self, visitor: Visitor, form: PlanForm) -> CreateView:
        """Keep the plan and make a fair sample."""
        return self._made(visitor, form, TRIED)

    @handler
    def choose(self, visitor: Visitor, plan: str | None) -> CreateView:
        """Show another plan."""
        return self.view(visitor, self.services.dialogues.get(visitor.owner, plan) if plan else None)

    @handler
    def new(self, visitor: Visitor) -> CreateView:
        """Show the form for another plan."""
        return self.view(visitor, None)

    @handler
    def start(self, visitor: Visitor, plan: str) -> CreateView:
        """Make what is missing of all dialogues."""
        return self._started(visitor, plan, "run")

    @handler
    def judge(self, visitor: Visitor, plan: str) -> CreateView:
        """Judge what was not judged."""
        return self._started(visitor, plan, "judge")

    @handler
    def stop(self, visitor: Visitor, plan: str) -> CreateView:
        """Stop what runs."""
        self.services.dialogues.stop(visitor.owner, plan)
        return self.view(visitor, self.services.dialogues.get(visitor.owner, plan))

    @handler
    def delete(self, visitor: Visitor, plan: str) -> CreateView:
        """Remove the plan for good."""
        self.services.dialogues.delete(visitor.owner, plan)
        inform(visitor.language, "create.deleted", name=plan)
        newest = newest_plan(self.services.dialogues, visitor.owner)
        return self.view(visitor, newest[0] if newest else None)

    @handler
    def refresh(self, visitor: Visitor, plan: str, chosen: str, tone: float, coherence: float) -> CreateView:
        """What changed by itself."""
        if not plan:
            return CreateView(*(gr.skip() for _ in CreateView._fields))
        stored = self.services.dialogues.get(visitor.owner, plan)
        seen = self.view(visitor, stored, chosen=chosen, threshold=Threshold(int(tone), int(coherence)))
        return seen._replace(plan=gr.skip(), sure=gr.skip())

    @handler
    def take_users(self, visitor: Visitor, cached: str | None) -> tuple[None, OutputValue, OutputValue, OutputValue]:
        """(the field, cleared; the file; a line on it; the way back)."""
        return self._taken(visitor, cached, "users")

    @handler
    def take_openings(self, visitor: Visitor, cached: str | None) -> tuple[None, OutputValue, OutputValue, OutputValue]:
        """The same of questions."""
        return self._taken(visitor, cached, "openings")

    @handler
    def put_back(self, visitor: Visitor, language: str) -> tuple[str, str, gr.Button, str, str, gr.Button]:
        """Back to the built-in people and questions of a language: (file, line, way back) of both."""
        people = built_in_words(visitor.language, language)
        return "", people["users"], gr.Button(visible=False), "", people["openings"], gr.Button(visible=False)

    def view(
        self, visitor: Visitor, stored: StoredPlan | None, *, chosen: str = "", threshold: Threshold | None = None
    ) -> CreateView:  # fmt: skip
        """The page with a plan, or with the form for one."""
        names = [one.name for one in self.services.dialogues.list_all(visitor.owner)]
        plans = gr.Dropdown(choices=names, value=stored.name if stored else None, visible=bool(names))
        if stored is None:
            return CreateView(
                "", plans, gr.Column(visible=True), gr.Column(visible=False), "", gr.skip(), gr.skip(), gr.skip(),
                plan_view.steps(visitor.language), gr.Column(visible=False), "", gr.Column(visible=False),
                gr.Column(visible=False),
            )  # fmt: skip
        language, progress = visitor.language, progress_of(stored)
        picture = plan_view.coverage_picture(stored.plan, stored.folder.read_dialogues().keys(), language)
        there = gr.Column(visible=progress.dialogues > 0)
        reviewed = ReviewHandlers(self.services).drawn(visitor, stored, chosen, threshold or Threshold())
        return CreateView(
            stored.name, plans, gr.Column(visible=False), gr.Column(visible=True),
            plan_view.facts(stored.plan, language) + picture, _start_button(progress, stored.plan, language),
            gr.Button(visible=progress.at_work),
            gr.Button(visible=not progress.at_work and progress.dialogues > progress.verdicts),
            plan_view.standing(stored, progress, language), there, reviewed, there, gr.Column(visible=False),
        )  # fmt: skip

    def _made(self, visitor: Visitor, form: PlanForm, first: int) -> CreateView:
        persona = form.chosen_persona(self.services, visitor)
        files, settings = form.files(), form.settings(self.services, visitor)
        stored = self.services.dialogues.save(visitor.owner, persona.name, settings, persona, files)
        return self._started(visitor, stored.name, "run", first)

    def _started(self, visitor: Visitor, plan: str, command: SynthCommand, first: int = 0) -> CreateView:
        stored = self.services.dialogues.get(visitor.owner, plan)
        key = self._key(visitor, stored.plan, command)
        self.services.dialogues.start(visitor.owner, plan, command, first=first, key=key)
        return self.view(visitor, stored)

    def _key(self, visitor: Visitor, plan: Plan, command: SynthCommand) -> str:
        """The key of the plan's server, which only this process knows. Raises InputError where it is not connected."""
        speaking = [plan.judge_backend] if command == "judge" else [plan.persona_backend, plan.user_backend]
        urls = {one.url for one in speaking if one.kind == "remote"}
        remote = self.services.chat.remotes.of(visitor.owner)
        if urls and (remote is None or urls != {remote.server.url}):
            raise InputError(
                f"This plan speaks with {', '.join(sorted(urls))}. Connect to it on the Chat tab, then start again.",
                f"この計画は {'、'.join(sorted(urls))} のモデルを使います。"
                "「話す」タブでつないでから、もう一度始めてください。",
            )
        return remote.server.key if urls and remote else ""

    def _estimate(self, plan: Plan) -> Estimate:
        tokenizer = bundled_tokenizer()  # the encoder does not keep it
        windows: dict[Side, int] = {"persona": plan.persona_backend.tokens(), "user": plan.user_backend.tokens()}
        return estimate(plan, encoder_for(tokenizer).size, windows)

    def _taken(
        self, visitor: Visitor, cached: str | None, kind: str
    ) -> tuple[None, OutputValue, OutputValue, OutputValue]:
        if not cached:
            return None, gr.skip(), gr.skip(), gr.skip()
        name = Path(cached).name
        path = self.services.take_upload(visitor, cached)
        try:
            users = read_users(path) if kind == "users" else None
            openings = read_openings(path) if kind == "openings" else None
        except AppError:
            path.unlink(missing_ok=True)
            raise
        words = plan_view.people_words(users, openings, name, visitor.language)[kind]
        return None, str(path), words, gr.Button(visible=True)


def built_in_words(language: str, spoken: str = "") -> dict[str, str]:
    """The lines on the people and questions that come with the app, in `language`; of dialogues in `spoken`."""
    users = read_users(built_in_file("simulated_users", spoken or language))
    openings = read_openings(built_in_file("openings", spoken or language))
    return dict(plan_view.people_words(users, openings, "", language))


def _start_button(progress: SynthProgress, plan: Plan, language: str) -> gr.Button:
    """What goes on with a plan, under the word that fits."""
    missing = progress.dialogues < plan.planned
    word = "resume" if progress.state in ("stopped", "killed", "failed") else "go_on" if progress.dialogues else "make"
    return gr.Button(t(language, f"create.{word}"), visible=missing and not progress.at_work)
