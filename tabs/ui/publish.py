"""Push an adapter or a data set to the Hub: first shown, then sent exactly as shown.

What was shown is held on the server. Whatever the form says when the button is pressed, that is what goes.
"""

import json
import re
import shutil
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Literal

import gradio as gr

from core.adapters.store import Adapter
from core.cards.cards import SPLITS, DatasetFacts, PushedForm, TrainingFacts, adapter_card, dataset_card
from core.cards.loss_curve import curves_png
from core.errors import AppError, InputError, NotAllowedError
from core.export.run import export_in_process
from core.hub.client import HUB_ADAPTER_FILES, check_repo, licence_of, login_token, push_folder, whoami
from core.hub.errors import TOKENS_PAGE
from core.hub.redact import without_local_traces
from core.prompt import PromptConfig
from core.prompt.chat_template import resolve_template
from core.workspace import ADAPTER_CONFIG, TRAINING_FILE
from tabs.ui import leak_check
from tabs.ui.adapters import base_in_memory, kept
from tabs.ui.form import Control
from tabs.ui.handler import EVENT, handler
from tabs.ui.progress import Result, in_words, with_progress
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

What = Literal["adapter", "dataset"]
FORMS: tuple[PushedForm, ...] = ("adapter", "model", "gguf")
CARD, CURVES = "README.md", "curves.png"


@dataclass(frozen=True)
class PushPreview:
    """What a visitor was shown: this is sent, and nothing else."""

    kept: Path
    """The adapter or data set that it is of."""
    folder: Path
    """Where the files lie: there, or where they were made to be sent."""
    repo: str
    """user/name"""
    private: bool
    card: str
    picture: bytes | None
    """The curves that the card shows."""
    files: tuple[tuple[str, int, int], ...]
    """(name, bytes that travel, time of change on disk) of each file but the card."""


@dataclass(frozen=True)
class PublishHandlers:
    """Shows and sends one kind of thing."""

    services: Services
    what: What

    @handler
    def suggest(self, visitor: Visitor, chosen: str | None) -> tuple:
        """A repository's name for what was chosen, and an empty preview: (name, *nothing_shown)."""
        name = chosen or ""
        if chosen and self.what == "adapter":
            name = self.services.jobs.get(visitor.owner, chosen).name
        return suggested(name, self.what), *nothing_shown()

    @handler
    def show(
        self, visitor: Visitor, chosen: str | None, repo: str, private: bool, typed: str, form: PushedForm
    ) -> Iterator[tuple]:
        """What would be sent: (full name, PushPreview, sentence and files, card, panel, how it goes).

        An adapter in another form is made first, which takes a while.
        """
        if not chosen:
            raise InputError("Choose what to push first.", "先に、送るものを選んでください。")
        name = check_repo(repo)
        if "/" not in name:
            name = f"{whoami(self.token(typed, visitor.signed_in))}/{name}"
        secret = self._secret(typed, visitor.signed_in)
        if self.what == "dataset":
            yield self._shown(self._of_dataset(visitor.owner, chosen, name, private), visitor.language)
            return
        adapter = kept(self.services, visitor.owner, chosen)
        made = adapter.folder
        if form != "adapter":
            try:
                for step in with_progress(lambda report: self._make(visitor.owner, adapter, form, report)):
                    if isinstance(step, Result):
                        made = step.value
                    else:
                        said = _muted(t(visitor.language, f"after.stage_{step}"))
                        yield (*(gr.skip(),) * 5, said)
            except AppError as error:
                yield (*(gr.skip(),) * 5, in_words(error, visitor.language))
                return
        yield self._shown(self._of_adapter(adapter, made, name, private, secret, form), visitor.language)

    @handler
    def send(self, visitor: Visitor, parcel: PushPreview | None, typed: str) -> Iterator[tuple]:
        """Send what was shown: (how it goes, token field, send button). The token is forgotten at once."""
        language = visitor.language
        if parcel is None:
            raise InputError("Look at what will be sent first.", "先に「送る内容を見る」を押してください。")
        secret = self.token(typed, visitor.signed_in)
        if not parcel.folder.is_dir() or _files(parcel.folder, self._names(parcel.folder)) != parcel.files:
            raise InputError("What was shown has changed since. Look at it again before it is sent.",
                             "見てから内容が変わりました。もう一度「送る内容を見る」を押してください。")  # fmt: skip
        if self.what == "adapter":
            leak_check.check_seen(self.services, visitor.owner, Adapter.read(parcel.kept))
        yield _muted(t(language, "publish.asking")), "", gr.Button(interactive=False)
        try:
            for step in with_progress(lambda report: self._push(parcel, secret, report)):
                if isinstance(step, Result):
                    yield _sent(step.value, language), "", gr.Button(interactive=True)
                else:
                    yield _muted(t(language, "publish.sending", what=step)), "", gr.skip()
        except AppError as error:
            yield in_words(error, language), "", gr.Button(interactive=True)

    def token(self, typed: str | None, signed_in: gr.OAuthToken | None) -> str:
        """The token to push with: the visitor's own, always. Raises NotAllowedError when there is none."""
        if self.services.settings.on_space:
            if signed_in is None:
                raise NotAllowedError("Sign in with Hugging Face at the foot of the page first.",
                                      "先に、ページの下で Hugging Face にログインしてください。")  # fmt: skip
            return signed_in.token
        if own := (typed or "").strip():
            return own
        if not self.services.public and (own := login_token()):
            return own
        raise NotAllowedError(
            f"A token of yours is needed. Make one with the role “Write” at {TOKENS_PAGE} and type it here.",
            f"あなたのトークンが必要です。{TOKENS_PAGE} で「Write」権限のものを作り、ここに入れてください。",
        )

    def _secret(self, typed: str, signed_in: gr.OAuthToken | None) -> str | None:
        """The visitor's token, if there is one: what will be sent can be looked at without."""
        with suppress(NotAllowedError):
            return self.token(typed, signed_in)
        return None

    def _shown(self, parcel: PushPreview, language: str) -> tuple:
        listing, card = self._listing(parcel, language), preview(parcel.card, parcel.picture)
        return parcel.repo, parcel, listing, card, gr.Column(visible=True), ""

    def _of_dataset(self, owner: str, chosen: str, repo: str, private: bool) -> PushPreview:
        saved = self.services.datasets.get(owner, chosen)
        names = self._names(saved.folder)
        card = dataset_card(repo=repo, dataset=DatasetFacts.from_json(asdict(saved.info)), files=names)
        return PushPreview(saved.folder, saved.folder, repo, bool(private), card, None, _files(saved.folder, names))

    def _of_adapter(
        self, adapter: Adapter, made: Path, repo: str, private: bool, secret: str | None, form: PushedForm
    ) -> PushPreview:
        card = self._adapter_card(adapter, repo, secret, form)
        picture = curves_png((adapter.training.get("metrics") or {}).get("history"))
        files = _files(made, self._names(made))
        return PushPreview(adapter.folder, made, repo, bool(private), card, picture, files)

    def _make(self, owner: str, adapter: Adapter, form: PushedForm, report: Callable[[str], None]) -> Path:
        """The adapter in another form: a folder that goes with the downloads, within an hour or two."""
        into = self.services.workspace.folder(owner, "downloads") / uuid.uuid4().hex
        try:
            base = base_in_memory(self.services, adapter)
            export_in_process(adapter, into, report, base=base, gguf=form == "gguf")
            if form == "model":
                return into / "model"
            for beside in ("model", "adapter"):  # what is in the GGUF files once more
                shutil.rmtree(into / beside)
            return into
        except AppError:
            shutil.rmtree(into, ignore_errors=True)
            raise

    def _names(self, folder: Path) -> list[str]:
        """The files that travel beside the card. An empty split would break the Hub's viewer."""
        if self.what == "adapter" and not (folder / ADAPTER_CONFIG).is_file():  # in another form
            return sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != CARD)
        if self.what == "adapter":
            return [name for name in HUB_ADAPTER_FILES if name != CARD and (folder / name).is_file()]
        return [name for name in SPLITS if (folder / name).is_file() and (folder / name).stat().st_size]

    def _adapter_card(self, adapter: Adapter, repo: str, secret: str | None, form: PushedForm) -> str:
        config = adapter.prompt_config
        if config is None:
            raise InputError(f"“{adapter.name}” has no prompt_config.json and cannot be described.",
                             f"「{adapter.name}」には prompt_config.json がなく、カードを書けません。")  # fmt: skip
        facts = TrainingFacts.from_json(adapter.training)
        system = self._takes_system(adapter, config)
        licence = licence_of(facts.base, secret) if secret and facts.base_on_hub else None
        return adapter_card(
            repo=repo, training=facts, prompt_config=config, takes_system=system, license=licence, form=form
        )

    def _takes_system(self, adapter: Adapter, config: PromptConfig) -> bool:
        """Whether the base's template has a place for the description; the card shows how to ask it."""
        from core.models.tokenizers.check import load_tokenizer

        loaded = self.services.models.current() if self.services.models.status.state == "ready" else None
        if loaded and adapter.base in (loaded.name, str(loaded.folder)):
            tokenizer = loaded.tokenizer
        else:
            tokenizer = load_tokenizer(adapter.base, adapter.training.get("base_revision"))
        return resolve_template(tokenizer, config.template).takes_system

    def _push(self, parcel: PushPreview, secret: str, report: Callable[[str], None]) -> str:
        """Send it: the address of its page."""
        texts = {CARD: parcel.card} | ({CURVES: parcel.picture} if parcel.picture else {})
        return push_folder(
            folder=parcel.folder, repo=parcel.repo, kind="model" if self.what == "adapter" else "dataset", token=secret,
            private=parcel.private, message=f"Add {parcel.kept.name} with Omokage", texts=texts,
            files=[name for name, _, _ in parcel.files], on_progress=report,
        )  # fmt: skip

    def _listing(self, parcel: PushPreview, language: str) -> str:
        """Where it goes and each file with its size; small texts can be opened."""
        card = (CARD, len(parcel.card.encode()), parcel.card)
        picture = [(CURVES, len(parcel.picture), None)] if parcel.picture else []
        files = [card, *picture, *((name, size, _readable(parcel.folder / name)) for name, size, _ in parcel.files)]
        total = sum(size for _, size, _ in files)
        sentence = t(language, "publish.shown_private" if parcel.private else "publish.shown_public",
                       repo=parcel.repo, n=len(files), size=_size(total))  # fmt: skip
        rows = "".join(_file(name, size, text) for name, size, text in files)
        goes = f'<p class="{"" if parcel.private else "warn"}">{escape(sentence)}</p>'
        words = f'<p class="warn">{t(language, "publish.words")}</p>' if self.what == "dataset" else ""
        return f'{goes}{words}<div class="files">{rows}</div>'


def suggested(name: str, what: What) -> str:
    """A name that the Hub takes, as close to `name` as can be.

    >>> suggested("花子 line", "adapter"), suggested("花子", "dataset")
    ('line', 'omokage-dataset')
    """
    tidy = re.sub(r"[^A-Za-z0-9._-]+", "-", name)
    tidy = re.sub(r"([-.])[-.]+", r"\1", tidy).strip("-._")[:90]
    try:
        return check_repo(tidy)
    except InputError:
        return f"omokage-{what}"


def preview(card: str, picture: bytes | None = None) -> str:
    """The card as Markdown shows it, with its header as the YAML it is, and the picture in its place."""
    _, header, body = card.split("---\n", 2)
    if picture:
        body = body.replace(f"({CURVES})", f"(data:image/png;base64,{b64encode(picture).decode()})")
    return f"```yaml\n{header}```\n\n{body}"


def nothing_shown() -> tuple:
    """(Parcel, files, card, panel, state) before anything was shown."""
    return None, "", "", gr.Column(visible=False), ""


def _files(folder: Path, names: list[str]) -> tuple[tuple[str, int, int], ...]:
    """(name, bytes that travel, time of change); two of the files travel without what only concerns this machine."""
    found = []
    for name in names:
        stat = (folder / name).stat()
        text = _readable(folder / name)
        found.append((name, len(text.encode()) if text is not None else stat.st_size, stat.st_mtime_ns))
    return tuple(found)


def _readable(path: Path) -> str | None:
    """The text of a JSON file as it travels; None for weights and rows."""
    if path.suffix != ".json":
        return None
    text = path.read_text(encoding="utf-8")
    return without_local_traces(text) if path.name in (ADAPTER_CONFIG, TRAINING_FILE) else text


def _file(name: str, size: int, text: str | None) -> str:
    head = f"<span>{escape(name)}</span><span class='num'>{_size(size)}</span>"
    if text is None or name == CARD:
        return f'<div class="file">{head}</div>'
    return f'<details><summary class="file">{head}</summary><pre>{escape(_shortened(text))}</pre></details>'


def _shortened(text: str, most: int = 20_000) -> str:
    """`text`, or as much of it as is pleasant to scroll through."""
    with suppress(ValueError):
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    return text if len(text) <= most else f"{text[:most]}\n… +{len(text) - most:,}"


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _sent(address: str, language: str) -> str:
    link = escape(address)
    done = t(language, "publish.done")
    return f'<p class="good" role="status">{done} <a href="{link}" target="_blank" rel="noopener">{link}</a></p>'


def _muted(text: str) -> str:
    return f'<p class="muted" role="status">{escape(text)}</p>'


def build_publish(services: Services, shared: Shared, *, what: What, chosen: Control | gr.State) -> None:
    """The folded panel. `chosen` holds the id of a training (adapter) or the name of a data set."""
    handlers = PublishHandlers(services, what)
    on_space = services.settings.on_space
    with gr.Accordion(t_client("publish.push"), open=False, elem_id=f"publish-{what}"):
        gr.Markdown(t_client("publish.whose_words"), elem_classes="muted", elem_id=f"publish-{what}-whose-words")
        repo = gr.Textbox(label=t_client("publish.repo"), info=t_client("publish.repo_info"), max_lines=1,
                          elem_id=f"publish-{what}-repo")  # fmt: skip
        form = gr.Radio(
            [(t_client(f"publish.form_{one}"), one) for one in FORMS], value="adapter", visible=what == "adapter",
            label=t_client("publish.form"), elem_id=f"publish-{what}-form",
        )  # fmt: skip
        private = gr.Checkbox(
            True,
            label=t_client("publish.private"),
            container=False,
            elem_classes="bare",
            elem_id=f"publish-{what}-private",
        )
        info = "publish.token_info" if services.public else "publish.token_info_local"
        typed = gr.Textbox(
            label=t_client("publish.token"), info=t_client(info), type="password", visible=not on_space, max_lines=1,
            placeholder="hf_…", html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            elem_id=f"publish-{what}-token",
        )  # fmt: skip
        if on_space:
            gr.Markdown(t_client("publish.signed_in"), elem_classes="muted")
        show = gr.Button(t_client("publish.show"), size="sm", elem_id=f"publish-{what}-show")
        with gr.Column(visible=False, elem_classes="bare") as panel:
            listing = gr.HTML(padding=False, elem_id=f"publish-{what}-files")
            with gr.Accordion(t_client("publish.card"), open=True):
                card = gr.Markdown(elem_classes="model-card", elem_id=f"publish-{what}-card", max_height=420)
            leaks = leak_check.build(services, shared, chosen) if what == "adapter" else None
            send = gr.Button(t_client("publish.send"), variant="primary", interactive=leaks is None,
                             elem_id=f"publish-{what}-send")  # fmt: skip
        state = gr.HTML(padding=False, elem_id=f"publish-{what}-state")
    parcel = gr.State(None)

    emptied = [parcel, listing, card, panel, state]
    chosen.change(handlers.suggest, [shared.key, chosen], [repo, *emptied], **EVENT)
    gr.on([repo.input, private.input, form.input], nothing_shown, None, emptied, **EVENT)
    showing = [shared.key, chosen, repo, private, typed, form]
    looked = show.click(handlers.show, showing, [repo, parcel, listing, card, panel, state], **EVENT)
    if leaks:
        looked.success(**leaks.connect(send))
    send.click(handlers.send, [shared.key, parcel, typed], [state, typed, send], **EVENT)
