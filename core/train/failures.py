"""What a failure of the libraries, or a limit of the computer, means to a person."""

import shutil
from pathlib import Path

from core.errors import JobError
from core.files import check_free, disk_full_text, is_disk_full, recover_folder
from core.text import Text
from core.train.spec import RunFolder
from core.train.worker.checkpoints import last_checkpoint, prune

THEN_RESUME = Text(
    "Free some space, then resume: training goes on from the last whole checkpoint.",
    "空きを作ってから再開してください。直前の完全なチェックポイントから続きます。",
)
ROOM = 1_000_000  # bytes: under this, a disk is as good as full


def check_room(folder: Path, needed: int) -> None:
    """Raises JobError when less than `needed` bytes are free where `folder` is. To be asked before writing."""
    check_free(folder, needed + ROOM, then=THEN_RESUME, error=JobError)


def explain_failure(error: Exception, folder: Path) -> Text:
    """A sentence on an error that nobody foresaw, or on a computer's limits."""
    text = str(error)
    if disk_full(error, folder):
        return disk_full_text(shutil.disk_usage(folder).free, then=THEN_RESUME)
    if out_of_memory(error):
        return Text(
            "Memory ran out, and one row at a time is the least. Close what else needs memory and resume; or start "
            "again with a shorter max_length, gradient_checkpointing on, the base in 4 bits, or a smaller model.",
            "メモリが足りません。1 行ずつにしても入りませんでした。ほかにメモリを使っているものを閉じて再開するか、"
            "max_length を短くする、gradient_checkpointing を有効にする、ベースモデルを 4 ビットにする、"
            "小さいモデルを選ぶ、のどれかで始め直してください。",
        )
    kind, line = type(error).__name__, next(iter(text.splitlines()), "")[:200]
    return Text(
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
    """Whether `error` comes from a full disk, or there is next to nothing free where `folder` is."""
    return is_disk_full(error) or shutil.disk_usage(folder).free < ROOM


def free_disk_space(folder: RunFolder) -> None:
    """Delete what is half-written and, on a full disk, the spare checkpoint, so that the failure can be told."""
    last_checkpoint(folder.checkpoints)
    recover_folder(folder.adapter)
    if shutil.disk_usage(folder.path).free < ROOM:
        prune(folder.checkpoints, keep=1)
