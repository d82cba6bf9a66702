"""Bots of an owner: which persona speaks, where, and with which secrets.

A messenger's secrets have to be sent or compared as they are, so they are stored as they are, readable for this
machine's user alone; the page never shows them again.
"""

import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core.errors import InputError
from core.files import read_json, write_json
from core.limits import check_count
from core.stored import DamagedError, parse, readable, reading
from core.text import Text
from core.workspace import Workspace

BOT_ID = re.compile(r"[0-9a-f]{16}")
MOST_BOTS = 20  # of one owner


@dataclass(frozen=True)
class Bot:
    """One bot of LINE."""

    id: str
    owner: str
    model: str
    """The persona, alone or with an adapter, by its name in the API (`core.serve.model_names`)."""
    secret: str = field(repr=False)
    """With which LINE signs what it sends."""
    token: str = field(repr=False)
    """With which LINE is answered."""
    created: float
    language: str = "ja"
    """Of what it says before it knows the language of the other side."""
    memory: bool = True
    """Whether each person is remembered, for that person alone."""
    push: bool = False
    """Later bubbles come at the pace of typing, as messages that count in LINE's plan; else all come together."""
    per_minute: int = 10
    """Replies to one person."""


@dataclass(frozen=True)
class Bots:
    """Every owner's bots."""

    workspace: Workspace

    def create(
        self, owner: str, model: str, secret: str, token: str, *, language: str, memory: bool, push: bool
    ) -> Bot:
        """Raises InputError for secrets that LINE does not give out, or too many bots."""
        secret, token = secret.strip(), token.strip()
        if not re.fullmatch(r"[0-9a-f]{32}", secret):
            raise InputError(
                "A LINE channel secret has 32 letters and digits. Copy it from Basic settings in the LINE console.",
                "チャネルシークレットは 32 文字です。LINE の「チャネル基本設定」からコピーしてください。",
            )
        if not re.fullmatch(r"[A-Za-z0-9+/=._\-]{40,600}", token):
            raise InputError(
                "This is no LINE channel access token. Issue a long-lived one under Messaging API in the LINE console.",
                "チャネルアクセストークンではありません。LINE の「Messaging API 設定」で発行してください。",
            )
        check_count(len(self.list_all(owner)), MOST_BOTS, Text("bots", "ボット"))
        bot = Bot(secrets.token_hex(8), owner, model, secret, token, time.time(), language, memory, push)
        path = self._path(owner, bot.id)
        write_json(path, asdict(bot))
        os.chmod(path, 0o600)
        return bot

    def list_all(self, owner: str) -> "list[Bot]":
        """The newest first; what cannot be read is left out."""
        return sorted(self._readable(owner)[0], key=lambda bot: -bot.created)

    def damaged(self, owner: str) -> "list[DamagedError]":
        """What `list_all` leaves out."""
        return self._readable(owner)[1]

    def find(self, bot_id: str) -> Bot | None:
        """The bot with this id, whoever has it; None where there is none that can be read."""
        if BOT_ID.fullmatch(bot_id):
            for path in self.workspace.home.glob(f"owners/*/bots/{bot_id}.json"):
                with suppress(DamagedError, FileNotFoundError):
                    return _read(path)
        return None

    def remove(self, owner: str, bot_id: str) -> None:
        """End a bot: from the next message on nobody answers."""
        self._path(owner, bot_id).unlink(missing_ok=True)

    def _readable(self, owner: str) -> "tuple[list[Bot], list[DamagedError]]":
        names = [name for name in self.workspace.names(owner, "bots") if name.endswith(".json")]
        return readable(names, lambda name: _read(self.workspace.place(owner, "bots", name)))

    def _path(self, owner: str, bot_id: str) -> Path:
        return self.workspace.place(owner, "bots", f"{bot_id}.json")


def _read(path: Path) -> Bot:
    with reading(path):
        bot = parse(Bot, read_json(path))
        if (bot.id, bot.owner) != (path.stem, path.parents[1].name):
            raise ValueError("it is not the bot that its place says")
    return bot
