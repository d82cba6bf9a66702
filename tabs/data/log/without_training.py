"""Talk at once: a persona made of the open log, without any training."""

from collections import Counter
from collections.abc import Iterator

import gradio as gr

from core.data.open_log import OpenLog
from core.data.prepare import Prepared
from core.data.profile import profile
from core.logs.log import Log
from core.memory.turns import Dated, Turns
from core.messages import Kind
from core.personas import Persona
from core.personas.from_log import persona_of
from core.prompt.encoder import encoder_for
from tabs.data.data_context import DataContext, DataHandlers
from tabs.ui.handler import EVENT, handler
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

EXAMPLES_SHARE = 0.2  # of the window, for exchanges of the log


class WithoutTraining(DataHandlers):
    """Makes a persona and opens a talk with it."""

    @handler
    def talk(self, visitor: Visitor, log: str) -> tuple[str, gr.Tabs]:
        """(id of a new conversation with the log's persona, the way there)."""
        services, persona = self.services, persona_of_log(self.context, visitor, log)
        inform(visitor.language, "data.talk_made", name=persona.name)
        conversation = services.chat.open_conversation(visitor.owner, visitor.language, persona=persona.id)
        return conversation.id, gr.Tabs(selected="talk")


def persona_of_log(context: DataContext, visitor: Visitor, log: str) -> Persona:
    """A persona of the open log, kept with what was said. Raises the reason where there are no rows."""
    opened, prepared = context.with_rows(visitor, log)
    you = t(visitor.language, "persona.you")
    other = you if prepared.recipe.private else _other(opened) or you
    return persona_of_rows(context, visitor, opened, prepared, user=other)


def persona_of_rows(
    context: DataContext, visitor: Visitor, opened: OpenLog, prepared: Prepared, *, user: str, among: str = ""
) -> Persona:
    """A persona of somebody in a log, kept with what was said; `among`: everybody it talks with beside `user`."""
    services, language = context.services, visitor.language
    loaded = services.models.current()
    codec = encoder_for(loaded.tokenizer)
    rows = [row.turns for row in prepared.train]
    seen = profile(opened.log, opened.persona, gap_minutes=prepared.gap_minutes)
    made = persona_of(seen, rows, other=user, language=language, room=int(EXAMPLES_SHARE * loaded.context),
                      size=codec.size, among=among)  # fmt: skip
    persona = services.personas.save(visitor.owner, made)
    remembered = Turns(services.memory.store(visitor.owner))
    remembered.keep_log(persona.id, f"log {opened.log.file_name}", dated_turns(opened.log, prepared))
    return persona


def dated_turns(log: Log, prepared: Prepared) -> Iterator[Dated]:
    """What was said, as the rows have it (with stand-ins where they have them), each turn once, with its time."""
    seen: set[int] = set()
    for row in (*prepared.train, *prepared.validation, *prepared.test):
        for turn, positions in zip(row.turns, row.positions, strict=True):
            said = log.messages[positions[0]].time
            if said and positions[0] not in seen:
                seen.add(positions[0])
                yield turn.role, "\n".join(turn.messages), said


def _other(opened: OpenLog) -> str:
    """Who says most besides the persona."""
    said = Counter(m.sender for m in opened.log.messages if m.kind is Kind.TEXT and m.sender)
    return next((name for name, _ in said.most_common() if name != opened.persona), "")


def build(context: DataContext, shared: Shared, log: gr.State) -> None:
    """The button, with a sentence on what it does."""
    talk = gr.Button(t_client("data.talk_at_once"), size="sm", elem_id="data-talk")
    gr.Markdown(t_client("data.talk_at_once_what"), elem_classes="muted")
    talk.click(
        WithoutTraining(context).talk, [shared.key, log], [shared.conversation, shared.tabs],
        **EVENT,
    )  # fmt: skip
