"""What a failure of the libraries, or a limit of the computer, means to a person."""

import errno
import shutil
from pathlib import Path

from core.adapters.write import recover_partial_write
from core.errors import JobError
from core.train.spec import RunFolder
from core.train.worker.checkpoints import last_checkpoint, prune

ROOM = 1_000_000  # bytes: under this, a disk is as good as full


def check_room(folder: Path, needed: int) -> None:
    """Raises JobError when less than `needed` bytes are free where `folder` is. To be asked before writing."""
    free = shutil.disk_usage(folder).free
    if free < needed + ROOM:
        raise JobError(*_disk_full(free, needed + ROOM))


def explain_failure(error: Exception, folder: Path) -> tuple[str, str]:
    """A sentence in English and one in Japanese on an error that nobody foresaw, or on a computer's limits."""
    text = str(error)
    if disk_full(error, folder):
        return _disk_full(shutil.disk_usage(folder).free)
    if out_of_memory(error):
        return (
            "Memory ran out, and one row at a time is the least. Close what else needs memory and resume; or start "
            "again with a shorter max_length, gradient_checkpointing on, the base in 4 bits, or a smaller model.",
            "メモリーが足りません。1 行ずつにしても入りませんでした。ほかにメモリーを使っているものを閉じて再開するか、"
            "max_length を短くする、gradient_checkpointing を有効にする、もとのモデルを 4 ビットにする、"
            "小さいモデルを選ぶ、のどれかで始め直してください。",
        )
    kind, line = type(error).__name__, next(iter(text.splitlines()), "")[:200]
    return (
        f"Training ended on an unexpected error: {kind}: {line}. The last checkpoint is kept; "
        "details are in worker.log.",
        f"予期しないエラーで学習が終わりました: {kind}: {line}。直前のチェックポイントは残っています。"
        "詳細は worker.log にあります。",
    )


def out_of_memory(error: Exception) -> bool:
    """Whether `error` says that the GPU's or the computer's memory ran out; torch has no one class for it."""
    return isinstance(error, MemoryError) or any(
        said in str(error).lower() for said in ("out of memory", "can't allocate memory")
    )


def disk_full(error: Exception, folder: Path) -> bool:
    """Whether `error` comes from a full disk; torch and safetensors raise errors of their own then."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if "No space left" in str(error) or "os error 28" in str(error):
        return True
    return shutil.disk_usage(folder).free < ROOM


def free_disk_space(folder: RunFolder) -> None:
    """Delete what is half-written and, on a full disk, the spare checkpoint, so that the failure can be told."""
    last_checkpoint(folder.checkpoints)
    recover_partial_write(folder.adapter)
    if shutil.disk_usage(folder.path).free < ROOM:
        prune(folder.checkpoints, keep=1)


def _disk_full(free: int, needed: int | None = None) -> tuple[str, str]:
    en = f"; the next save needs {_megabytes(needed)}" if needed else ""
    ja = f"、次の保存に必要なのは {_megabytes(needed)} です" if needed else ""
    return (
        f"The disk is full: {_megabytes(free)} are free{en}. Nothing half-written is left, "
        "the last whole checkpoint is kept. Free some space, then resume.",
        f"ディスクがいっぱいです（空きは {_megabytes(free)}{ja}）。書きかけのものは残さず、"
        "直前の完全なチェックポイントは残してあります。空きを作ってから再開してください。",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
