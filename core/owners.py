"""Whose things these are. One function decides; every handler asks it."""

import hashlib
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

KEY = re.compile(r"[A-Za-z0-9_\-]{32,64}")
WHOAMI_SECONDS = 120.0  # so long a token that was revoked still names its owner


def new_key() -> str:
    """A capability for a browser: 192 random bits. Who holds it is the owner."""
    return secrets.token_urlsafe(24)


def end_user(owner: str, channel: str, name: str) -> str:
    """The id under which is kept what belongs to somebody who talks through an owner's API key or bot.

    `channel` is the key or bot, `name` what the person is called there. Only the owner's deletion reaches it.
    """
    return f"{end_users_of(owner)}{_digest(f'{channel} {name}')}"


def end_users_of(owner: str) -> str:
    """How the ids of all of an owner's end users begin."""
    return f"user-{_digest(owner)[:16]}."


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass
class Owners:
    """Turns what a request carries into an owner's id, which is also the name of a folder.

    `whoami` maps a Hub token to its user name and raises when the Hub does not know the token;
    it is only asked on a Space, because a token in a request proves nothing by being there.
    """

    on_space: bool
    whoami: Callable[[str], str]
    _seen: dict[str, tuple[float, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def resolve_owner(self, *, login: str | None, token: str | None, key: str | None) -> str:
        """The owner's id: the login name; else, on a Space, the token's user; else the browser's key.

        Without any of them the visitor is "guest-" and a fresh random id: nothing is shared by accident.
        """
        if login:
            return f"login-{_digest(login)}"
        if token and self.on_space:
            return f"hf-{self._user(token)}"
        if key and KEY.fullmatch(key):
            return f"key-{_digest(key)}"
        return f"guest-{_digest(new_key())}"

    def _user(self, token: str) -> str:
        digest, now = _digest(token), time.monotonic()
        with self._lock:
            known = self._seen.get(digest)
        if known and now - known[0] < WHOAMI_SECONDS:
            return known[1]
        name = _digest(self.whoami(token))
        with self._lock:
            for old in [each for each, (asked, _) in self._seen.items() if now - asked >= WHOAMI_SECONDS]:
                del self._seen[old]
            self._seen[digest] = (now, name)
        return name
