"""The dialog that asks which column is who: the records as they are, what can be chosen, and the first rows so read."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Literal, NamedTuple

import gradio as gr

from core.data.io.columns import ELSE, ColumnMapping, SpeakerRole
from core.data.io.load import UnknownColumns
from core.data.io.mappings import (
    longest_column,
    message_columns,
    message_keys,
    preview,
    speakers_of,
    suggested,
    suggested_flat,
    suggested_keys,
    suggested_speakers,
)
from core.data.rows import Row
from tabs.ui import html_parts
from tabs.ui.form import Control, Form, PagePart
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

SHOWN, LONGEST = 2, 160  # records; letters of a value
MappingKind = Literal["columns", "messages", "records"]


@dataclass(frozen=True)
class WaitingSet:
    """A data set that waits for an answer."""

    id: str
    """Of `core.data.io.waiting`."""
    called: str
    persona: str
    found: UnknownColumns
    made: str = ""
    """The data set that a remembered mapping made of it."""


@dataclass(frozen=True)
class MappingForm(Form):
    """What is chosen. A cleared field is None."""

    kind: MappingKind
    user: str | None
    assistant: str | None
    system: str | None
    messages: str | None
    group: str | None
    order: str | None
    who: str | None
    said: str | None
    users: list[str] | None
    personas: list[str] | None
    systems: list[str] | None

    def mapping(self, found: UnknownColumns) -> ColumnMapping:
        """What the form says of these columns."""
        if self.kind == "columns":
            return ColumnMapping(user=self.user or "", assistant=self.assistant or "", system=self.system or "")
        plain = self.plain
        lists: dict[SpeakerRole, list[str] | None] = {
            "user": self.users, "assistant": self.personas, "system": self.systems
        }  # fmt: skip
        chosen: dict[str, SpeakerRole] = {name: role for role, names in lists.items() for name in names or ()}
        others: SpeakerRole = chosen.pop(ELSE, "left_out")
        roles: dict[str, SpeakerRole] = {name: chosen.get(name, others) for name in speakers_of(found.records, plain)}
        return replace(plain, roles=(*roles.items(), (ELSE, others)))

    @property
    def plain(self) -> ColumnMapping:
        """Where messages and their parts stand, without who is who."""
        who, said = self.who or "", self.said or ""
        if self.kind == "messages":
            return ColumnMapping(messages=self.messages or "", who=who, said=said)
        return ColumnMapping(who=who, said=said, group=self.group or "", order=self.order or "")

    @classmethod
    def from_mapping(cls, mapping: ColumnMapping, found: UnknownColumns) -> "MappingForm":
        """The form that says `mapping`."""
        named = [(name, role) for name, role in mapping.roles if name != ELSE or role != "left_out"]
        kind: MappingKind = "columns"
        if mapping.one_message_a_record:
            kind = "records"
        elif mapping.messages or (not mapping.assistant and message_columns(found.records)):
            kind = "messages"
        return cls(
            kind, mapping.user, mapping.assistant, mapping.system, mapping.messages, mapping.group, mapping.order,
            mapping.who, mapping.said,
            *([name for name, own in named if own == role] for role in ("user", "assistant", "system")),
        )  # fmt: skip


class Dialog(NamedTuple):
    """A value for each output of the dialog."""

    waiting: object
    panel: object
    again: object
    records: object
    kind: object
    user: object
    assistant: object
    system: object
    messages: object
    group: object
    order: object
    who: object
    said: object
    users: object
    personas: object
    systems: object
    in_columns: object
    in_messages: object
    preview: object


UNCHANGED = Dialog(*(gr.skip() for _ in Dialog._fields))


def closed() -> Dialog:
    """Nothing waits."""
    return UNCHANGED._replace(waiting=None, panel=gr.Column(visible=False), again=gr.Row(visible=False))


def may_choose_again(waiting: WaitingSet) -> Dialog:
    """A remembered mapping was used; the file waits in case it was wrong."""
    return closed()._replace(waiting=waiting, again=gr.Row(visible=True))


def opened(waiting: WaitingSet, mapping: ColumnMapping | None, language: str) -> Dialog:
    """The question, with `mapping` or a guess filled in."""
    found = waiting.found
    form = MappingForm.from_mapping(mapping or suggested(found.records), found)
    return UNCHANGED._replace(
        waiting=waiting, panel=gr.Column(visible=True), again=gr.Row(visible=False),
        records=records_html(waiting, language), **_drawn(form, found, language),
    )  # fmt: skip


def _drawn(form: MappingForm, found: UnknownColumns, language: str) -> dict[str, object]:
    """All that hangs on what is chosen."""
    columns = [(t(language, "sets.map_none"), ""), *((name, name) for name in found.columns)]
    lists = message_columns(found.records)
    flat = form.kind == "records"
    keys = list(found.columns) if flat else message_keys(found.records, form.messages or "")
    speakers = speakers_of(found.records, form.plain) if form.kind != "columns" else []
    names = [*((name, name) for name in speakers), (t(language, "sets.map_else"), ELSE)]
    offered = ("columns", "messages", "records") if lists else ("columns", "records")
    kinds = [(t(language, f"sets.map_kind_{kind}"), kind) for kind in offered]
    return {
        "kind": gr.Radio(choices=kinds, value=form.kind),
        **{name: gr.Dropdown(choices=columns, value=getattr(form, name)) for name in ("user", "assistant", "system")},
        "messages": gr.Dropdown(choices=lists, value=form.messages or None, visible=not flat),
        "group": gr.Dropdown(choices=columns, value=form.group or "", visible=flat),
        "order": gr.Dropdown(choices=columns, value=form.order or "", visible=flat),
        "who": gr.Dropdown(choices=keys, value=form.who or None),
        "said": gr.Dropdown(choices=keys, value=form.said or None),
        **{
            name: gr.Dropdown(choices=names, value=getattr(form, name), multiselect=True)
            for name in ("users", "personas", "systems")
        },
        "in_columns": gr.Column(visible=form.kind == "columns"),
        "in_messages": gr.Column(visible=form.kind != "columns"),
        "preview": preview_html(found, form.mapping(found), language),
    }


def records_html(waiting: WaitingSet, language: str) -> str:
    """What was found: a sentence, and the first records with all their columns."""
    found = waiting.found
    names = ("・" if language == "ja" else ", ").join(found.columns[:20])
    title = t(language, "sets.map_found", name=waiting.called, columns=names)
    shown = "".join(
        '<dl class="record">'
        + "".join(f"<dt>{escape(str(name))}</dt><dd>{escape(_short(value))}</dd>" for name, value in record.items())
        + "</dl>"
        for record in found.records[:SHOWN]
    )
    return f'<p>{escape(title)}</p><div class="records" tabindex="0">{shown}</div>'


def preview_html(found: UnknownColumns, mapping: ColumnMapping, language: str) -> str:
    """The first rows as bubbles and how many can be read; or what is missing."""
    if not mapping.assistant and not any(role == "assistant" for _, role in mapping.roles):
        return html_parts.empty(t(language, "sets.map_no_persona"), t(language, "sets.map_no_persona_hint"))
    seen = preview(found.records, mapping)
    if not seen.rows:
        why = t(language, "sets.map_nothing_why", why=seen.why) if seen.why else t(language, "sets.map_nothing_hint")
        return html_parts.empty(t(language, "sets.map_nothing"), why)
    key = "sets.map_reads_talks" if mapping.one_message_a_record else "sets.map_reads"
    reads = t(language, key, n=f"{seen.read:,}", all=f"{seen.all:,}")
    rows = "<hr>".join(_row(row, language) for row in seen.rows)
    return f'<p class="muted num" role="status">{escape(reads)}</p><div class="row-scroll" tabindex="0">{rows}</div>'


def _row(row: Row, language: str) -> str:
    system = f'<p class="muted">{escape(t(language, "sets.map_system_text", text=row.system))}</p>' * bool(row.system)
    return system + "".join(
        html_parts.bubbles((turn,), "learned" if row.is_trained(k) else "context") for k, turn in enumerate(row.turns)
    )


def _short(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@dataclass(frozen=True)
class MappingHandlers:
    """What changes in the dialog while somebody chooses."""

    services: Services

    @handler
    def choose(self, visitor: Visitor, waiting: WaitingSet | None, form: MappingForm) -> tuple[object, object, str]:
        """(fields for columns, fields for messages, preview)."""
        if waiting is None:
            return gr.skip(), gr.skip(), ""
        drawn = _drawn(form, waiting.found, visitor.language)
        return drawn["in_columns"], drawn["in_messages"], str(drawn["preview"])

    @handler
    def choose_list(self, visitor: Visitor, waiting: WaitingSet | None, form: MappingForm) -> Dialog:
        """Another kind, another column of messages, or another key for who: the rest is guessed anew."""
        if waiting is None:
            return UNCHANGED
        found = waiting.found
        if form.kind == "columns":
            return UNCHANGED._replace(**_drawn(form, found, visitor.language))
        flat = form.kind == "records"
        form = form if flat else replace(form, messages=form.messages or next(iter(message_columns(found.records)), ""))
        keys = list(found.columns) if flat else message_keys(found.records, form.messages or "")
        who, said = ((key if key in keys else "") for key in (form.who, form.said))
        kept = replace(form.plain, who=who or "", said=said or "")
        if not kept.said:
            kept = _guessed(found, kept)
        guessed = MappingForm.from_mapping(suggested_speakers(found.records, kept), found)
        return UNCHANGED._replace(**_drawn(replace(guessed, kind=form.kind), found, visitor.language))


def _guessed(found: UnknownColumns, chosen: ColumnMapping) -> ColumnMapping:
    """What stands where in messages of which nothing is known yet."""
    if chosen.messages:
        return suggested_keys(found.records, chosen.messages)
    flat = suggested_flat(found.records)
    return flat if flat.said else replace(flat, said=longest_column(found.records))


def build(services: Services, key: gr.BrowserState) -> tuple[dict[str, PagePart], dict[str, gr.Button]]:
    """The dialog, hidden: (its components under the names of Dialog's fields, its buttons)."""
    part: dict[str, PagePart] = {"waiting": gr.State(None)}
    buttons: dict[str, gr.Button] = {}
    with gr.Row(visible=False, elem_classes="actions", elem_id="data-map-again-row") as part["again"]:
        buttons["again"] = gr.Button(t_client("sets.map_again"), size="sm", elem_id="data-map-again")
    with gr.Column(visible=False, elem_classes="bare", elem_id="data-map") as part["panel"]:
        gr.Markdown(t_heading("sets.map_title"), elem_classes="title")
        part["records"] = gr.HTML(padding=False, elem_id="data-map-records")
        with gr.Row(elem_classes="saved"):
            with gr.Column(min_width=260, elem_classes="bare"):
                fields = _fields(part)
            with gr.Column(min_width=260, elem_classes="bare"):
                part["preview"] = gr.HTML(padding=False, elem_id="data-map-preview")
        with gr.Row(elem_classes="actions"):
            buttons["read"] = gr.Button(
                t_client("sets.map_read"), variant="primary", size="sm", elem_id="data-map-read"
            )
            buttons["cancel"] = gr.Button(t_client("sets.map_cancel"), size="sm", elem_id="data-map-cancel")
    part |= fields
    _listen(MappingHandlers(services), part, fields, key)
    return part, buttons


def _fields(part: dict[str, PagePart]) -> dict[str, Control]:
    """The components of MappingForm's fields; their two columns are added to `part`."""
    fields: dict[str, Control] = {}
    fields["kind"] = gr.Radio(choices=[], label=t_client("sets.map_kind"), elem_id="data-map-kind")
    with gr.Column(elem_classes="bare") as part["in_columns"]:
        for name in ("user", "assistant", "system"):
            fields[name] = gr.Dropdown(choices=[], label=t_client(f"sets.map_{name}"), elem_id=f"data-map-{name}")
    with gr.Column(visible=False, elem_classes="bare") as part["in_messages"]:
        for name in ("messages", "group", "order", "who", "said"):
            fields[name] = gr.Dropdown(choices=[], label=t_client(f"sets.map_{name}"), elem_id=f"data-map-{name}")
        for name in ("users", "personas", "systems"):
            fields[name] = gr.Dropdown(choices=[], multiselect=True, label=t_client(f"sets.map_{name}"),
                                       elem_id=f"data-map-{name}")  # fmt: skip
        gr.Markdown(t_client("sets.map_left_out"), elem_classes="muted")
    return fields


def _listen(
    handlers: MappingHandlers, part: Mapping[str, PagePart], fields: Mapping[str, Control], key: gr.BrowserState
) -> None:
    chosen = [key, part["waiting"], *MappingForm.inputs(fields)]
    drawn = [part["in_columns"], part["in_messages"], part["preview"]]
    plain = ("user", "assistant", "system", "group", "order", "said", "users", "personas", "systems")
    gr.on([fields[name].input for name in plain], handlers.choose, chosen, drawn, trigger_mode="always_last", **EVENT)
    every = [part[name] for name in Dialog._fields]
    gr.on([fields[name].input for name in ("kind", "messages", "who")], handlers.choose_list, chosen, every,
          trigger_mode="always_last", **EVENT)  # fmt: skip
