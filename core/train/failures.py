"""What a failure of the libraries means to a person."""

import errno
import shutil
from pathlib import Path

from core.train.checkpoints import last_checkpoint
from core.train.spec import RunFolder

ROOM = 1_000_000  # bytes: under this, a disk is as good as full


def explain(error: Exception, folder: Path) -> tuple[str, str]:
    """A sentence in English and one in Japanese on an error that nobody foresaw, or on a computer's limits."""
    text = str(error)
    if disk_full(error, folder):
        return (
            "The disk is full: there is no room for the checkpoint or the adapter. What was half-written is removed, "
            "the last whole checkpoint is kept. Free some space, then resume.",
            "ディスクがいっぱいで、チェックポイントやアダプターを書けません。書きかけのものは消し、"
            "直前の完全なチェックポイントは残してあります。空きを作ってから再開してください。",
        )
    if isinstance(error, MemoryError) or "out of memory" in text.lower() or "can't allocate memory" in text:
        return (
            "Memory ran out. Set micro_tokens lower (to max_length, say), turn gradient_checkpointing on, "
            "lower max_length, or choose a smaller model; then resume.",
            "メモリーが足りなくなりました。micro_tokens を小さくする（max_length と同じ値など）、"
            "gradient_checkpointing を有効にする、max_length を小さくする、または小さいモデルを選んでください。",
        )
    kind, line = type(error).__name__, next(iter(text.splitlines()), "")[:200]
    return (
        f"Training ended on an unexpected error: {kind}: {line}. The last checkpoint is kept; "
        "details are in worker.log.",
        f"予期しないエラーで学習が終わりました: {kind}: {line}。直前のチェックポイントは残っています。"
        "詳細は worker.log にあります。",
    )


def disk_full(error: Exception, folder: Path) -> bool:
    """Whether `error` comes from a full disk; torch and safetensors raise errors of their own then."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if "No space left" in str(error) or "os error 28" in str(error):
        return True
    return shutil.disk_usage(folder).free < ROOM


def make_room(folder: RunFolder) -> None:
    """Delete what is half-written, so that the event that tells the failure finds room on a full disk."""
    last_checkpoint(folder.checkpoints)
    for aside in folder.path.glob(".adapter.*"):
        shutil.rmtree(aside, ignore_errors=True)
