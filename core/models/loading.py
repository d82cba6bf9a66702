"""The one model of this server: found, downloaded, loaded in the background, and owned by one thread.

Everything that touches the weights runs in that thread (`ModelStore.run`): switching adapters and
generating from two threads gives wrong answers without any error.
"""

import gc
import logging
import os
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from core.errors import AppError, InputError, ModelError, NotAllowedError
from core.models.embedded import FOLDER
from core.models.embedded import NAME as EMBEDDED
from core.models.prefixes import Prefixes
from core.models.thread import ModelThread
from core.models.tokenizer_check import NOT_CHECKED, CheckedTokenizer, TokenizerCheck, load_checked

if TYPE_CHECKING:
    import torch
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)
T = TypeVar("T")
HUB_ID = re.compile(r"[\w][\w.\-]{0,95}/[\w][\w.\-]{0,95}")
LARGEST_WINDOW = 4096  # tokens: more of a context is rarely worth the memory of a small machine
FLOAT32_BELOW = 300e6  # parameters; above it bfloat16 halves the memory and doubles the speed on a CPU too

State = Literal["empty", "downloading", "loading", "ready", "failed"]


@dataclass(frozen=True)
class ModelStatus:
    """What the page shows of the model."""

    state: State = "empty"
    name: str = ""
    """What is loaded, or what was to be."""
    fraction: float | None = None
    """Of the download; None where it is not known."""
    device: str = ""
    parameters: int = 0
    context: int = 0
    """Tokens of the window that chats and training may use."""
    error: AppError | None = None
    in_use: str = ""
    """After a failure: the model that is still there to talk with, "" for none."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model in memory with its tokenizer. Use the model only inside `ModelStore.run`."""

    name: str
    folder: Path
    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    context: int
    adapters: "list[PeftModel]" = field(default_factory=list)
    """peft's wrapper with the adapters in memory, once there is one. Here, so that it goes with the model."""
    prefixes: Prefixes = field(default_factory=Prefixes)
    """What it has read before; it goes with the model, too."""
    tokenizer_check: TokenizerCheck = NOT_CHECKED
    """What was found about the tokenizer, for the page."""

    @property
    def checked(self) -> CheckedTokenizer:
        """The tokenizer with its check, as it was loaded."""
        return CheckedTokenizer(self.tokenizer, self.tokenizer_check)


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
    """Whether visitors may name folders of this machine."""
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

    def start(self, name: str | None = None) -> None:
        """Begin to load a model in the background: a Hub id, a folder, "" or None for the default.

        Raises InputError at once for a name that is neither, and NotAllowedError where the model is locked.
        The model in use stays until the new one's files are there.
        """
        if self.locked and (name or "").strip():
            raise NotAllowedError(
                "On this server the model cannot be changed. Run Omokage on your own machine to use another.",
                "このサーバーではモデルを変えられません。別のモデルは、手元で Omokage を動かして使ってください。",
            )
        wanted = (name or "").strip() or self.default or EMBEDDED
        folder = self._check(wanted, chosen=bool((name or "").strip()))
        with self._lock:
            if self._busy and not self._busy.done():
                raise ModelError(
                    f"“{self._status.name}” is being loaded. Wait for it, or cancel it first.",
                    f"「{self._status.name}」を読み込んでいます。終わるのを待つか、先に取り消してください。",
                )
            self._cancel = threading.Event()
            self._status = ModelStatus("loading", _short(wanted))
            self._busy = Future()
        threading.Thread(target=self._load, args=(wanted, folder, self._cancel, self._busy), daemon=True).start()

    def cancel(self) -> None:
        """Take the running load back; the model that was in use stays."""
        self._cancel.set()

    def wait(self, seconds: float | None = None) -> ModelStatus:
        """Block until the load that was started has ended; for scripts and tests."""
        if self._busy:
            self._busy.result(seconds)
        return self._status

    def _check(self, wanted: str, *, chosen: bool) -> Path | None:
        """The folder that `wanted` names, or None for a Hub id and the embedded model. Raises InputError."""
        folder = os.path.expanduser(wanted)
        may = self.local_folders or not chosen
        if wanted != EMBEDDED and may and (os.path.isdir(folder) or wanted.startswith((".", "/", "~"))):
            return Path(folder)
        if wanted == EMBEDDED or HUB_ID.fullmatch(wanted):
            return None
        raise InputError(
            f"“{wanted[:120]}” is neither a Hub id such as Qwen/Qwen3-0.6B nor a folder with a model.",
            f"「{wanted[:120]}」は Hub の ID（例: Qwen/Qwen3-0.6B）でも、モデルのフォルダーでもありません。",
        )

    def _load(self, wanted: str, folder: Path | None, cancel: threading.Event, done: Future) -> None:
        try:
            found = self._find(wanted, folder, cancel)
            self._status = ModelStatus("loading", _short(wanted))
            self.run(self._swap, _short(wanted), found, cancel).result()
            self._status = self._status_of_loaded()
        except _Cancelled:
            self._status = self._status_of_loaded()
        except AppError as error:
            self._fail(wanted, error)
        except Exception as error:  # the edge of a thread: whatever a strange model raises becomes a sentence
            log.exception("loading %s failed", wanted)
            self._fail(wanted, _broken(wanted, error))
        finally:
            done.set_result(None)

    def _fail(self, wanted: str, error: AppError) -> None:
        self._status = replace(self._status_of_loaded(), state="failed", name=_short(wanted), error=error,
                               in_use=self._loaded.name if self._loaded else "")  # fmt: skip

    def _status_of_loaded(self) -> ModelStatus:
        loaded = self._loaded
        if loaded is None:
            return ModelStatus()
        device, parameters = str(loaded.model.device), loaded.model.num_parameters()
        return ModelStatus("ready", loaded.name, device=device, parameters=parameters, context=loaded.context)

    def _find(self, wanted: str, folder: Path | None, cancel: threading.Event) -> Path:
        from core.models.download import download

        def report(fraction: float | None) -> None:
            if cancel.is_set():
                raise _Cancelled
            self._status = ModelStatus("downloading", wanted, fraction=fraction)

        if folder is None:
            return FOLDER if wanted == EMBEDDED else download(wanted, report)
        if not (folder / "config.json").is_file():
            raise ModelError(
                f"“{wanted}” is not a model's folder: it has no config.json. Choose the folder that holds it.",
                f"「{wanted}」はモデルのフォルダーではありません（config.json がありません）。"
                "config.json のあるフォルダーを選んでください。",
            )
        return folder

    def _swap(self, name: str, folder: Path, cancel: threading.Event) -> None:
        """Runs in the model's thread: the old model goes first, so that memory holds one at a time.

        What can be checked is checked before that; where loading fails all the same, the old one is
        loaded again from its files.
        """
        from core.models.auto import AutoConfig

        if cancel.is_set():
            raise _Cancelled
        AutoConfig.from_pretrained(folder, trust_remote_code=False)
        checked = load_checked(folder)
        _check_weights(folder)
        before = (self._loaded.name, self._loaded.folder, self._loaded.checked) if self._loaded else None
        self._loaded = None
        _free_memory()
        try:
            self._loaded = _read(name, folder, checked)
        except Exception:
            if before:
                _free_memory()
                self._loaded = _read(*before)
            raise


def _read(name: str, folder: Path, checked: CheckedTokenizer) -> LoadedModel:
    """The model in `folder`, in memory. Raises ModelError when weights are missing, which would be random."""
    from core.models.auto import AutoModelForCausalLM

    device = _device()
    model, found = AutoModelForCausalLM.from_pretrained(
        folder, trust_remote_code=False, dtype=dtype_for(folder, device), output_loading_info=True
    )
    if missing := sorted(found["missing_keys"]):
        raise ModelError(
            f"“{name}” lacks {len(missing)} of its weights ({missing[0]}, …). It may be no text model, or cut short: "
            "choose another one, or fetch its files again.",
            f"「{name}」には重みが {len(missing)} 個足りません（{missing[0]} など）。"
            "テキストモデルではないか、ファイルが欠けています。別のモデルを選ぶか、ファイルを取り直してください。",
        )
    model.to(device).requires_grad_(False).eval()
    context = context_of(model.config)
    return LoadedModel(name, folder, model, checked.tokenizer, context, tokenizer_check=checked.check)


def _check_weights(folder: Path) -> None:
    """Raises where the weights cannot be read; only looks at their beginnings."""
    from safetensors import safe_open

    for path in folder.glob("*.safetensors"):
        with safe_open(path, framework="pt"):
            pass


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def context_of(config: object) -> int:
    """Tokens of context to use: what the model was made for, at most LARGEST_WINDOW."""
    text = getattr(config, "text_config", None) or config
    known = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    return min(known or 1024, LARGEST_WINDOW)


def dtype_for(folder: Path, device: str) -> "torch.dtype":
    """float32 for small models on a CPU; bfloat16 where the device knows it; else float16."""
    import torch

    if device == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    weights = sum(p.stat().st_size for p in folder.glob("*.safetensors")) or sum(
        p.stat().st_size for p in folder.glob("*.bin")
    )
    return torch.float32 if weights < 2 * FLOAT32_BELOW else torch.bfloat16


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _short(wanted: str) -> str:
    return wanted if HUB_ID.fullmatch(wanted) and not Path(wanted).is_dir() else Path(wanted).name


def _broken(wanted: str, error: Exception) -> ModelError:
    reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    return ModelError(
        f"“{_short(wanted)}” could not be loaded ({reason}). Choose another model, or check its files.",
        f"「{_short(wanted)}」を読み込めませんでした（{reason}）。別のモデルを選ぶか、ファイルを確かめてください。",
    )
