"""How the model is asked: the chat template it is given its messages in, a look at it, and templates of one's own."""

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from core.errors import AppError, InputError
from core.models.loading import LoadedModel
from core.prompt.chat_template import ChatTemplate, resolve_template
from core.prompt.own_templates import OwnTemplates
from core.prompt.template_names import AUTO, LONGEST_JINJA, OWN_NAME, is_jinja, label, source, template_names
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor

if TYPE_CHECKING:
    from gradio.events import Dependency

OWN = "own:"
OLDER = 5  # versions of an own template that can still be chosen
TemplateView = tuple[gr.Dropdown, str, str, str, gr.Button]
TALK = ("system", "user", "assistant", "user")


@dataclass(frozen=True)
class TemplateHandlers:
    """Shows, chooses and keeps templates; the choice is one owner's, for the loaded model."""

    services: Services

    @property
    def templates(self) -> OwnTemplates:
        return self.services.chat.templates

    @handler
    def show(self, visitor: Visitor) -> TemplateView:
        """(the list with the choice, how a talk looks in it, its Jinja, the name of an own one, its delete button)."""
        try:
            loaded = self.services.models.current()
        except AppError as error:
            hidden = gr.Button(visible=False)
            return gr.Dropdown(choices=[], value=None), muted(error.text.in_language(visitor.language)), "", "", hidden
        return self._shown(visitor, loaded)

    @handler
    def choose(self, visitor: Visitor, chosen: str | None) -> TemplateView:
        """Have the loaded model asked so from now on: as `show`."""
        loaded = self.services.models.current()
        wanted = self._wanted(visitor.owner, chosen or AUTO)
        resolve_template(loaded.tokenizer, wanted)
        self.templates.choose(visitor.owner, loaded.name, wanted)
        return self._shown(visitor, loaded)

    @handler
    def save(self, visitor: Visitor, name: str, jinja: str) -> TemplateView:
        """Keep what was written under a name, as a new version, and ask with it: as `show`."""
        loaded = self.services.models.current()
        if not (name or "").strip():
            raise InputError("Give the template a name first.", "先にテンプレートの名前を書いてください。")
        wanted = self.templates.save(visitor.owner, name, jinja or "", loaded.tokenizer)
        self.templates.choose(visitor.owner, loaded.name, wanted)
        inform(visitor.language, "template.saved", name=label(wanted))
        return self._shown(visitor, loaded)

    @handler
    def delete(self, visitor: Visitor, name: str) -> TemplateView:
        """Remove an own template with its versions; the model is asked as before there was one: as `show`."""
        loaded = self.services.models.current()
        if (name or "").strip() not in self.templates.names(visitor.owner):
            raise InputError(f"You have no template called “{name}”.", f"「{name}」というテンプレートはありません。")
        asked = self.templates.versions(visitor.owner, name.strip())
        self.templates.delete(visitor.owner, name.strip())
        if self.templates.chosen(visitor.owner, loaded.name) in asked:
            self.templates.choose(visitor.owner, loaded.name, AUTO)
        return self._shown(visitor, loaded)

    def _shown(self, visitor: Visitor, loaded: LoadedModel) -> TemplateView:
        owner, wanted = visitor.owner, self.templates.chosen(visitor.owner, loaded.name)
        own = {f"{OWN}{name}:{n}": version for name in self.templates.names(owner)
               for n, version in enumerate(self.templates.versions(owner, name), 1)}  # fmt: skip
        value = next((key for key, version in own.items() if version == wanted), wanted)
        if is_jinja(value):  # its file is gone, and the choice holds its text
            own[value := f"{OWN}{label(wanted)}"] = wanted
        choices = [(self._label(loaded, key, visitor.language), key) for key in self._general(loaded)]
        choices += [(label(version), key) for key, version in _newest(own, value).items()]
        template = resolve_template(loaded.tokenizer, wanted)
        jinja = OWN_NAME.sub("", source(wanted) or template.jinja, count=1)
        name = label(wanted).rpartition(", version ")[0] if is_jinja(wanted) else ""
        delete = gr.Button(visible=name in self.templates.names(owner))
        return gr.Dropdown(choices=choices, value=value), preview(template, visitor.language), jinja, name, delete

    def _general(self, loaded: LoadedModel) -> list[str]:
        return [AUTO, *(["model"] if loaded.tokenizer.chat_template else []), *template_names()]

    def _label(self, loaded: LoadedModel, key: str, language: str) -> str:
        if key == AUTO:
            found = resolve_template(loaded.tokenizer).name
            return t(language, "template.auto", name=t(language, "template.model") if found == "model" else found)
        return t(language, "template.model") if key == "model" else key

    def _wanted(self, owner: str, chosen: str) -> str:
        if not chosen.startswith(OWN):
            return chosen
        name, _, number = chosen.removeprefix(OWN).rpartition(":")
        versions = self.templates.versions(owner, name)
        if not number.isdigit() or not 1 <= int(number) <= len(versions):
            raise InputError(f"There is no template “{name}” any more.", f"テンプレート「{name}」はもうありません。")
        return versions[int(number) - 1]


def _newest(own: dict[str, str], chosen: str) -> dict[str, str]:
    """The last versions of each name, the newest first, and the chosen one."""
    by_name: dict[str, list[str]] = {}
    for key in own:
        by_name.setdefault(key.rpartition(":")[0], []).append(key)
    return {key: own[key] for keys in by_name.values() for key in reversed(keys)
            if key in keys[-OLDER:] or key == chosen}  # fmt: skip


def muted(text: str) -> str:
    return f'<p class="muted">{escape(text)}</p>'


def preview(template: ChatTemplate, language: str) -> str:
    """A short talk as this template writes it; what it adds is pale."""
    roles = TALK if template.takes_system else TALK[1:]
    words = [template.message_text(role, t(language, f"template.said_{role}")) for role in roles]
    names = (t(language, "template.persona"), t(language, "template.user"))
    parts = [
        f"<b>{escape(segment.text)}</b>" if segment.words is not None else escape(segment.text)
        for segment in template.segments(words, names=names, reply=True)
    ]
    about = t(language, "template.folded") if not template.takes_system else ""
    note = muted(about) if about else ""
    region = escape(t(language, "template.preview"))
    return f'<pre class="template" tabindex="0" role="region" aria-label="{region}">{"".join(parts)}</pre>{note}'


def build(services: Services, shared: Shared) -> "list[Dependency]":
    """The fold on the model card; returns the events after which prompts are made anew."""
    handlers = TemplateHandlers(services)
    with gr.Accordion(t_client("template.title"), open=False, elem_id="template") as fold:
        chosen = gr.Dropdown(
            choices=[], label=t_client("template.choose"), info=t_client("template.info"), elem_id="template-chosen"
        )
        shown = gr.HTML(padding=False, elem_id="template-preview")
        with gr.Accordion(t_client("template.own"), open=False, elem_id="template-own"):
            jinja = gr.Textbox(
                label=t_client("template.jinja"), info=t_client("template.own_info"), lines=6, max_lines=16,
                max_length=LONGEST_JINJA, elem_id="template-jinja",
            )  # fmt: skip
            name = gr.Textbox(label=t_client("template.name"), max_length=64, elem_id="template-name")
            with gr.Row():
                save = gr.Button(t_client("template.save"), size="sm", elem_id="template-save")
                delete = gr.Button(t_client("template.delete"), size="sm", variant="stop", visible=False,
                                   elem_id="template-delete")  # fmt: skip
    outputs = [chosen, shown, jinja, name, delete]
    gr.on([fold.expand, shared.changed["model"].click], handlers.show, shared.key, outputs, **EVENT)
    choosing = chosen.input(handlers.choose, [shared.key, chosen], outputs, **EVENT)
    saving = save.click(handlers.save, [shared.key, name, jinja], outputs, **EVENT)
    deleting = delete.click(handlers.delete, [shared.key, name], outputs, **EVENT)
    return [choosing, saving, deleting]
