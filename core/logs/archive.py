"""A zip as a messenger makes it: one text of messages, with media beside it."""

import zipfile
from pathlib import Path, PurePosixPath

from core.errors import InputError

TEXT_SUFFIXES = (".txt", ".json", ".jsonl")


def read_zip(path: Path, max_bytes: int) -> tuple[bytes, str]:
    """The bytes and the name of the one log in a zip; nothing is unpacked to disk.

    Raises InputError for a damaged or locked zip, for one without a log or with several, and for a
    log above `max_bytes` (which is checked while reading: the size written in a zip can lie).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _log_entry(archive)
            with archive.open(entry) as file:
                data = file.read(max_bytes + 1)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as error:
        raise InputError(
            f"This zip cannot be opened ({error}). Unpack it and load the text file in it.",
            f"この zip は開けません（{error}）。展開して、中のテキストファイルを読み込んでください。",
        ) from error
    if len(data) > max_bytes:
        raise too_large(entry.filename, max_bytes)
    return data, PurePosixPath(entry.filename).name


def too_large(name: str, max_bytes: int) -> InputError:
    """The error for a file above the limit."""
    megabytes = max_bytes / 1_000_000
    return InputError(
        f"“{name}” is larger than {megabytes:.0f} MB. Export a shorter period, or split the file.",
        f"「{name}」は {megabytes:.0f} MB を超えています。期間を短くして書き出すか、分割してください。",
    )


def _log_entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    entries = [
        entry
        for entry in archive.infolist()
        if entry.filename.lower().endswith(TEXT_SUFFIXES) and not entry.filename.startswith("__MACOSX/")
    ]
    named = [e for e in entries if e.filename.endswith("_chat.txt") or "whatsapp" in e.filename.lower()]
    chosen = named if len(named) == 1 else entries
    if len(chosen) == 1:
        return chosen[0]
    names = ", ".join(entry.filename for entry in entries[:5])
    if not entries:
        raise InputError(
            "This zip holds no text of messages (.txt, .json or .jsonl).",
            "この zip にはトークのテキスト（.txt・.json・.jsonl）がありません。",
        )
    raise InputError(
        f"This zip holds several texts ({names}). Unpack it and load one of them.",
        f"この zip には複数のテキスト（{names}）があります。展開して 1 つずつ読み込んでください。",
    )
