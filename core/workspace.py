"""Where each owner's things live on disk. Every name that becomes part of a path is checked here.

    home/
      owners/<owner>/personas/ chats/ uploads/ datasets/ adapters/
      jobs/<job>/            training runs of all owners; meta.json names the owner
      models/                the embedded model, built on first start
      cache/                 Gradio's upload cache, emptied as soon as a handler has the file
"""

import json
import os
import re
import shutil
import unicodedata
import uuid
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError

RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)}
SHELVES = ("personas", "chats", "uploads", "datasets", "adapters")


def check_name(name: str) -> str:
    """`name` if it may name a thing: 1–64 letters (of any script), digits, ' ', '.', '_' or '-'.

    Raises InputError for anything that could leave its folder or that Windows cannot store.
    """
    tidy = unicodedata.normalize("NFC", name.strip())
    usable = re.fullmatch(r"[\w][\w .\-]{0,63}", tidy) and not tidy.endswith((".", " "))
    if not usable or len(tidy.encode()) > 180 or tidy.split(".")[0].lower() in RESERVED:
        raise InputError(
            f"“{name[:80]}” cannot be used as a name. Use 1–64 letters, digits, spaces, '.', '_' or '-'.",
            f"「{name[:80]}」は名前に使えません。文字・数字・空白・「.」「_」「-」で 64 文字までにしてください。",
        )
    return tidy


def safe_name(text: str, fallback: str) -> str:
    """A usable name as close to `text` as can be, for suggestions."""
    tidy = re.sub(r"[^\w.\-]+", "-", unicodedata.normalize("NFC", text)).strip("-._ ")[:40].strip("-._ ")
    try:
        return check_name(tidy)
    except InputError:
        return fallback


def write_json(path: Path, value: object) -> None:
    """Write `value` so that a reader sees the old file or the new one, never half of it."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with aside.open("w", encoding="utf-8") as file:
            json.dump(value, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


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
            name = f"{base}-{n}"
        return name

    def names(self, owner: str, shelf: str) -> list[str]:
        """What stands on a shelf, newest first."""
        things = [p for p in self.shelf(owner, shelf).iterdir() if not p.name.startswith(".")]
        return [p.name for p in sorted(things, key=lambda p: p.stat().st_mtime, reverse=True)]

    def take_upload(self, owner: str, cached: Path, cache: Path) -> Path:
        """Move an uploaded file out of the upload cache, where anyone who knows its path could read it.

        Raises InputError when `cached` does not lie in `cache` (a forged path).
        """
        source = Path(cached).resolve()
        if not source.is_relative_to(cache.resolve()) or not source.is_file():
            raise InputError("That file was not uploaded here. Choose it again.",
                             "このファイルはアップロードされていません。もう一度選んでください。")  # fmt: skip
        target = self.shelf(owner, "uploads") / f"{uuid.uuid4().hex}{source.suffix.lower()[:10]}"
        shutil.move(source, target)
        if source.parent != cache.resolve() and not any(source.parent.iterdir()):
            source.parent.rmdir()
        return target

    def jobs(self) -> Path:
        return self._made(self.home / "jobs")

    def models(self) -> Path:
        return self._made(self.home / "models")

    def cache(self) -> Path:
        return self._made(self.home / "cache")

    @staticmethod
    def _made(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder
