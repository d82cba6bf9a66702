"""Where each owner's things live on disk. Every name that becomes part of a path is checked here.

home/
  owners/<owner>/personas/ chats/ uploads/ datasets/ adapters/ preferences/ evaluations/ memory/
                 usage/ tokenizers/ api_keys/ bots/
                 dialogues/    plans of dialogues between models, and what was made of them
                 downloads/    while they are being made; then cache/ has them
                 damaged/      what could not be read and was set aside
  jobs/<job>/            training runs of all owners; meta.json names the owner
  models/                the embedded model, built on first start
  cpu_speeds.json        how fast this processor is (`core.models.precision`)
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
from typing import Literal

from core.errors import InputError
from core.files import MAX_NAME_BYTES, check_name, disk_errors
from core.limits import LOCAL, Limits, check_room

SEEN = ".seen"
OWNER = re.compile(r"[a-z]+-[\w.\-]{1,96}")
# What an adapter's folder holds: the first two are peft's and make it one.
ADAPTER_CONFIG, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
PROMPT_CONFIG_FILE, TRAINING_FILE, RUN_FILE = "prompt_config.json", "training.json", "config.yaml"
ADAPTER_FILES = (ADAPTER_CONFIG, ADAPTER_WEIGHTS, PROMPT_CONFIG_FILE, TRAINING_FILE, RUN_FILE, "README.md")

Split = Literal["train", "validation", "test"]
SPLIT_FILES: dict[Split, str] = {"train": "train.jsonl", "validation": "validation.jsonl", "test": "test.jsonl"}
DATASET_INFO = "dataset.json"

FOLDERS = (
    "personas", "chats", "uploads", "datasets", "adapters", "preferences", "evaluations", "memory", "usage",
    "tokenizers", "templates", "api_keys", "bots", "dialogues", "downloads", "damaged",
)  # fmt: skip
STALE = 24 * 3600.0  # seconds after which a download that was cut short is swept up


def size_of(folder: Path) -> int:
    """Bytes of all files under a folder; what is removed meanwhile does not count."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.lstat().st_size if path.is_file() else 0
    return total


@dataclass(eq=False)
class Workspace:
    """The tree under `home`. Folders appear when they are first asked for."""

    home: Path
    limits: Limits = LOCAL
    """Others while a share link is open."""

    def folder(self, owner: str, kind: str) -> Path:
        """The folder of one kind of an owner's things; `kind` is one of FOLDERS."""
        if not OWNER.fullmatch(owner) or kind not in FOLDERS:
            raise ValueError(f"no such folder: {owner!r}/{kind!r}")
        return self._made(self.home / "owners" / owner / kind)

    def place(self, owner: str, kind: str, name: str) -> Path:
        """Where the thing called `name` is, or would be, among an owner's."""
        return self.folder(owner, kind) / check_name(name)

    def free_name(self, owner: str, kind: str, wanted: str) -> str:
        """`wanted`, or `wanted-2`, `wanted-3`, … where that is taken."""
        base, n = check_name(wanted), 1
        name = base
        while self.place(owner, kind, name).exists():
            n += 1
            short = base[: 64 - len(f"-{n}")]
            while len(f"{short}-{n}".encode()) > MAX_NAME_BYTES:
                short = short[:-1]
            name = f"{short}-{n}"
        return name

    def names(self, owner: str, kind: str) -> list[str]:
        """What there is of one kind, newest first."""
        things = []
        for path in self.folder(owner, kind).iterdir():
            with suppress(FileNotFoundError):  # removed in this moment
                things.append((path.stat().st_mtime, path.name))
        return [name for _, name in sorted(things, reverse=True) if not name.startswith(".")]

    def take_upload(self, owner: str, cached: Path, cache: Path) -> Path:
        """Move an uploaded file out of the upload cache, where anyone who knows its path could read it.

        Raises InputError when `cached` does not lie in `cache` (a forged path), or there is no room.
        """
        try:
            source = Path(cached).resolve()
            if not source.is_relative_to(cache.resolve()) or not source.is_file():
                source = None
        except (OSError, ValueError, RuntimeError):  # too long, a NUL, a loop of links
            source = None
        if source is None:
            raise InputError("That file was not uploaded here. Choose it again.",
                             "このファイルはアップロードされていません。もう一度選んでください。")  # fmt: skip
        self.check_room(owner, source.stat().st_size)
        target = self.folder(owner, "uploads") / f"{uuid.uuid4().hex}{source.suffix.lower()[:10]}"
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
        downloads = self.folder(owner, "downloads")
        for old in downloads.iterdir():
            with suppress(FileNotFoundError):
                if old.stat().st_mtime < time.time() - STALE:
                    shutil.rmtree(old, ignore_errors=True)
        folder = self._made(downloads / uuid.uuid4().hex)
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

    def check_room(self, owner: str, more: int = 0) -> None:
        """Raises InputError where the owner, or all together, would have more than is allowed with `more` bytes."""
        limits = self.limits
        if limits.disk_mb or limits.disk_mb_total:
            own, everything = size_of(self.owner_folder(owner)), size_of(self.home) if limits.disk_mb_total else 0
            check_room(own, everything, more, limits)

    def seen(self, owner: str) -> None:
        """Note that the owner was here: on a public server, who stays away for long is forgotten."""
        folder = self.owner_folder(owner)
        if folder.is_dir():
            (folder / SEEN).touch()

    def last_seen(self, owner: str) -> float:
        """When the owner was last here, in seconds since 1970."""
        folder = self.owner_folder(owner)
        mark = folder / SEEN
        return (mark if mark.exists() else folder).stat().st_mtime

    def jobs(self) -> Path:
        return self._made(self.home / "jobs")

    def cache(self) -> Path:
        return self._made(self.home / "cache")

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
