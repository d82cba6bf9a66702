"""The one model of this server: found, downloaded, loaded in the background, and owned by one thread.

Everything that touches the weights runs in that thread (`ModelStore.run`): switching adapters and
generating from two threads gives wrong answers without any error.
"""

import logging
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as EMBEDDED
from core.errors import AppError, ModelError
from core.hub.client import check_open
from core.models import model_errors
from core.models.fingerprint import fingerprint
from core.models.gguf.model import GgufModel
from core.models.gguf.names import hub_file, names_gguf
from core.models.options import DEFAULT_LOAD, LoadOptions, Quantization
from core.models.precision import choose_precision
from core.models.prefix_cache import PrefixCache, reads_anew
from core.models.read import check_tokenizer, checked_tokenizer, context_of, read_weights
from core.models.status import LoadState, ModelStatus, Pace
from core.models.thread import ModelThread
from core.models.tokenizers.check import NOT_CHECKED, TokenizerCheck
from core.models.weights import free_memory, offloaded
from core.text import Text

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)
T = TypeVar("T")
HUB_ID = re.compile(r"[\w][\w.\-]{0,95}/[\w][\w.\-]{0,95}")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory with its tokenizer. Use the model only inside `ModelStore.run`."""

    name: str
    folder: Path
    model: "PreTrainedModel | GgufModel"
    tokenizer: "PreTrainedTokenizerBase"
    context: int
    adapters: "list[PeftModel]" = field(default_factory=list)
    """peft's wrapper with the adapters in memory, once there is one. Here, so that it goes with the model."""
    prefix_cache: PrefixCache = field(default_factory=PrefixCache)
    """What it has read before; it goes with the model, too."""
    tokenizer_check: TokenizerCheck = NOT_CHECKED
    """What was found about the tokenizer, for the page."""
    options: LoadOptions = DEFAULT_LOAD
    """How it was loaded, to do the same again."""

    @property
    def gguf(self) -> GgufModel | None:
        """The model where llama.cpp runs it."""
        return self.model if isinstance(self.model, GgufModel) else None

    @property
    def pretrained(self) -> "PreTrainedModel":
        """The model where transformers runs it. Raises InputError for a GGUF file."""
        if isinstance(self.model, GgufModel):
            raise model_errors.only_talks(self.name)
        return self.model

    @cached_property
    def fingerprint(self) -> str:
        """Which weights these are (`core.models.fingerprint`); "" for a GGUF file, whose adapters go by its name."""
        return fingerprint(self.folder)

    @property
    def device(self) -> "torch.device":
        """Where token ids go: also right where a part of the weights waits elsewhere."""
        import torch

        if isinstance(self.model, GgufModel):
            return torch.device("cpu")
        return next((p.device for p in self.model.parameters() if p.device.type == "cuda"), self.model.device)

    @property
    def quantization(self) -> Quantization:
        """How the weights are held: what was asked for has no say in a model that is published quantised."""
        from transformers.utils.quantization_config import BitsAndBytesConfig

        if isinstance(self.model, GgufModel):
            return "none"
        how = getattr(self.model.config, "quantization_config", None)
        if not isinstance(how, BitsAndBytesConfig):
            return "none"
        return "4bit" if how.load_in_4bit else "8bit"


class _Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The person took the load back."""


@dataclass
class ModelStore:
    """Loads models one at a time and lends the newest."""

    default: str | None = None
    """Hub id or folder to start with; None is the embedded model."""
    locked: bool = False
    """Whether the default is the only model there is."""
    local_folders: bool = True
    """Only the person at this machine asks: folders may be named, and the machine's own Hub token is used."""
    remote_code: bool = False
    """Whether that person may allow a model's own code; decided when the server starts, never by a request."""
    _status: ModelStatus = field(default_factory=ModelStatus)
    _loaded: LoadedModel | None = None
    _cancel: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: ModelThread = field(default_factory=ModelThread)
    _busy: Future | None = None

    @property
    def status(self) -> ModelStatus:
        """A snapshot; cheap."""
        return self._status

    def run(self, work: Callable[..., T], *args: object, whose: str = "") -> "Future[T]":
        """Run `work(*args)` in the thread that owns the model; `whose` work waits is served in turn."""
        return self._thread.run(work, *args, whose=whose)

    def current(self) -> LoadedModel:
        """The model to talk with. Raises ModelError with what to do while there is none."""
        if self._loaded is None:
            error = self._status.error
            raise error or ModelError(
                "The model is still being loaded. Try again in a moment.",
                "モデルを読み込んでいます。少し待ってからもう一度お試しください。",
            )
        return self._loaded

    def start(self, name: str | None = None, options: LoadOptions = DEFAULT_LOAD) -> None:
        """Begin to load a model in the background: a Hub id, a folder, "" or None for the default.

        Raises InputError at once for a name that is neither, and NotAllowedError where the model is locked or
        `options` trust what nobody may trust on this server. The model in use stays until the new one's files
        are there.
        """
        chosen = bool((name or "").strip())
        if self.locked and (chosen or options != DEFAULT_LOAD):
            raise model_errors.locked()
        if options.trust and not self.local_folders:
            raise model_errors.no_trust_here()
        if options.trust.code and not self.remote_code:
            raise model_errors.no_code_here()
        wanted = (name or "").strip() or self.default or EMBEDDED
        folder = self._check(wanted, chosen=chosen)
        order = _LoadRequest(wanted, folder, options, own=self.local_folders or wanted in (self.default, EMBEDDED))
        with self._lock:
            if self._busy and not self._busy.done():
                raise model_errors.still_loading(self._status.name)
            self._status = ModelStatus("loading", order.name)
            self._busy = Future()
            self._cancel = order.cancel
        threading.Thread(target=self._load, args=(order, self._busy), daemon=True).start()

    def cancel(self) -> None:
        """Take the running load back; the model that was in use stays."""
        self._cancel.set()

    def wait(self, seconds: float | None = None) -> ModelStatus:
        """Block until the load that was started has ended; for scripts and tests."""
        if self._busy:
            self._busy.result(seconds)
        return self._status

    def check_visitor_may_use(self, base: str) -> None:
        """Raises AppError unless `base`, a Hub id or folder that a visitor brings up, may be read for them here.

        Where strangers come that is this server's own model, the embedded one, and, if the model is not locked,
        what the Hub gives to everybody: never what only this machine's token, disk or cache has.
        """
        loaded = self._loaded
        known = {EMBEDDED, str(FOLDER), self.default} | ({loaded.name, str(loaded.folder)} if loaded else set())
        if self.local_folders or base in known:
            return
        if self.locked:
            raise model_errors.locked()
        if not HUB_ID.fullmatch(base) or Path(base).is_dir():
            raise model_errors.neither_id_nor_folder(base)
        check_open(base)

    def _check(self, wanted: str, *, chosen: bool) -> Path | None:
        """The folder or GGUF file that `wanted` names, or None for what is on the Hub and the embedded model.

        Raises InputError for what is none of them.
        """
        folder = os.path.expanduser(wanted)
        may = self.local_folders or not chosen
        here = os.path.isdir(folder) or (names_gguf(folder) and os.path.isfile(folder))
        if wanted != EMBEDDED and may and (here or wanted.startswith((".", "/", "~"))):
            return Path(folder)
        if wanted == EMBEDDED or HUB_ID.fullmatch(wanted) or hub_file(wanted):
            return None
        raise model_errors.neither_id_nor_folder(wanted)

    def _load(self, order: "_LoadRequest", done: Future) -> None:
        folder = None
        try:
            folder = self._find(order)
            self.run(self._swap, order, folder).result()
            self._status = self._status_of_loaded()
        except _Cancelled:
            self._status = self._status_of_loaded()
        except Exception as error:  # the edge of a thread: whatever a strange model raises becomes a sentence
            if not isinstance(error, AppError):
                log.exception("loading %s failed", order.wanted)
            self._fail(order, model_errors.cannot_load(order.name, error, folder, order.options.trust))
        finally:
            done.set_result(None)

    def _fail(self, order: "_LoadRequest", error: AppError) -> None:
        in_use = self._loaded.name if self._loaded else ""
        self._status = replace(self._status_of_loaded(), state="failed", name=order.name, error=error, in_use=in_use)

    def _status_of_loaded(self) -> ModelStatus:
        loaded = self._loaded
        if loaded is None:
            return ModelStatus()
        return ModelStatus(
            "ready", loaded.name, device=str(loaded.device), parameters=loaded.model.num_parameters(),
            context=loaded.context, quantization=loaded.quantization,
            offloaded=0.0 if loaded.gguf else offloaded(loaded.pretrained),
            tokenizer_check=loaded.tokenizer_check, precision_reason=_precision_reason(loaded),
            reads_anew=not loaded.gguf and reads_anew(loaded.pretrained.config),
        )  # fmt: skip

    def _report(self, state: LoadState, order: "_LoadRequest") -> Callable[[float | None], None]:
        """Tells how far `state` has come, and ends it where the person took the load back."""
        pace = Pace()

        def report(fraction: float | None) -> None:
            if order.cancel.is_set():
                raise _Cancelled
            left = pace.seconds_left(fraction)
            self._status = ModelStatus(state, order.name, fraction=fraction, seconds_left=left)

        return report

    def _find(self, order: "_LoadRequest") -> Path:
        from core.models.download import download, download_file

        report, on_hub = self._report("downloading", order), hub_file(order.wanted)
        if order.folder is None:
            if order.wanted == EMBEDDED:
                return FOLDER
            if not order.own:
                check_open(on_hub[0] if on_hub else order.wanted)
            if on_hub:
                return download_file(*on_hub, report, own_token=order.own)
            return download(order.wanted, report, order.options.trust, own_token=order.own)
        if not order.folder.is_file() and not (order.folder / "config.json").is_file():
            raise model_errors.no_config(order.wanted)
        return order.folder

    def _swap(self, order: "_LoadRequest", folder: Path) -> None:
        """Runs in the model's thread: the old model goes first, so that memory holds one at a time.

        What can be checked is checked before that; where loading fails all the same, or is taken back, the
        old one is loaded again from its files.
        """
        report = self._report("loading", order)
        report(None)
        checked = checked_tokenizer(order.name, folder, order.options.trust)
        before = replace(self._loaded, model=None, adapters=[], prefix_cache=PrefixCache()) if self._loaded else None
        self._loaded = None
        free_memory()
        try:
            model = read_weights(order.name, folder, order.options, report)
            context = model.context if isinstance(model, GgufModel) else context_of(model.config)
            self._loaded = LoadedModel(
                order.name, folder, model, checked.tokenizer, context,
                tokenizer_check=check_tokenizer(model, checked), options=order.options,
            )  # fmt: skip
        except Exception:
            if before:
                free_memory()
                self._loaded = replace(before, model=read_weights(before.name, before.folder, before.options))
            raise


def _precision_reason(loaded: LoadedModel) -> Text | None:
    if loaded.gguf:
        return Text("As the GGUF file holds it, run by llama.cpp.", "GGUF のままの精度で、llama.cpp が動かしています。")
    model = loaded.pretrained
    if getattr(model.config, "quantization_config", None):
        return None
    return choose_precision("talking", str(model.config.model_type), model.num_parameters(), model.device.type).reason


@dataclass(frozen=True, eq=False)
class _LoadRequest:
    """A load that was asked for."""

    wanted: str
    folder: Path | None
    options: LoadOptions
    own: bool = True
    """Whether it may be had with this machine's token and from its cache: not what a stranger named."""
    cancel: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        """What `wanted` is called on the page: a Hub id, a file there, or the last name of a folder or file here."""
        wanted = self.wanted
        on_hub = hub_file(wanted) or (HUB_ID.fullmatch(wanted) and not Path(wanted).is_dir())
        return wanted if on_hub else Path(wanted).name
