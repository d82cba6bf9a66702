"""The panel of a talk's members: who takes part, who speaks next by which rule, and how many reply."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gradio as gr
from gradio.events import Dependency

from core.chat.conversation import Conversation
from core.chat.group import MOST_MEMBERS, ORDERS, Group, Member, SpeakerOrder
from core.personas import Persona
from tabs.talk import group_view
from tabs.talk.faces import face_of
from tabs.talk.handlers import TalkHandlers, stored
from tabs.talk.view import OUTPUTS
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

ADAPTER = "adapter:"  # before the name of an adapter among the ids of personas
SHY = 0.2  # talkativeness of a narrator
SCRIPT = """
const tell = (part, act, words = part.dataset.words ?? "") =>
  trigger("select", { act, name: part.closest("[data-member]")?.dataset.member ?? "", words });
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-act]");
  if (button) tell(button, button.dataset.act);
});
element.addEventListener("change", (event) => {
  if (event.target.type === "range") tell(event.target, "talkative", event.target.value);
});
"""


@dataclass(frozen=True)
class GroupHandlers:
    """Shows and changes who takes part in the conversation on the page. A change ends the reply under way."""

    services: Services
    talking: TalkHandlers

    @handler
    def show(self, visitor: Visitor, conversation: str) -> tuple:
        """The panel: values of GroupParts."""
        return self._panel(visitor, stored(self.services, visitor, conversation))

    @handler
    def act(self, visitor: Visitor, conversation: str, event: gr.EventData) -> tuple:
        """What a button of the panel asks for: (*the panel, *OUTPUTS)."""
        sent = event._data if isinstance(event._data, Mapping) else {}
        act, name, words = (str(sent.get(key) or "") for key in ("act", "name", "words"))
        if act == "add":
            return self._add(visitor, conversation, words)
        if act == "narrate":
            return self._narrate(visitor, conversation)
        if act == "remove":
            return self._change(visitor, conversation, lambda group: group.without(name))
        if act == "talkative" and words.isdecimal() and len(words) < 4:
            return self._change(visitor, conversation, lambda group: group.talkative(name, int(words) / 100))
        return (gr.skip(),) * (PANEL + len(OUTPUTS))

    @handler
    def rule(
        self, visitor: Visitor, conversation: str, order: SpeakerOrder, seed: float | None, answers: float | None,
        interrupts: bool,
    ) -> tuple:  # fmt: skip
        """Who speaks next, and how many: (*the panel, *OUTPUTS)."""
        kept = {
            "order": order if order in ORDERS else ORDERS[0],
            "seed": int(seed) if seed is not None else 0,
            "answers": min(max(int(answers), 1), MOST_MEMBERS) if answers is not None else 1,
            "interrupts": bool(interrupts),
        }
        now = group_of(self.services, visitor, stored(self.services, visitor, conversation))
        if replace(now, **kept) == now:  # a field was left as it was: a reply under way goes on
            return (gr.skip(),) * (PANEL + len(OUTPUTS))
        return self._change(visitor, conversation, lambda group: replace(group, **kept))

    def _add(self, visitor: Visitor, conversation: str, who: str) -> tuple:
        persona, adapter = ("", who.removeprefix(ADAPTER)) if who.startswith(ADAPTER) else (who, "")
        found = self.services.chat.persona(visitor.owner, persona, adapter, visitor.language)
        return self._join(visitor, conversation, Member(persona, found.name, adapter, found.talkativeness))

    def _narrate(self, visitor: Visitor, conversation: str) -> tuple:
        """A narrator joins, who is a persona like the others."""
        name, summary, description = (t(visitor.language, f"group.narrator_{part}")
                                      for part in ("name", "summary", "description"))  # fmt: skip
        entries = self.services.personas.entries(visitor.owner, visitor.language)
        known = next((one.id for one in entries if not one.built_in and one.name == name), "")
        persona = known or self.services.personas.save(visitor.owner, Persona(name, description, summary=summary)).id
        return self._join(visitor, conversation, Member(persona, name, talkativeness=SHY))

    def _join(self, visitor: Visitor, conversation: str, member: Member) -> tuple:
        def joined(group: Group) -> Group:
            return group.with_member(
                member, self.services.chat.user_of(visitor.owner, group.members[0], visitor.language)
            )

        return self._change(visitor, conversation, joined)

    def _change(self, visitor: Visitor, conversation: str, change: Callable[[Group], Group]) -> tuple:
        with self.talking.replies.lock(visitor, conversation):
            talk = self.talking.quiet(visitor, conversation)
            group = change(group_of(self.services, visitor, talk))
            talk = self.services.conversations.save(visitor.owner, talk.with_group(group))
        return *self._panel(visitor, talk), *self.talking.whole(visitor, talk)

    def _panel(self, visitor: Visitor, talk: Conversation) -> tuple:
        group = group_of(self.services, visitor, talk)
        there = {one.name: group_view.persona_of(self.services, visitor, one) for one in group.members}
        faces = {name: face_of(self.services, visitor.owner, one) for name, one in there.items()}
        drawn = group_view.members(group, faces, {name: one.summary for name, one in there.items()}, visitor.language)
        if len(group.members) < MOST_MEMBERS:
            drawn += group_view.candidates(self._candidates(visitor, group), visitor.language)
        return drawn, gr.Column(visible=bool(group)), group.order, group.seed, group.answers, group.interrupts

    def _candidates(self, visitor: Visitor, group: Group) -> list[group_view.Invitee]:
        """Everybody who is not there yet."""
        here = {(one.persona, one.adapter) for one in group.members}
        services, found = self.services, []
        for entry in services.personas.entries(visitor.owner, visitor.language):
            if (entry.id, "") not in here:
                found.append(group_view.Invitee(entry.id, entry.name, face_of(services, visitor.owner, entry)))
        for adapter in services.adapters.list_all(visitor.owner):
            if adapter.prompt_config and ("", adapter.name) not in here:
                trained = Persona(adapter.prompt_config.persona, "")
                name = t(visitor.language, "group.add_adapter", name=trained.name, adapter=adapter.name)
                found.append(group_view.Invitee(f"{ADAPTER}{adapter.name}", name,
                                                  face_of(services, visitor.owner, trained)))  # fmt: skip
        return found


def group_of(services: Services, visitor: Visitor, talk: Conversation) -> Group:
    """A talk's group, or the one that its persona is alone in."""
    if talk.group:
        return talk.group
    persona = services.chat.persona(visitor.owner, talk.persona, talk.adapter, visitor.language)
    return replace(talk.group, members=(Member(persona.id, persona.name, talk.adapter, persona.talkativeness),))


class GroupParts(NamedTuple):
    """The panel's components, which its handlers set in this order."""

    people: gr.HTML
    settings: gr.Column
    order: gr.Dropdown
    seed: gr.Number
    answers: gr.Number
    interrupts: gr.Checkbox


PANEL = len(GroupParts._fields)


def build() -> GroupParts:
    """The fold below the message box."""
    with gr.Accordion(t_client("group.title"), open=False, elem_id="group"):
        gr.Markdown(t_client("group.info"), elem_classes="muted")
        people = gr.HTML(padding=False, elem_id="group-people", js_on_load=SCRIPT, apply_default_css=False)
        with gr.Column(visible=False, elem_classes="bare") as settings:
            orders = [(t_client(f"group.order_{order}"), order) for order in ORDERS]
            order = gr.Dropdown(choices=orders, value=ORDERS[0], label=t_client("group.order"),
                                info=t_client("group.order_info"), elem_id="group-order")  # fmt: skip
            with gr.Row(elem_id="group-numbers"):
                answers = gr.Number(1, label=t_client("group.answers"), precision=0, minimum=1, maximum=MOST_MEMBERS,
                                    elem_id="group-answers", min_width=120)  # fmt: skip
                seed = gr.Number(0, label=t_client("group.seed"), precision=0, minimum=0, elem_id="group-seed",
                                 min_width=120)  # fmt: skip
            interrupts = gr.Checkbox(False, label=t_client("group.interrupts"), container=False,
                                     elem_id="group-interrupts")  # fmt: skip
    return GroupParts(people, settings, order, seed, answers, interrupts)


def wire(handlers: GroupHandlers, shared: Shared, parts: GroupParts, page: Mapping[str, Any]) -> list[Dependency]:
    """The events; `page` holds the components that OUTPUTS names. Returns those after which the members are others."""
    inputs, panel = [shared.key, shared.conversation], list(parts)
    changed = [*panel, *(page[name] for name in OUTPUTS)]
    shared.conversation.change(handlers.show, inputs, panel, **EVENT)
    rule = [*inputs, *parts[2:]]
    fields = [event for field in (parts.seed, parts.answers) for event in (field.blur, field.submit)]
    gr.on([parts.order.input, parts.interrupts.input, *fields], handlers.rule, rule, changed, **EVENT)
    return [parts.people.select(handlers.act, inputs, changed, **EVENT)]
