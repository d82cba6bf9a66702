"""A zip or tar as messengers make it, seen as named files. Nothing is unpacked to disk, and an archive
inside an archive is never opened.
"""

import io
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO

from core.errors import InputError
from core.logs.parsing.json_source import JsonSource

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LOG_SUFFIXES = (".txt", ".json", ".jsonl", ".csv", ".js")
# What exporters call the log itself; other texts beside it are attachments and settings.
THE_LOG = ("_chat.txt", "*whatsapp*.txt", "result.json", "conversations.json", "hangouts.json", "messages.json")
MOST_FILES = 200_000
SMALL_BYTES = 20_000_000  # lists of users and the like, which are parsed whole
LARGEST_RATIO, RATIO_FROM = 40, 10_000_000  # no chat that was looked at shrank to less than a twelfth
ALL_BYTES = 5  # as many times the limit of one log may be read from one archive
ARCHIVE_ERRORS = (
    zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, zlib.error, NotImplementedError, EOFError,
    RuntimeError, ValueError, OSError,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _File:
    open: Callable[[], IO[bytes]]
    packed: int


class Archive:
    """The files of an archive by name, with `/` between folders, in the archive's order.

    What is read is counted: a file above `max_bytes`, one that unpacks to hundreds of times its size,
    and too much in all raise InputError, whatever sizes the archive itself gives.
    """

    def __init__(self, files: dict[str, _File], max_bytes: int) -> None:
        if len(files) > MOST_FILES:
            raise InputError(
                f"This archive holds more than {MOST_FILES:,} files. Take out the chats you need and load those.",
                f"このアーカイブには {MOST_FILES:,} を超えるファイルがあります。必要なトークだけを取り出してください。",
            )
        self._files = files
        self._max_bytes = max_bytes
        self._left = ALL_BYTES * max_bytes
        self.names = tuple(files)

    def matching(self, *patterns: str) -> list[str]:
        """Names that fit one of `patterns`, whole or behind any folders."""
        wanted = [form for pattern in patterns for form in (pattern, f"*/{pattern}")]
        return [name for name in self.names if any(fnmatchcase(name, form) for form in wanted)]

    def logs(self) -> list[str]:
        """Files that may be chat logs, by their suffix."""
        return [name for name in self.names if name.lower().endswith(LOG_SUFFIXES)]

    def open_file(self, name: str) -> BinaryIO:
        """The bytes of a file, counted as they are read."""
        with opening_errors():
            return io.BufferedReader(_Counted(self, name, self._files[name]))

    def read(self, name: str) -> bytes:
        """A whole file."""
        with self.open_file(name) as file:
            return file.read()

    def json(self, name: str) -> JsonSource:
        """A file to be streamed."""
        return JsonSource(lambda: self.open_file(name), name)

    def spend(self, name: str, size: int, total: int, packed: int) -> None:
        """Count `size` bytes more of a file of which `total` were read. Raises InputError above a limit."""
        self._left -= size
        if total > self._max_bytes or self._left < 0:
            raise too_large(name, self._max_bytes)
        if total > max(RATIO_FROM, LARGEST_RATIO * packed):
            raise InputError(
                f"“{name}” unpacks to more than {LARGEST_RATIO} times its size, as no chat does; it was not read.",
                f"「{name}」は {LARGEST_RATIO} 倍以上に展開されます。トークではありえないため、読みませんでした。",
            )


class _Counted(io.RawIOBase):
    """A file of an archive that reports what is read of it."""

    def __init__(self, archive: Archive, name: str, file: _File) -> None:
        self._archive, self._name, self._packed = archive, name, file.packed
        self._inner = file.open()
        self._total = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer).cast("B")
        with opening_errors():
            data = self._inner.read(len(view))
        self._total += len(data)
        self._archive.spend(self._name, len(data), self._total, self._packed)
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._inner.close()
        super().close()


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or a tar, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(265)
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or head[257:262] == b"ustar"


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[Archive]:
    """The archive at `path`. Raises InputError for a damaged or locked one, here and while it is read."""
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    with ExitStack() as stack:
        with opening_errors():
            if zipped:
                files = _zip_files(stack.enter_context(zipfile.ZipFile(path)))
            else:
                files = _tar_files(stack.enter_context(tarfile.open(path, "r:")))
        yield Archive(files, max_bytes)


@contextmanager
def opening_errors() -> Iterator[None]:
    """What a damaged archive may raise, as the one clear error."""
    try:
        yield
    except ARCHIVE_ERRORS as error:
        if isinstance(error, RuntimeError) and "password" in str(error):  # what zipfile raises for an encrypted file
            raise InputError(
                "This zip is locked with a password. Unpack it yourself and load the text file in it.",
                "この zip にはパスワードがかかっています。自分で展開して、中のテキストファイルを読み込んでください。",
            ) from error
        raise InputError(
            f"This zip cannot be opened ({error}). Unpack it and load the text file in it.",
            f"この zip は開けません（{error}）。展開して、中のテキストファイルを読み込んでください。",
        ) from error


def too_large(name: str, max_bytes: int) -> InputError:
    """The error for a file above the limit."""
    megabytes = max_bytes / 1_000_000
    return InputError(
        f"“{name}” is larger than {megabytes:.0f} MB. Export a shorter period, or split the file.",
        f"「{name}」は {megabytes:.0f} MB を超えています。期間を短くして書き出すか、分割してください。",
    )


def no_logs() -> InputError:
    """The error for an archive without a file that may be a log."""
    return InputError(
        "This zip holds no text of messages (.txt, .json, .jsonl, .csv or .js).",
        "この zip にはトークのテキスト（.txt・.json・.jsonl・.csv・.js）がありません。",
    )


def stem(name: str) -> str:
    """The name of a file without folder and suffix."""
    return PurePosixPath(name).stem


def folder(name: str) -> str:
    """The name of the folder that a file lies in; "" at the top."""
    return PurePosixPath(name).parent.name


def _zip_files(handle: zipfile.ZipFile) -> dict[str, _File]:
    files = {}
    for info in handle.infolist()[: MOST_FILES + 1]:
        name = _safe(_zip_name(info))
        if name and not info.is_dir():
            files[name] = _File(lambda info=info: handle.open(info), info.compress_size)
    return files


def _tar_files(handle: tarfile.TarFile) -> dict[str, _File]:
    files = {}
    for member in handle:
        name = _safe(member.name)
        if name and member.isreg():
            files[name] = _File(lambda member=member: _extracted(handle, member), member.size)
        if len(files) > MOST_FILES:
            break
    return files


def _extracted(handle: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    file = handle.extractfile(member)
    assert file is not None, "a regular file has bytes"
    return file


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A name in the encoding of who packed it: old tools write that of their system and do not say so."""
    if info.flag_bits & 0x800:
        return info.filename
    for encoding in ("utf-8", "cp932"):
        try:
            return info.filename.encode("cp437").decode(encoding)
        except UnicodeError:
            continue
    return info.filename


def _safe(name: str) -> str | None:
    """A name without what leads out of the archive; None for a file that the system put there."""
    steps = [step for step in name.replace("\\", "/").split("/") if step not in ("", ".")]
    if not steps or ".." in steps or steps[0] == "__MACOSX" or steps[-1].startswith("._"):
        return None
    return "/".join(steps)


def chosen_log(names: Sequence[str]) -> str | None:
    """The one log among the files: the only one, or the only one that a messenger calls so."""
    if len(names) == 1:
        return names[0]
    for known in THE_LOG:
        named = [name for name in names if fnmatchcase(name.lower().rsplit("/", 1)[-1], known)]
        if len(named) == 1:
            return named[0]
    return None
