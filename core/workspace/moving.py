"""A workspace as one file: written for a backup or another machine, and read back with suspicion.

The file is a plain tar with what people made: `owners/` and `jobs/`. What the app makes anew, downloaded models and
locks stay out. Its last member lists every file with size and SHA-256, so that a cut or changed one is seen before
anything is put in place. Not compressed: weights do not shrink, and nothing can swell while it is read.
"""

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from core.errors import InputError
from core.files import check_free, disk_errors, parse_json, sync_folder
from core.workspace import OWNER

LIST = "omokage-workspace.json"
VERSION = 1
KEPT = ("owners", "jobs")
LEFT_OUT = ("downloads",)  # of an owner: on their way
SQLITE, BESIDE_SQLITE = ".sqlite", ("-wal", "-shm", "-journal")
MOST_FILES, LONGEST_PATH, LONGEST_LIST = 200_000, 1_000, 100_000_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Moved:
    """What went out or came in."""

    files: int
    bytes: int


def export_workspace(home: Path, target: Path) -> Moved:
    """Write `home` into `target`, readable for this user alone: secrets of bots are in it. A server may be running.

    Raises InputError where `target` exists, lies in `home`, or finds no room.
    """
    if target.exists() or target.resolve().is_relative_to(home.resolve()):
        raise InputError(f"“{target}” is there already, or lies in the workspace. Name a new file elsewhere.",
                         f"「{target}」はすでにあるか、ワークスペースの中です。"
            "別の場所に新しい名前で指定してください。")  # fmt: skip
    beside = target.with_name(f".{target.name}.part")
    try:
        with disk_errors(), os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            listed = _write(home, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    return Moved(len(listed), sum(int(one["size"]) for one in listed.values()))


def _write(home: Path, file: IO[bytes]) -> dict[str, dict]:
    listed: dict[str, dict] = {}
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:
        for path in _files(home):
            name = path.relative_to(home).as_posix()
            with _snapshot(path) as source:
                if source is None:
                    continue  # removed in this moment
                about = os.fstat(source.fileno())
                size = about.st_size
                taken = _Taken(source, size)  # as long as it is now, and listed as it was taken
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode = size, int(about.st_mtime), 0o600
                archive.addfile(info, taken)
                listed[name] = {"size": size, "sha256": taken.digest.hexdigest()}
        body = json.dumps({"version": VERSION, "made": time.time(), "files": listed}, ensure_ascii=False).encode()
        info = tarfile.TarInfo(LIST)
        info.size, info.mode = len(body), 0o600
        archive.addfile(info, io.BytesIO(body))
    return listed


class _Taken(io.RawIOBase):
    """The first `size` bytes of a file, counted as they are read; zeros where it became shorter."""

    def __init__(self, source: IO[bytes], size: int) -> None:
        self.source, self.left, self.digest = source, size, hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        wanted = self.left if size < 0 else min(size, self.left)
        data = self.source.read(wanted).ljust(wanted, b"\0")
        self.left -= wanted
        self.digest.update(data)
        return data


def _files(home: Path) -> Iterator[Path]:
    """What is kept, in a fixed order: no link, no lock, nothing that is on its way."""
    for top in KEPT:
        for folder, names, files in os.walk(home / top):
            here = Path(folder)
            depth = len(here.relative_to(home).parts)
            names[:] = sorted(n for n in names if not (top == "owners" and depth == 2 and n in LEFT_OUT))
            for name in sorted(files):
                path = here / name
                if not path.is_symlink() and path.is_file() and not name.endswith((".lock", *BESIDE_SQLITE)):
                    yield path


@contextmanager
def _snapshot(path: Path) -> Iterator[IO[bytes] | None]:
    """A file as it is now, open to be read, or None where it has gone; of a database a copy, which nobody writes to."""
    with ExitStack() as stack:
        source = path
        try:
            if path.suffix == SQLITE:
                source = Path(stack.enter_context(tempfile.TemporaryDirectory())) / path.name
                _copy_database(path, source)
            file = stack.enter_context(source.open("rb"))
        except FileNotFoundError:
            file = None
        yield file


def _copy_database(path: Path, target: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        with (closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as old,
              closing(sqlite3.connect(target)) as new):  # fmt: skip
            old.backup(new)
    except sqlite3.Error:  # damaged: as it lies there, for who can mend it
        shutil.copyfile(path, target)


def import_workspace(source: Path, home: Path) -> Moved:
    """Put what `source` holds into `home`, which has nothing yet. All of it comes, or nothing.

    Raises InputError for a file that is no workspace, was cut or changed, or holds what has no place there.
    """
    if not source.is_file():
        raise InputError(f"There is no file “{source}”.", f"「{source}」というファイルがありません。")
    if any((home / top).is_dir() and any((home / top).iterdir()) for top in KEPT):
        raise InputError(f"{home} has things already. Import into an empty folder: set OMOKAGE_HOME to a new one.",
                         f"{home} にはすでに中身があります。"
            "OMOKAGE_HOME に新しいフォルダーを指定して取り込んでください。")  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    check_free(home, source.stat().st_size)
    with tempfile.TemporaryDirectory(dir=home, prefix=".import-") as name, disk_errors():
        folder = Path(name)
        found = _unpack(source, folder)
        for top in KEPT:
            if (folder / top).is_dir():
                if (home / top).is_dir():
                    (home / top).rmdir()
                os.replace(folder / top, home / top)
        sync_folder(home)
    return found


def _unpack(source: Path, folder: Path) -> Moved:
    """All files of the archive under `folder`, held against its list."""
    came: dict[str, dict] = {}
    listed: object = None
    try:
        with tarfile.open(source, "r:") as archive:
            for info in archive:
                if listed is not None or len(came) >= MOST_FILES:
                    raise _refused(info.name)
                data = archive.extractfile(info) if info.isreg() and not info.issparse() else None
                if data is None:
                    raise _refused(info.name)
                if info.name == LIST:
                    if info.size > LONGEST_LIST:
                        raise _refused(info.name)
                    listed = parse_json(data.read())
                    continue
                came[info.name] = _place(folder, info, data)
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise InputError(f"“{source.name}” is no workspace, or was cut ({error}). Export it again.",
                         f"「{source.name}」はワークスペースのファイルではないか、途中で切れています（{error}）。"
                         "もう一度書き出してください。") from error  # fmt: skip
    if not isinstance(listed, dict) or listed.get("version") != VERSION or listed.get("files") != came:
        raise InputError(f"“{source.name}” is not what was exported: its list does not fit. Export it again.",
                         f"「{source.name}」の中身が一覧と合いません。もう一度書き出してください。")  # fmt: skip
    return Moved(len(came), sum(int(one["size"]) for one in came.values()))


def _place(folder: Path, info: tarfile.TarInfo, data: IO[bytes]) -> dict:
    """Write one file where it belongs; its line of the list."""
    target = folder / checked_path(info.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), info.size
    try:
        with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, _mode(info.name)), "wb") as file:
            while chunk := data.read(min(CHUNK, left)):
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
    except FileExistsError as error:
        raise _refused(info.name) from error
    moment = min(max(float(info.mtime), 0.0), time.time())
    os.utime(target, (moment, moment))
    return {"size": info.size - left, "sha256": digest.hexdigest()}


def _mode(name: str) -> int:
    return 0o600 if "/bots/" in name else 0o666


def checked_path(name: str) -> PurePosixPath:
    """Where a member of an archive may lie. Raises InputError for what leads out, or is nobody's.

    >>> checked_path("owners/key-1/chats/a.json").name
    'a.json'
    """
    path = PurePosixPath(name)
    parts = name.split("/")
    fits = (
        len(name) <= LONGEST_PATH
        and len(parts) > 2
        and parts[0] in KEPT
        and all(part and part not in (".", "..") for part in parts)
        and not any(ord(char) < 32 or char in '\\:"<>|?*\x7f' for char in name)
        and (parts[0] != "owners" or OWNER.fullmatch(parts[1]))
    )
    if not fits:
        raise _refused(name)
    return path


def _refused(name: str) -> InputError:
    shown = name.encode("unicode_escape").decode()[:120]
    return InputError(f"The file holds “{shown}”, which has no place in a workspace. Nothing was taken from it.",
                      f"ファイルに、ワークスペースには置けない「{shown}」が入っています。"
        "何も取り込みませんでした。")  # fmt: skip
