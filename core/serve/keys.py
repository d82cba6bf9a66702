"""API keys: shown once, kept as a digest, each with what it may do.

A key names its file, `owners/<owner>/api_keys/<id>.json`, so that the owner is known by the key alone; what is secret
of it has 256 random bits, for which a plain SHA-256 is enough.
"""

import hashlib
import hmac
import os
import re
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.errors import InputError
from core.files import read_json, write_json
from core.limits import check_count
from core.stored import DamagedError, parse, readable, reading
from core.text import Text
from core.workspace import Workspace

KEY_TEXT = re.compile(r"omk-([0-9a-f]{16})-([A-Za-z0-9_\-]{43})")
MOST_KEYS = 50  # of one owner
LONGEST_KEY_NAME = 60  # characters
MOST_PER_MINUTE = 600
CLOCK = 0.001  # seconds: as exactly as file systems keep times
USED_EVERY = 60.0  # seconds: so exact is the time of a key's last use


@dataclass(frozen=True)
class ApiKey:
    """What a key may do. The key itself is nowhere."""

    id: str
    owner: str
    name: str
    digest: str
    """SHA-256 of the whole key, in hex."""
    created: float
    """Seconds since 1970, as `ends` and `last_used`."""
    model: str = ""
    """The one model that it may ask, by its name in the API; "": all of the owner's."""
    memory: bool = False
    """Whether it may use and fill the memory, for requests that ask for that."""
    per_minute: int = 30
    """Replies."""
    ends: float = 0.0
    """When it stops working; 0 is never."""
    last_used: float = 0.0
    """0 is never."""

    @property
    def ended(self) -> bool:
        return bool(self.ends) and time.time() >= self.ends


@dataclass(frozen=True)
class ApiKeys:
    """Every owner's keys."""

    workspace: Workspace

    def create(
        self, owner: str, name: str, *, model: str = "", memory: bool = False, per_minute: int = 30, days: int = 0
    ) -> tuple[ApiKey, str]:
        """(the new key's record, the key, which is never to be had again). `days` it works; 0 is without end.

        Raises InputError for a name that is empty or too long, limits out of bounds, or too many keys.
        """
        name = " ".join(name.split())
        if not 0 < len(name) <= LONGEST_KEY_NAME:
            raise InputError(
                f"The key's name has {len(name)} characters. Give it 1 to {LONGEST_KEY_NAME}, such as the program's.",
                f"キーの名前が {len(name)} 文字です。プログラム名など 1〜{LONGEST_KEY_NAME} 文字で付けてください。",
            )
        if not 1 <= per_minute <= MOST_PER_MINUTE or not 0 <= days <= 3650:
            raise InputError(
                f"A key answers 1 to {MOST_PER_MINUTE} times a minute and works up to 3650 days, "
                f"not {per_minute} and {days}.",
                f"キーの上限は 1 分間に 1〜{MOST_PER_MINUTE} 回、期限は 3650 日までです"
                f"（入力は {per_minute} 回、{days} 日）。",
            )
        check_count(len(self.list_all(owner)), MOST_KEYS, Text("API keys", "API キー"))
        key_id, now = secrets.token_hex(8), time.time()
        text = f"omk-{key_id}-{secrets.token_urlsafe(32)}"
        ends = now + days * 86400.0 if days else 0.0
        key = ApiKey(key_id, owner, name, _digest(text), now, model, memory, per_minute, ends)
        path = self._path(owner, key_id)
        write_json(path, asdict(key))
        os.utime(path, (now, now))  # when the file was written later, the key was used
        return key, text

    def list_all(self, owner: str) -> "list[ApiKey]":
        """The newest first; what cannot be read is left out, and opens nothing."""
        names = [name[:-5] for name in self.workspace.names(owner, "api_keys") if name.endswith(".json")]
        found, _ = readable(names, lambda key_id: _read(self._path(owner, key_id)))
        return sorted(found, key=lambda key: -key.created)

    def damaged(self, owner: str) -> "list[DamagedError]":
        """What `list_all` leaves out."""
        names = [name[:-5] for name in self.workspace.names(owner, "api_keys") if name.endswith(".json")]
        return readable(names, lambda key_id: _read(self._path(owner, key_id)))[1]

    def find(self, text: str) -> ApiKey | None:
        """The record of a key that works, or None: unknown, revoked, ended, or its file is damaged."""
        given = KEY_TEXT.fullmatch(text)
        if given is None:
            return None
        for path in self.workspace.home.glob(f"owners/*/api_keys/{given[1]}.json"):
            with suppress(DamagedError, FileNotFoundError):
                key = _read(path)
                if hmac.compare_digest(key.digest, _digest(text)) and not key.ended:
                    return key
        return None

    def used(self, key: ApiKey) -> None:
        """Note that a key was used now, and that its owner is still about."""
        now = time.time()
        if now - key.last_used >= USED_EVERY:
            with suppress(FileNotFoundError):  # revoked in this moment
                os.utime(self._path(key.owner, key.id), (now, now))
                self.workspace.seen(key.owner)

    def revoke(self, owner: str, key_id: str) -> None:
        """A key of the owner's works no longer, from the next request on."""
        self._path(owner, key_id).unlink(missing_ok=True)

    def _path(self, owner: str, key_id: str) -> Path:
        return self.workspace.place(owner, "api_keys", f"{key_id}.json")


def _read(path: Path) -> ApiKey:
    """Raises DamagedError, also where the file says that it is somebody else's."""
    with reading(path):
        key = parse(ApiKey, read_json(path))
        if (key.id, key.owner) != (path.stem, path.parents[1].name) or len(key.digest) != 64:
            raise ValueError("it is not the key that its place says")
    written = path.stat().st_mtime
    return replace(key, last_used=written if written > key.created + CLOCK else 0.0)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
