"""Download of a model from the Hub, with progress in bytes and a way out."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError

if TYPE_CHECKING:
    from tqdm import tqdm

TEXTS = ("*.json", "*.model", "*.txt", "*.jinja")


def download(repo: str, report: Callable[[float | None], None]) -> Path:
    """Fetch what is needed to run `repo` into the Hub's cache and return its folder.

    `report(fraction)` is called as bytes arrive; what it raises ends the download. Files that are
    already there are not fetched again. Raises HubError or ModelError.
    """
    from huggingface_hub import HfApi, snapshot_download

    from core.hub import login_token
    from core.hub_errors import hub_errors

    report(None)
    token = login_token() or False
    with hub_errors(repo):
        files = [sibling.rfilename for sibling in HfApi().model_info(repo, token=token).siblings or ()]
        # The safetensors are enough where there are any; .bin files are read without running their pickles.
        weights = "*.safetensors" if any(name.endswith(".safetensors") for name in files) else "*.bin"
        if "config.json" not in files:
            raise ModelError(
                f"“{repo}” is not a transformers model: it has no config.json. Choose another one.",
                f"「{repo}」は transformers のモデルではありません（config.json がありません）。",
            )
        wanted = [*TEXTS, weights]
        plan = snapshot_download(repo, token=token, allow_patterns=wanted, dry_run=True)
        total = sum(file.file_size or 0 for file in plan if file.will_download)
        bar = _reporting_bar(report, total)
        return Path(snapshot_download(repo, token=token, allow_patterns=wanted, tqdm_class=bar, max_workers=4))


def _reporting_bar(report: Callable[[float | None], None], total: int) -> "type[tqdm]":
    from tqdm import tqdm

    class Bar(tqdm):
        """A progress bar that draws nothing and tells how many bytes of all have come."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs.pop("name", None)
            kwargs["disable"] = False
            super().__init__(*args, **kwargs)
            self.bytes_seen = 0

        def display(self, *args: object, **kwargs: object) -> None:
            """Draw nothing."""

        def update(self, n: float | None = 1) -> None:
            super().update(n)
            if self.unit == "B":
                self.bytes_seen += n or 0
                report(min(self.bytes_seen / total, 1.0) if total else None)

    return Bar
