"""The adapters that one has: bring one from the Hub, talk to it, remove it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Literal

import gradio as gr

from core.adapters.pull import pull_adapter
from core.adapters.store import Adapter
from core.errors import AppError, ModelError
from core.files import safe_name
from core.hub.client import check_repo, login_token
from core.hub.published import PublishedAdapter, published_adapters
from tabs.train import export_merge
from tabs.ui.adapters import begin_talk
from tabs.ui.handler import EVENT, PRIVATE, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.toasts import inform
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class AdapterHandlers:
    """An owner's kept adapters."""

    services: Services

    @handler
    def refresh_list(self, visitor: Visitor, chosen: str | None) -> tuple[gr.Dropdown, gr.Row]:
        """(picker of the owner's adapters, their buttons)."""
        return self._listed(visitor.owner, chosen)

    @handler
    def look(self, visitor: Visitor, typed: str) -> gr.Dropdown:
        """What others have published with this app, that for the loaded model first."""
        loaded = self.services.models.status.in_use
        found = published_adapters(self.token(typed, visitor.signed_in), base=loaded)
        if not found:
            inform(visitor.language, "publish.pull_none")
        choices = [(self._line(one, loaded, visitor.language), one.repo) for one in found]
        return gr.Dropdown(choices=choices, value=None, visible=bool(found))

    @handler
    def pick(self, visitor: Visitor, chosen: str | None) -> str:
        """The id of the one that was chosen."""
        return chosen or ""

    def _line(self, one: PublishedAdapter, loaded: str, language: str) -> str:
        about = [one.base or t(language, "publish.pull_no_base"), one.licence or t(language, "publish.pull_no_licence")]
        about += [t(language, "publish.pull_fits")] if one.fits(loaded) else []
        return f"{one.repo}（{'・'.join(about)}）" if language == "ja" else f"{one.repo} ({', '.join(about)})"

    @handler
    def pull(self, visitor: Visitor, repo: str, typed: str) -> Iterator[tuple]:
        """Bring an adapter: (how it goes, token field, *the list of adapters). The token is forgotten at once."""
        owner, language = visitor.owner, visitor.language
        wanted = check_repo(repo)
        name = self.services.workspace.free_name(owner, "adapters", safe_name(wanted.rsplit("/", 1)[-1], "adapter"))
        target = self.services.workspace.place(owner, "adapters", name)
        secret = self.token(typed, visitor.signed_in)

        def bring(report: Callable[[str], None]) -> Path:
            return pull_adapter(repo=wanted, target=target, token=secret, on_progress=report)

        yield _muted(t(language, "publish.asking")), "", gr.skip(), gr.skip()
        try:
            for step in with_progress(bring):
                if not isinstance(step, Result):
                    yield _muted(t(language, "publish.pulling", what=step)), "", gr.skip(), gr.skip()
                    continue
                adapter = _readable(target)
                done = t(language, "publish.pulled", name=name)
                done += " " + t(language, "publish.pulled_base", base=adapter.base) if adapter.base else ""
                yield f'<p class="good" role="status">{escape(done)}</p>', "", *self._listed(owner, name)
        except AppError as error:
            yield in_words(error, language), "", gr.skip(), gr.skip()

    @handler
    def talk(self, visitor: Visitor, chosen: str | None) -> tuple[str, gr.Tabs]:
        """A conversation with stored adapter: (its id, the way to it)."""
        adapter = self.services.adapters.get(visitor.owner, chosen or "")
        return begin_talk(self.services, visitor, adapter), gr.Tabs(selected="talk")

    @handler
    def delete(self, visitor: Visitor, chosen: str | None) -> tuple[gr.Dropdown, gr.Row]:
        """Remove a stored adapter for good. The training that made it keeps its own."""
        if chosen:
            self.services.adapters.delete(visitor.owner, chosen)
        return self._listed(visitor.owner, None)

    def token(self, typed: str | None, signed_in: gr.OAuthToken | None) -> str | Literal[False]:
        """The visitor's token; False without one, for what everybody may read."""
        if self.services.settings.on_space:
            return signed_in.token if signed_in else False
        own = None if self.services.public else login_token()
        return (typed or "").strip() or own or False

    def _listed(self, owner: str, chosen: str | None) -> tuple[gr.Dropdown, gr.Row]:
        names = [adapter.name for adapter in self.services.adapters.list_all(owner)]
        value = chosen if chosen in names else next(iter(names), None)
        return gr.Dropdown(choices=names, value=value, visible=bool(names)), gr.Row(visible=bool(names))


def _readable(folder: Path) -> Adapter:
    """The adapter that came. One whose own notes cannot be read is removed again: it would block the whole list."""
    try:
        return Adapter.read(folder)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ModelError(
            "This adapter cannot be used: its prompt_config.json or training.json cannot be read.",
            "このアダプターは使えません。prompt_config.json か training.json を読み込めません。",
        ) from error


def _muted(text: str) -> str:
    return f'<p class="muted" role="status">{escape(text)}</p>'


def build(services: Services, shared: Shared) -> None:
    """The folded card."""
    handlers = AdapterHandlers(services)
    with (
        gr.Column(elem_classes="card"),
        gr.Accordion(t_client("publish.kept"), open=False, elem_id="kept-adapters") as fold,
    ):
        kept = gr.Dropdown(
            choices=[],
            label=t_client("publish.kept"),
            show_label=False,
            container=False,
            visible=False,
            elem_id="kept-adapter",
        )
        with gr.Row(visible=False, elem_classes="actions") as buttons:
            talk = gr.Button(t_client("publish.pull_talk"), size="sm", elem_id="kept-talk")
            delete = gr.Button(t_client("publish.kept_delete"), variant="stop", size="sm", elem_id="kept-delete")
        gr.Markdown(t_heading("publish.pull"), elem_classes="title")
        repo = gr.Textbox(label=t_client("publish.pull_repo"), info=t_client("publish.pull_info"), max_lines=1,
                          placeholder="user/name", elem_id="pull-repo")  # fmt: skip
        with gr.Row(elem_classes="actions"):
            look = gr.Button(t_client("publish.pull_look"), size="sm", elem_id="pull-look")
        others = gr.Dropdown(choices=[], label=t_client("publish.pull_others"), visible=False, elem_id="pull-others")
        typed = gr.Textbox(
            label=t_client("publish.pull_token"), type="password", visible=not services.settings.on_space, max_lines=1,
            placeholder="hf_…", elem_id="pull-token", html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
        )  # fmt: skip
        pull = gr.Button(t_client("publish.pull_go"), size="sm", elem_id="pull-go")
        state = gr.HTML(padding=False, elem_id="pull-state")
        combined = export_merge.build_combine(services, shared)

    picked = [shared.key, kept]
    gr.on([fold.expand, shared.opened("train")], handlers.refresh_list, picked, [kept, buttons], **EVENT)
    combined.then(handlers.refresh_list, picked, [kept, buttons], **EVENT)
    look.click(handlers.look, [shared.key, typed], others, **PRIVATE)
    others.input(handlers.pick, [shared.key, others], repo, **EVENT)
    pulling = {"inputs": [shared.key, repo, typed], "outputs": [state, typed, kept, buttons], **EVENT}
    gr.on([pull.click, repo.submit], handlers.pull, **pulling)
    talk.click(handlers.talk, picked, [shared.conversation, shared.tabs], **EVENT)
    delete.click(handlers.delete, picked, [kept, buttons], **EVENT)
