"""Download of a model from the Hub, with progress in bytes and a way out; from the cache where the Hub is away."""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.errors import HubError, ModelError
from core.files import check_free
from core.hub.client import login_token
from core.hub.errors import hub_errors
from core.models import model_errors
from core.models.gguf.names import all_parts
from core.models.options import NO_REMOTE_CODE, Trust
from core.models.weights import PICKLES
from core.text import Text

if TYPE_CHECKING:
    from tqdm.asyncio import tqdm_asyncio

log = logging.getLogger(__name__)
TEXTS = ("*.json", "*.model", "*.txt", "*.jinja")
# What transformers loads, best first. Others are copies for other programs ("consolidated", "onnx/model").
WEIGHTS = ("model*.safetensors", "*.safetensors")
FOLDERS = "*/*"
OR_SMALLER = Text("Free some space, or choose a smaller model.", "空きを作るか、もっと小さいモデルを選んでください。")


def download(
    repo: str, report: Callable[[float | None], None], trust: Trust = NO_REMOTE_CODE, *, own_token: bool = True
) -> Path:
    """Fetch what is needed to run `repo` into the Hub's cache and return its folder.

    `own_token`: for the person at this machine, with the token that `hf auth login` left here. Weights in .bin
    files, and the repository's own code, only where `trust` says so.

    `report(fraction)` is called as bytes arrive; what it raises ends the download. Files that are
    already there are not fetched again; all of them there, the Hub need not be reached. Raises HubError
    or ModelError.
    """
    report(None)
    try:
        return _fetch(repo, report, trust, (login_token() if own_token else None) or False)
    except HubError as error:
        folder = _in_cache(repo, trust) if _out_of_reach(error) else None
        if folder is None:
            raise
        log.warning("%s: the Hub cannot be reached, using the files in its cache", repo)
        return folder


def download_file(repo: str, file: str, report: Callable[[float | None], None], *, own_token: bool = True) -> Path:
    """Fetch one file of a repository into the Hub's cache, with the other parts of it where it is split.

    `report` and `own_token` as for `download`. Raises HubError, also where there is no such file.
    """
    from huggingface_hub import snapshot_download

    report(None)
    pattern, token = all_parts(file), (login_token() if own_token else None) or False
    try:
        folder = _fetched(repo, [pattern], report, token)
    except HubError as error:
        if not _out_of_reach(error):
            raise
        folder = Path(snapshot_download(repo, local_files_only=True)) if _has(repo, file) else None
        if folder is None:
            raise
    if not (folder / file).is_file():
        raise HubError(
            f"“{repo}” has no file “{file}”. Look at its files on the Hub, and name one that ends in .gguf.",
            f"「{repo}」に「{file}」はありません。Hub のファイル一覧を見て、.gguf で終わる名前を選んでください。",
        )
    return folder / file


def _has(repo: str, file: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repo, file), str)


def _fetch(repo: str, report: Callable[[float | None], None], trust: Trust, token: str | Literal[False]) -> Path:
    from huggingface_hub import HfApi

    with hub_errors(repo):
        files = [sibling.rfilename for sibling in HfApi().model_info(repo, token=token).siblings or ()]
    texts = [*TEXTS, "*.py"] if trust.code else TEXTS
    return _fetched(repo, [*texts, _weights(repo, files, trust)], report, token, ignore=FOLDERS)


def _fetched(
    repo: str, wanted: list[str], report: Callable[[float | None], None], token: str | Literal[False],
    ignore: str | None = None,
) -> Path:  # fmt: skip
    from huggingface_hub import constants, snapshot_download

    with hub_errors(repo):
        plan = snapshot_download(repo, token=token, dry_run=True, allow_patterns=wanted, ignore_patterns=ignore)
        total = sum(file.file_size or 0 for file in plan if file.will_download)
        check_free(Path(constants.HF_HUB_CACHE), total, then=OR_SMALLER, error=ModelError)
        bar = _reporting_bar(report, total)
        return Path(snapshot_download(repo, token=token, tqdm_class=bar, max_workers=4,
                                      allow_patterns=wanted, ignore_patterns=ignore))  # fmt: skip


def _weights(repo: str, files: Iterable[str], trust: Trust) -> str:
    """The pattern of the weights to fetch. Raises ModelError when `files` are no transformers model."""
    names = [name for name in files if "/" not in name]
    patterns = (*WEIGHTS, PICKLES)
    found = next((pattern for pattern in patterns if any(fnmatch(name, pattern) for name in names)), None)
    if found == PICKLES and not trust.pickles:
        raise model_errors.pickles_only(repo)
    if "config.json" not in names or found is None:
        lacking, ja = ("weights", "重み") if "config.json" in names else ("config.json", "config.json")
        raise ModelError(
            f"“{repo}” is not a transformers model: it has no {lacking}. Choose another one.",
            f"「{repo}」は transformers のモデルではありません（{ja}がありません）。別のモデルを選んでください。",
        )
    return found


def _out_of_reach(error: HubError) -> bool:
    """Whether the Hub gave no answer of its own: no network, no time, or trouble on its side."""
    cause: BaseException | None = error
    while cause is not None:
        status = getattr(getattr(cause, "response", None), "status_code", None)
        if status is not None:
            return status >= 500
        cause = cause.__cause__
    return True


def _in_cache(repo: str, trust: Trust) -> Path | None:
    """The folder of `repo` in the Hub's cache if everything that it needs is there."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repo, local_files_only=True))
        files = [path.name for path in folder.iterdir()]
        pattern = _weights(repo, files, trust)
        needed = {path.name for path in folder.glob(pattern)}
        for index in folder.glob(f"{pattern}.index.json"):
            needed |= set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (LocalEntryNotFoundError, ModelError, OSError, ValueError, KeyError):
        return None
    return folder if all((folder / name).is_file() for name in needed) else None


def _reporting_bar(report: Callable[[float | None], None], total: int) -> "type[tqdm_asyncio]":
    from tqdm.asyncio import tqdm_asyncio

    counting = threading.Lock()

    class Bar(tqdm_asyncio):
        """A progress bar that draws nothing and tells how many bytes of all have come."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            # With Xet a second bar counts what crosses the wire, which is less than what is written.
            self.counts = kwargs.get("unit") == "B" and not str(kwargs.pop("name", "")).endswith(".transfer")
            kwargs["disable"] = False
            super().__init__(*args, **kwargs)
            self.bytes_seen = 0

        def display(self, *args: object, **kwargs: object) -> None:
            """Draw nothing."""

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if not self.counts:
                return
            with counting:  # several files come at once
                self.bytes_seen += n or 0
                report(min(self.bytes_seen / total, 1.0) if total else None)

    return Bar
