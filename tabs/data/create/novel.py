"""The part "from prose" of the Data tab: who says each quoted line is proposed, corrected, and becomes a data set."""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.data.io.store import prompt_config_for
from core.data.prepare import prepare
from core.data.recipe import Recipe
from core.errors import AppError, InputError
from core.files import safe_name
from core.logs.parsing.decode import decode
from core.prompt import token_counter
from core.settings import ROOT
from core.synth.judge_answers import structured
from core.synth.novel import propose, read_script, script, script_log
from core.synth.prose import clean_prose
from tabs.data.sets.saved_sets import listed
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.upload_button import build_upload
from tabs.ui.visitor import Visitor

LONGEST = 200_000  # letters of prose
SAMPLE, SAMPLE_PEOPLE = ROOT / "datasets" / "sample_novel_tea_party.txt", "Alice, March Hare, Hatter, Dormouse"
SHARED_OUT = Recipe(shape="window", turns=4)


@dataclass(frozen=True)
class NovelHandlers:
    """Proposes and saves."""

    services: Services

    @handler
    def take(self, visitor: Visitor, cached: str | None) -> tuple[None, str | dict, str | dict]:
        """(the field, cleared; the text of the file; what has to be said of it)."""
        if not cached:
            return None, gr.skip(), gr.skip()
        path = self.services.take_upload(visitor, cached)
        try:
            read = decode(path.read_bytes())
        finally:
            path.unlink(missing_ok=True)
        text = clean_prose(read.text)
        said = [read.warning.in_language(visitor.language)] if read.warning else []
        if len(text) > LONGEST:
            said.append(t(visitor.language, "create.novel_cut", n=f"{LONGEST:,}", of=f"{len(text):,}"))
        return None, text[:LONGEST], "".join(f'<p class="warn" role="status">{escape(one)}</p>' for one in said)

    @handler
    def sample(self, visitor: Visitor) -> tuple[str, str]:
        """(prose, names) to try it with."""
        return clean_prose(SAMPLE.read_text(encoding="utf-8")), SAMPLE_PEOPLE

    @handler
    def propose(self, visitor: Visitor, prose: str | None, people: str | None) -> Iterator[tuple]:
        """(how it goes, the script, who may be learned, the part below)."""
        language, names = visitor.language, _names(people or "")
        stop = threading.Event()

        def ask(system: str, question: str, schema: Mapping[str, object]) -> str:
            return structured(self.services.models, system, question, schema, stop)[1]

        def work(report: Callable[[tuple[int, int]], None]) -> str:
            return script(propose((prose or "")[:LONGEST], names, ask, lambda n, of: report((n, of))))

        try:
            for step in with_progress(work):
                if not isinstance(step, Result):
                    said = t(language, "create.novel_proposing", n=step[0] + 1, of=step[1])
                    yield html_parts.working(said), gr.skip(), gr.skip(), gr.skip()
                    continue
                lines = read_script(step.value)
                said = t(language, "create.novel_proposed", n=len(lines))
                done = f'<p class="good" role="status">{escape(said)}</p>'
                yield done, step.value, gr.Dropdown(choices=names, value=names[0]), gr.Column(visible=True)
        except AppError as error:
            yield in_words(error, language), gr.skip(), gr.skip(), gr.skip()
            raise
        finally:
            stop.set()

    @handler
    def make(self, visitor: Visitor, text: str | None, who: str | None) -> tuple:
        """(what was kept, list of data sets, their card, the data set to train on, the way there)."""
        lines, loaded = read_script(text or ""), self.services.models.current()
        if who not in {line.speaker for line in lines}:
            raise InputError(
                f"“{who or ''}” says nothing in the script. Choose who is learned.",
                f"「{who or ''}」の台詞がありません。学習する人を選んでください。",
            )
        config = prompt_config_for(None, context_window=loaded.context, persona=who or "", description="")
        prepared = prepare(
            script_log(lines, "prose"), who or "", counter=token_counter(config, loaded.tokenizer),
            budget=loaded.context, recipe=SHARED_OUT,
        )  # fmt: skip
        name = safe_name(f"{who}-prose", "prose")
        saved = self.services.datasets.save(visitor.owner, name, prepared, description="", model=loaded.name)
        made = t(visitor.language, "create.novel_made", name=saved.info.name, n=f"{saved.info.train_rows:,}")
        kept = f'<p class="good" role="status">{escape(made)}</p>'
        return kept, *listed(self.services, visitor, saved.info.name), saved.info.name, gr.Button(visible=True)


def _names(people: str) -> list[str]:
    return [name.strip() for name in people.replace("、", ",").replace("，", ",").split(",") if name.strip()]


def build(services: Services, shared: Shared, saved: gr.Radio, card: gr.Column) -> None:
    """`saved` and `card` are the list of saved data sets and its card."""
    handlers = NovelHandlers(services)
    with gr.Row(elem_classes="columns", elem_id="novel-page"):
        with gr.Column(scale=8, min_width=300, elem_classes="card"):
            gr.Markdown(t_heading("create.novel_title"), elem_classes="big")
            gr.Markdown(t_client("create.novel_what"), elem_classes="muted")
            prose = gr.Textbox(label=t_client("create.novel_text"), lines=12, max_lines=18, elem_id="novel-text")
            with gr.Row(elem_classes="actions"):
                file = build_upload("create.novel_file", "novel-file", types=[".txt", ".md"])
                sample = gr.Button(t_client("create.novel_sample"), size="sm", elem_id="novel-sample")
            people = gr.Textbox(label=t_client("create.novel_people"), info=t_client("create.novel_people_info"),
                                max_lines=1, elem_id="novel-people")  # fmt: skip
            ask = gr.Button(t_client("create.novel_propose"), variant="primary", elem_id="novel-propose")
            state = gr.HTML(padding=False, elem_id="novel-state")
        with gr.Column(scale=10, min_width=300, elem_classes="card", visible=False, elem_id="novel-review") as below:
            text = gr.Textbox(label=t_client("create.novel_script"), lines=16, max_lines=28, elem_id="novel-script")
            who = gr.Dropdown(choices=[], label=t_client("create.novel_who"), elem_id="novel-who")
            make = gr.Button(t_client("create.novel_make"), variant="primary", elem_id="novel-make")
            made = gr.HTML(padding=False, elem_id="novel-made")
            learn = gr.Button(t_client("create.learn"), visible=False, elem_id="novel-learn")
    name = gr.State("")
    file.upload(handlers.take, [shared.key, file], [file, prose, state], **EVENT)
    sample.click(handlers.sample, shared.key, [prose, people], **EVENT)
    ask.click(handlers.propose, [shared.key, prose, people], [state, text, who, below], **EVENT)
    make.click(handlers.make, [shared.key, text, who], [made, saved, card, name, learn], **EVENT)
    learn.click(lambda made: (made, gr.Tabs(selected="train")), name, [shared.dataset, shared.tabs], **EVENT)
