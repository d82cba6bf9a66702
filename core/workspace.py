"""Where each owner's things live on disk. Every name that becomes part of a path is checked here.

home/
  owners/<owner>/personas/ chats/ uploads/ datasets/ adapters/ preferences/ memory/
                 downloads/    while they are being made; then cache/ has them
                 damaged/      what could not be read and was set aside
  jobs/<job>/            training runs of all owners; meta.json names the owner
  models/                the embedded model, built on first start
  cache/                 Gradio's: uploads until a handler has them, downloads for as long as it serves them
"""

import hashlib
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.files import MAX_NAME_BYTES, check_name, disk_errors

OWNER = re.compile(r"[a-z]+-[\w.\-]{1,96}")
SHELVES = ("personas", "chats", "uploads", "datasets", "adapters", "preferences", "memory", "downloads", "damaged")
STALE = 24 * 3600.0  # seconds after which a download that was cut short is swept up


@dataclass(frozen=True)
class Workspace:
    """The tree under `home`. Folders appear when they are first asked for."""

    home: Path

    def shelf(self, owner: str, shelf: str) -> Path:
        """The folder of one kind of an owner's things; `shelf` is one of SHELVES."""
        if not OWNER.fullmatch(owner) or shelf not in SHELVES:
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
            while len(f"{short}-{n}".encode()) > MAX_NAME_BYTES:
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
        with disk_errors():
            shutil.move(source, target)
        if source.parent != cache.resolve() and not any(source.parent.iterdir()):
            source.parent.rmdir()
        return target

    def owner_folder(self, owner: str) -> Path:
        """All that an owner has, but for training runs; there may be nothing."""
        if not OWNER.fullmatch(owner):
            raise ValueError(f"no such owner: {owner!r}")
        return self.home / "owners" / owner

    def owners(self) -> list[str]:
        """Everybody who has anything here."""
        folder = self.home / "owners"
        return sorted(path.name for path in folder.iterdir() if OWNER.fullmatch(path.name)) if folder.is_dir() else []

    @contextmanager
    def download_folder(self, owner: str) -> Iterator[Path]:
        """A folder of the owner's for files that are being made to be downloaded; it goes when the block ends.

        Raises InputError when the disk is full.
        """
        shelf = self.shelf(owner, "downloads")
        for old in shelf.iterdir():
            with suppress(FileNotFoundError):
                if old.stat().st_mtime < time.time() - STALE:
                    shutil.rmtree(old, ignore_errors=True)
        folder = self._made(shelf / uuid.uuid4().hex)
        try:
            with disk_errors():
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def hand_out(self, owner: str, made: Path) -> Path:
        """Move a file to where Gradio serves it, under a path that nobody can guess, until Gradio sweeps it up."""
        target = self._made(self.handed_out(owner) / uuid.uuid4().hex) / made.name
        shutil.move(made, target)
        return target

    def handed_out(self, owner: str) -> Path:
        """The folder of an owner's files that Gradio serves; there may be none."""
        return self.cache() / hashlib.sha256(owner.encode()).hexdigest()[:32]

    def jobs(self) -> Path:
        return self._made(self.home / "jobs")

    def cache(self) -> Path:
        return self._made(self.home / "cache")

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
