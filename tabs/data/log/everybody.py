"""A group's log in one click: a talk of everybody in it, or a data set of each."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import gradio as gr

from core.chat.conversation import Conversation
from core.chat.group import NO_GROUP, Member
from core.data.profile import typing_pace
from core.errors import AppError, InputError
from core.files import safe_name
from tabs.data.data_context import DataHandlers
from tabs.data.log.log_group import LogVoice, speakers, voices
from tabs.data.log.without_training import persona_of_rows
from tabs.data.page import Page
from tabs.data.sets import saved_sets
from tabs.ui import html_parts
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

SentenceReport = Callable[[str], None]
UNCHANGED = (gr.skip(), gr.skip())


class EverybodyHandlers(DataHandlers):
    """Takes the people of the open log one by one. Each yields what is under way, then what was made."""

    @handler
    def talk(self, visitor: Visitor, log: str) -> Iterator[tuple]:
        """(progress, id of a new talk of everybody, the way there)."""
        for step in self._worked(visitor, lambda report: self._gathered(visitor, log, report)):
            if isinstance(step, Result):
                talk = step.value
                inform(
                    visitor.language, "group.made", names=t(visitor.language, "group.between").join(talk.group.names)
                )
                yield "", talk.id, gr.Tabs(selected="talk")
            else:
                yield step, *UNCHANGED

    @handler
    def keep(self, visitor: Visitor, log: str) -> Iterator[tuple]:
        """(progress, list of data sets, their card): the rows of each become a data set of their own."""
        for step in self._worked(visitor, lambda report: self._kept(visitor, log, report)):
            if isinstance(step, Result):
                inform(visitor.language, "group.kept", names=t(visitor.language, "group.between").join(step.value))
                yield "", *saved_sets.listed(self.services, visitor, step.value[0])
            else:
                yield step, *UNCHANGED

    def _worked(self, visitor: Visitor, work: Callable[[SentenceReport], object]) -> Iterator:
        """What is under way as HTML, then the Result; an error also ends the sign of work."""
        try:
            for step in with_progress(work):
                yield step if isinstance(step, Result) else html_parts.working(str(step))
        except AppError as error:
            yield in_words(error, visitor.language)
            raise

    def _gathered(self, visitor: Visitor, log: str, report: SentenceReport) -> Conversation:
        services, group, you = self.services, NO_GROUP, self._user(visitor)
        names = speakers(self.context.opened(visitor, log))
        for voice in self._voices(visitor, log, report):
            others = [you, *(name for name in names if name not in (voice.name, you))]
            among = "" if voice.prepared.recipe.private else t(visitor.language, "group.between").join(others)
            made = persona_of_rows(self.context, visitor, voice.opened, voice.prepared, user=you, among=among)
            group = group.with_member(Member(made.id, made.name), you)
        talk = services.conversations.new(group.members[0].persona).with_group(group)
        return services.conversations.save(visitor.owner, talk)

    def _kept(self, visitor: Visitor, log: str, report: SentenceReport) -> list[str]:
        kept = []
        for voice in self._voices(visitor, log, report):
            name = safe_name(f"{voice.name}-{voice.opened.log.format.id}", "dataset")
            kept.append(self.services.datasets.save(
                visitor.owner, name, voice.prepared, description=voice.opened.description, model=voice.opened.model,
                typing=typing_pace(voice.opened.log.messages, voice.name),
            ).folder.name)  # fmt: skip
        return kept

    def _voices(self, visitor: Visitor, log: str, report: SentenceReport) -> list[LogVoice]:
        """Everybody with rows. Raises where those are fewer than two."""
        opened, _ = self.context.with_rows(visitor, log)
        report(t(visitor.language, "group.making", name=opened.persona))
        found = []
        read = lambda choices: self.context.read(visitor, choices, lambda _: None)  # noqa: E731
        for voice in voices(opened, self.services.chat.profiles.get(visitor.owner).name, read):
            report(t(visitor.language, "group.making", name=voice.name))
            found.append(voice)
        if len(found) < 2:
            raise InputError(
                f"Of the people in this log, only {len(found)} wrote enough to learn from. Choose one person instead.",
                f"この記録で十分に書いている人は {len(found)} 人だけです。一人を選んで使ってください。",
            )
        return found

    def _user(self, visitor: Visitor) -> str:
        return self.services.chat.profiles.get(visitor.owner).name or t(visitor.language, "persona.you")


class EverybodyParts(NamedTuple):
    """The two buttons."""

    talk: gr.Button
    keep: gr.Button


def build(page: Page) -> EverybodyParts:
    """The card, which shows for the log of a group; adds it to `page`."""
    with gr.Column(elem_classes="card", visible=False, elem_id="data-everybody") as page["everybody"]:
        gr.Markdown(t_heading("group.log"), elem_classes="title")
        talk = gr.Button(t_client("group.log_talk"), size="sm", elem_id="data-group-talk")
        gr.Markdown(t_client("group.log_talk_what"), elem_classes="muted")
        keep = gr.Button(t_client("group.log_keep"), size="sm", elem_id="data-group-keep")
        gr.Markdown(t_client("group.log_keep_what"), elem_classes="muted")
    return EverybodyParts(talk, keep)


def wire(
    handlers: EverybodyHandlers, shared: Shared, page: Page, parts: EverybodyParts, saved: gr.Radio, card: gr.Column
) -> None:
    """The events; `saved` and `card` are the list of data sets and its card."""
    inputs, progress = [shared.key, page["log"]], page["progress"]
    parts.talk.click(handlers.talk, inputs, [progress, shared.conversation, shared.tabs], **EVENT)
    parts.keep.click(handlers.keep, inputs, [progress, saved, card], **EVENT)
