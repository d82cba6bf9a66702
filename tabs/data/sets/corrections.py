"""What was corrected in chats: rewritten replies become rows of a data set, preferred versions pairs to train on."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from core.chat.conversation import Conversation
from core.chat.corrections import Correction, add_rows, corrections, keep_pairs
from core.chat.group import Member
from core.data.preferences import Preferences
from core.errors import InputError
from core.messages import Turn
from core.personas import Persona
from core.prompt import Prompt
from tabs.data.sets.saved_sets import listed
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

MOST_TALKS, MOST_SHOWN = 500, 30
NEW = ""
CorrectionPersona = str  # a persona's id and an adapter's name, of which one may be empty


@dataclass(frozen=True)
class CorrectionHandlers:
    """Reads the visitor's conversations; hands what was corrected in them to training."""

    services: Services

    @handler
    def show(self, visitor: Visitor, who: CorrectionPersona | None) -> tuple[gr.Dropdown, str, gr.Dropdown, gr.Column]:
        """(whose, the list, data sets to add to, the buttons), for `who` or the one with the newest correction."""
        found = self._found(visitor)
        shown = found.get(who or "", [])
        if not shown:
            who, shown = next(iter(found.items()), (None, shown))
        choices = [(f"{self._persona(visitor, one).name} ({len(of)})", one) for one, of in found.items()]
        sets = [saved.folder.name for saved in self.services.datasets.list_all(visitor.owner)]
        targets = [(t(visitor.language, "corrections.new"), NEW), *((name, name) for name in sets)]
        return (
            gr.Dropdown(choices=choices, value=who, visible=len(found) > 1),
            self._drawn(visitor, shown),
            gr.Dropdown(choices=targets, value=NEW),
            gr.Column(visible=bool(found)),
        )

    @handler
    def add(self, visitor: Visitor, who: CorrectionPersona | None, to: str | None) -> tuple[gr.Radio, gr.Column]:
        """Rewritten replies become rows: (list of data sets, their card)."""
        persona = self._persona(visitor, who)
        rewritten = [one for one in self._found(visitor).get(who or "", ()) if one.rewritten]
        saved = add_rows(self.services.datasets, visitor.owner, rewritten, to=to or NEW, persona=persona.name,
                         description=persona.description)  # fmt: skip
        inform(visitor.language, "corrections.added", n=len(rewritten), name=saved.folder.name)
        return listed(self.services, visitor, saved.folder.name)

    @handler
    def prefer(self, visitor: Visitor, who: CorrectionPersona | None) -> None:
        """All of it becomes pairs for preference tuning; none comes twice."""
        persona = self._persona(visitor, who)
        pairs = [one.pair(persona.name) for one in self._found(visitor).get(who or "", ())]
        new = keep_pairs(Preferences(self.services.workspace), visitor.owner, pairs)
        inform(visitor.language, "corrections.kept", n=new, all=len(pairs))

    def _found(self, visitor: Visitor) -> dict[CorrectionPersona, list[Correction]]:
        """What was corrected, by whom one talked with, the newest talk first."""
        found: dict[CorrectionPersona, list[Correction]] = {}
        for talk in self.services.conversations.list_all(visitor.owner, most=MOST_TALKS):
            for lesson in corrections([talk], lambda member: self._user(visitor, member)):
                found.setdefault(_who(talk, lesson), []).append(lesson)
        return found

    def _user(self, visitor: Visitor, member: Member) -> str:
        try:
            return self.services.chat.user_of(visitor.owner, member, visitor.language)
        except InputError:  # the persona was deleted
            return ""

    def _persona(self, visitor: Visitor, who: CorrectionPersona | None) -> Persona:
        persona, _, adapter = (who or "/").partition("/")
        try:
            return self.services.chat.persona(visitor.owner, persona, adapter, visitor.language)
        except InputError:  # it was deleted; what was said with it is still there
            return Persona(persona or adapter, "")

    def _drawn(self, visitor: Visitor, lessons: Sequence[Correction]) -> str:
        language = visitor.language
        if not lessons:
            return html_parts.empty(t(language, "corrections.none"), t(language, "corrections.none_hint"))
        items = "".join(self._item(visitor, lesson) for lesson in lessons[:MOST_SHOWN])
        more = t(language, "corrections.more", n=len(lessons) - MOST_SHOWN) if len(lessons) > MOST_SHOWN else ""
        return f'<div class="lessons">{items}</div><p class="muted">{escape(more)}</p>'

    def _item(self, visitor: Visitor, lesson: Correction) -> str:
        language = visitor.language
        kind = t(language, "corrections.rewritten" if lesson.rewritten else "corrections.preferred")
        asked = html_parts.bubbles([turn for turn in lesson.context[-1:] if turn.role == "user"])
        better = html_parts.bubbles([Turn("assistant", lesson.chosen)])
        worse = html_parts.bubbles([Turn("assistant", lesson.rejected)], "context worse")
        kept = self.services.conversations.prompt_of(visitor.owner, lesson.conversation, lesson.node)
        given = Prompt.from_json(kept).text if kept else t(language, "corrections.no_prompt")
        head = escape(t(language, "corrections.prompt"))
        fold = f"<details><summary>{head}</summary><pre>{escape(given)}</pre></details>"
        return f'<section><small class="muted">{escape(kind)}</small>{asked}{worse}{better}{fold}</section>'


def _who(talk: Conversation, lesson: Correction) -> CorrectionPersona:
    spoke = talk.group.member(lesson.speaker) or talk
    return f"{spoke.persona}/{'' if spoke.persona else spoke.adapter}"


def build(services: Services, shared: Shared, saved: gr.Radio, card: gr.Column) -> None:
    """The card; `saved` and `card` are the list of data sets and its card, which a new data set changes."""
    handlers = CorrectionHandlers(services)
    with gr.Column(elem_classes="card", elem_id="corrections"):
        gr.Markdown(t_heading("corrections.title"), elem_classes="title")
        gr.Markdown(t_client("corrections.info"), elem_classes="muted")
        who = gr.Dropdown(choices=[], label=t_client("corrections.who"), visible=False, elem_id="corrections-who")
        lessons = gr.HTML(padding=False, elem_id="corrections-list")
        with gr.Column(visible=False) as acts, gr.Row():
            target = gr.Dropdown(
                choices=[], label=t_client("corrections.target"), scale=3, elem_id="corrections-target"
            )
            add = gr.Button(t_client("corrections.add"), size="sm", variant="primary", elem_id="corrections-add")
            prefer = gr.Button(t_client("corrections.prefer"), size="sm", elem_id="corrections-prefer")
    shown = [who, lessons, target, acts]
    gr.on([shared.tabs.select, who.input], handlers.show, [shared.key, who], shown, **EVENT)
    add.click(handlers.add, [shared.key, who, target], [saved, card], **EVENT)
    prefer.click(handlers.prefer, [shared.key, who], None, **EVENT)
