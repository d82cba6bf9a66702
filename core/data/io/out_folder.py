"""The folder that a script writes a data set into: free, or written over on purpose."""

from pathlib import Path

from core.errors import InputError
from core.workspace import DATASET_INFO, SPLIT_FILES

LEDGER = "ledger.json"


def check_free(out: Path, *, overwrite: bool) -> None:
    """Raises InputError where `out` holds a data set already, but for `overwrite`."""
    there = next((name for name in (*SPLIT_FILES.values(), LEDGER) if (out / name).exists()), None)
    if there and not overwrite:
        raise InputError(
            f"{out} already holds {there}. Choose another folder, or add --overwrite.",
            f"{out} には {there} がもうあります。別のフォルダーにするか、--overwrite を付けてください。",
        )


def make_folder(out: Path) -> None:
    """The folder, without the files of an earlier run. Raises InputError where it cannot be made."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}.", f"{out}：フォルダーを作れません（{error.strerror}）。") from error
    for name in (*SPLIT_FILES.values(), DATASET_INFO, LEDGER):
        (out / name).unlink(missing_ok=True)
