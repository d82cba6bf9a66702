"""Files on disk: written whole or not at all, a full disk in words, and what a thing may be called there."""

import errno
import json
import os
import re
import shutil
import unicodedata
import uuid
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import AppError, InputError
from core.text import Text, format_bytes, well_formed

RESERVED_NAMES = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"}
MAX_NAME_BYTES = 180  # file systems take 255, and names get endings


def check_name(name: str) -> str:
    """`name` if it may name a thing: 1–64 letters (of any script), digits, ' ', '.', '_' or '-'.

    Raises InputError for anything that could leave its folder or that Windows cannot store.
    """
    tidy = unicodedata.normalize("NFC", name.strip()) if isinstance(name, str) else ""
    usable = re.fullmatch(r"[\w][\w .\-]{0,63}", tidy) and not tidy.endswith((".", " "))
    if not usable or len(tidy.encode()) > MAX_NAME_BYTES or tidy.split(".")[0].strip().lower() in RESERVED_NAMES:
        raise InputError(
            f"“{str(name)[:80]}” cannot be used as a name. Use 1–64 letters, digits, spaces, '.', '_' or '-'.",
            f"「{str(name)[:80]}」は名前に使えません。文字・数字・空白・「.」「_」「-」で 64 文字までにしてください。",
        )
    return tidy


def safe_name(text: str, fallback: str) -> str:
    """A usable name as close to `text` as can be, for suggestions."""
    tidy = re.sub(r"[^\w.\-]+", "-", unicodedata.normalize("NFC", text)).strip("-._ ")[:40].strip("-._ ")
    try:
        return check_name(tidy)
    except InputError:
        return fallback


def is_disk_full(error: BaseException) -> bool:
    """Whether `error` comes from a full disk; torch and safetensors raise errors of their own then."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return "No space left" in str(error) or "os error 28" in str(error)


TRY_AGAIN = Text("Free some space and try again.", "空きを作ってからもう一度試してください。")


def disk_full_text(free: int | None = None, needed: int | None = None, then: Text = TRY_AGAIN) -> Text:
    """The sentence on a full disk, with the bytes that are free there and those that are needed, where known."""
    sizes = [format_bytes(size) for size in (free, needed) if size is not None]
    en = " (" + ", ".join(map("{} {}".format, sizes, ("free", "needed"))) + ")" if sizes else ""
    ja = "（" + "、".join(map("{} {}".format, ("空き", "必要"), sizes)) + "）" if sizes else ""
    return Text(
        f"The disk is full{en}: this was not saved, and what was there before is unchanged. {then.en}",
        f"ディスクがいっぱいで保存できませんでした{ja}。前の内容はそのままです。{then.ja}",
    )


def check_free(folder: Path, needed: float, *, then: Text = TRY_AGAIN, error: type[AppError] = InputError) -> None:
    """Raises `error` where the disk of `folder`, which need not be there yet, has no room for `needed` bytes."""
    free = shutil.disk_usage(next(each for each in (folder, *folder.parents) if each.is_dir())).free
    if needed > free:
        raise error(*disk_full_text(free, round(needed), then))


@contextmanager
def disk_errors() -> Iterator[None]:
    """A full disk inside, or one that cannot be written, becomes an InputError. A missing file stays what it is."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        if is_disk_full(error):
            raise InputError(*disk_full_text()) from error
        reason = error.strerror or type(error).__name__  # not str(error): it holds the server's path
        raise InputError(
            f"This could not be saved: {reason}. What was there before is unchanged. "
            "Check the disk and its permissions, then try again.",
            f"保存できませんでした: {reason}。前の内容はそのままです。"
            "ディスクと書き込み権限を確かめて、もう一度試してください。",
        ) from error


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text from outside. Raises ValueError, also where it is nested too deep.

    JSON can spell lone surrogates, which no file and no page can hold: they are replaced.
    """
    try:
        value = json.loads(text)
        return well_formed(value) if (b"\\u" if isinstance(text, bytes) else "\\u") in text else value  # type: ignore
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def read_json(path: Path) -> dict:
    """The object in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: object) -> None:
    """`write_bytes` of `value` as JSON."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, indent=1).encode(errors="replace"))


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of `text` in UTF-8, its line ends as they are."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` so that a reader sees the old file or the new one, never half of it.

    Raises InputError when the disk is full.
    """
    tmp = _beside(path)
    try:
        with disk_errors():
            with tmp.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(tmp, path)
    finally:
        tmp.unlink(missing_ok=True)


def append_json(path: Path, value: Mapping[str, object], *, sync: bool = False) -> None:
    """Add `value` to a file of JSON lines as a line of its own, also behind one that was cut short.

    With `sync` it is on the disk when this returns. Raises OSError, and ValueError for a number that JSON lacks.
    """
    append_json_lines(path, (value,), sync=sync)


def append_json_lines(path: Path, values: Iterable[Mapping[str, object]], *, sync: bool = False) -> None:
    """`append_json` of several, with one write."""
    lines = b"".join(json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n" for value in values)
    with path.open("ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            lines = lines if file.read(1) == b"\n" else b"\n" + lines
        file.write(lines)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def parse_json_lines(data: bytes) -> Iterator[dict]:
    """The objects of JSON lines; a line that was cut short, or holds none, is left out."""
    for line in data.splitlines():
        try:
            value = parse_json(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


@contextmanager
def new_folder(target: Path, *, replace: bool = False) -> Iterator[Path]:
    """A folder to write into, which is `target` once the block ends, and gone where it raises.

    Its files are on the disk before it gets the name, so that a power cut takes nothing away. `target` must not
    exist, or with `replace` is replaced: after a kill in between, `recover_folder` brings one of the two back.
    """
    tmp = _beside(target)
    try:
        tmp.mkdir(parents=True)
        yield tmp
        sync_folder(tmp)
        if replace and target.exists():
            os.replace(target, _old(target))
        os.rename(tmp, target)
    finally:
        recover_folder(target) if replace else shutil.rmtree(tmp, ignore_errors=True)


def recover_folder(folder: Path) -> None:
    """End a `new_folder(replace=True)` that was cut short: `folder` is the new one or the old, nothing is beside it."""
    if _old(folder).exists() and not folder.exists():
        os.replace(_old(folder), folder)
    left = re.compile(rf"\.{re.escape(folder.name)}\.(old|[0-9a-f]{{32}})")
    for tmp in folder.parent.glob(".*"):
        if left.fullmatch(tmp.name):
            shutil.rmtree(tmp, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Remove `folder`, for its readers in one step; what a cut leaves behind has a hidden name."""
    tmp = _beside(folder)
    os.rename(folder, tmp)
    shutil.rmtree(tmp, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Return when the files of `folder` and their names are on the disk: a power cut takes nothing away then."""
    for path in (file for file in folder.rglob("*") if file.is_file()):
        with path.open("rb" if os.name == "posix" else "rb+") as file:  # Windows syncs only what it may write
            os.fsync(file.fileno())
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        for path in (folder, *(inner for inner in folder.rglob("*") if inner.is_dir())):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
