"""Where each owner's things live on disk. Every name that becomes part of a path is checked here.

home/
  owners/<owner>/personas/ chats/ uploads/ datasets/ adapters/ preferences/ memory/
  jobs/<job>/            training runs of all owners; meta.json names the owner
  models/                the embedded model, built on first start
  cache/                 Gradio's upload cache, emptied as soon as a handler has the file
"""

import errno
import json
import os
import re
import shutil
import unicodedata
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError

RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"}
LONGEST_NAME = 180  # bytes: file systems take 255, and names get endings
SHELVES = ("personas", "chats", "uploads", "datasets", "adapters", "preferences", "memory")


def check_name(name: str) -> str:
    """`name` if it may name a thing: 1–64 letters (of any script), digits, ' ', '.', '_' or '-'.

    Raises InputError for anything that could leave its folder or that Windows cannot store.
    """
    tidy = unicodedata.normalize("NFC", name.strip()) if isinstance(name, str) else ""
    usable = re.fullmatch(r"[\w][\w .\-]{0,63}", tidy) and not tidy.endswith((".", " "))
    if not usable or len(tidy.encode()) > LONGEST_NAME or tidy.split(".")[0].strip().lower() in RESERVED:
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


@contextmanager
def full_disk_told() -> Iterator[None]:
    """A full disk inside becomes an InputError."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            "The disk is full: this was not saved, and what was there before is unchanged. "
            "Free some space and try again.",
            "ディスクの空きがないため保存できませんでした。前の内容はそのままです。空きを作ってからもう一度試してください。",
        ) from error


def write_json(path: Path, value: object) -> None:
    """`write_bytes` of `value` as JSON."""
    write_bytes(path, json.dumps(value, ensure_ascii=False, indent=1).encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` so that a reader sees the old file or the new one, never half of it.

    Raises InputError when the disk is full.
    """
    aside = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with full_disk_told(), aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Return when the files of `folder` and their names are on the disk: a power cut takes nothing away then."""
    for path in (file for file in folder.rglob("*") if file.is_file()):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    if os.name == "posix":  # elsewhere a folder cannot be opened, and need not be
        for path in (folder, *(inner for inner in folder.rglob("*") if inner.is_dir())):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def read_json(path: Path) -> dict:
    """The object in `path`."""
    return json.loads(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Workspace:
    """The tree under `home`. Folders appear when they are first asked for."""

    home: Path

    def shelf(self, owner: str, shelf: str) -> Path:
        """The folder of one kind of an owner's things; `shelf` is one of SHELVES."""
        if not re.fullmatch(r"[a-z]+-[\w.\-]{1,96}", owner) or shelf not in SHELVES:
            raise ValueError(f"no such shelf: {owner!r}/{shelf!r}")
        return self._made(self.home / "owners" / owner / shelf)

    def place(self, owner: str, shelf: str, name: str) -> Path:
        """Where the thing called `name` is, or would be, on an owner's shelf."""
        return self.shelf(owner, shelf) / check_name(name)

    def free_name(self, owner: str, shelf: str, wanted: str) -> str:
        """`wanted`, or `wanted-2`, `wanted-3`, … where that is taken."""
        base, n = check_name(wanted), 1
        name = base
        while self.place(owner, shelf, name).exists():
            n += 1
            short = base[: 64 - len(f"-{n}")]
            while len(f"{short}-{n}".encode()) > LONGEST_NAME:
                short = short[:-1]
            name = f"{short}-{n}"
        return name

    def names(self, owner: str, shelf: str) -> list[str]:
        """What stands on a shelf, newest first."""
        things = []
        for path in self.shelf(owner, shelf).iterdir():
            with suppress(FileNotFoundError):  # removed in this moment
                things.append((path.stat().st_mtime, path.name))
        return [name for _, name in sorted(things, reverse=True) if not name.startswith(".")]

    def take_upload(self, owner: str, cached: Path, cache: Path) -> Path:
        """Move an uploaded file out of the upload cache, where anyone who knows its path could read it.

        Raises InputError when `cached` does not lie in `cache` (a forged path), or the disk is full.
        """
        try:
            source = Path(cached).resolve()
            uploaded = source.is_relative_to(cache.resolve()) and source.is_file()
        except (OSError, ValueError, RuntimeError):  # too long, a NUL, a loop of links
            uploaded = False
        if not uploaded:
            raise InputError("That file was not uploaded here. Choose it again.",
                             "このファイルはアップロードされていません。もう一度選んでください。")  # fmt: skip
        target = self.shelf(owner, "uploads") / f"{uuid.uuid4().hex}{source.suffix.lower()[:10]}"
        with full_disk_told():
            shutil.move(source, target)
        if source.parent != cache.resolve() and not any(source.parent.iterdir()):
            source.parent.rmdir()
        return target

    def jobs(self) -> Path:
        return self._made(self.home / "jobs")

    def cache(self) -> Path:
        return self._made(self.home / "cache")

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
