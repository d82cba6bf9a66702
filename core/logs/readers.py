"""The readers of JSON and of archives, in the order in which they are asked."""

from typing import Protocol

from core.logs.formats.ai_chats import (
    agnai,
    character_ai,
    chatgpt,
    claude,
    gemini,
    omokage,
    ooba,
    open_webui,
    sillytavern,
)
from core.logs.formats.discord import json_export as discord_json
from core.logs.formats.discord import package as discord_package
from core.logs.formats.messengers import (
    element,
    google_chat,
    hangouts,
    meta,
    skype,
    slack,
    teams,
    telegram,
    wechat_json,
    x_archive,
)
from core.logs.formats.signal import json_export as signal_json
from core.logs.log import Format, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.json_source import JsonSource, Top


class JsonReader(Protocol):
    """What each module of a JSON format offers."""

    FORMAT: Format

    def claims(self, top: Top) -> bool:
        """Whether a file with this beginning is in this format."""
        ...

    def read(self, source: JsonSource, hints: Hints) -> Log:
        """All of its conversations as a log."""
        ...


class ArchiveReader(Protocol):
    """What each module of a format of several files offers."""

    FORMAT: Format

    def claims_archive(self, archive: Archive) -> bool:
        """Whether an archive with these files is in this format."""
        ...

    def read_archive(self, archive: Archive, hints: Hints) -> Log:
        """All of its conversations as a log."""
        ...


# The first that claims a file reads it; those with the plainest marks come first.
JSON_READERS: tuple[JsonReader, ...] = (
    omokage, discord_json, meta, google_chat, hangouts, skype, x_archive, chatgpt, claude, gemini, open_webui, element,
    sillytavern, character_ai, ooba, agnai, wechat_json, teams, discord_package, signal_json, slack, telegram,
)  # fmt: skip
ARCHIVE_READERS: tuple[ArchiveReader, ...] = (discord_package, slack, x_archive, google_chat, meta)
