"""One-time codes that hand a browser's key to another device: read off one screen, typed at the other."""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field

from core.attempts import WrongAttempts
from core.errors import NotAllowedError

LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # without 0, 1, I and O, which look like others
LENGTH = 8  # 40 bits
SECONDS = 600.0
WRONG_BY_ONE, WRONG_BY_ALL = 10, 200  # in SECONDS; all together then guess one code in five thousand million


@dataclass
class HandoverCodes:
    """Codes in memory alone: each is good once, for ten minutes, and gone with the process."""

    _keys: dict[str, tuple[float, str]] = field(default_factory=dict, repr=False)
    _by_one: WrongAttempts = field(default_factory=lambda: WrongAttempts(WRONG_BY_ONE, SECONDS))
    _by_all: WrongAttempts = field(default_factory=lambda: WrongAttempts(WRONG_BY_ALL, SECONDS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def issue(self, key: str) -> str:
        """A code for `key`, as ABCD-EFGH. An earlier one for it is good no more."""
        code = "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
        now = time.monotonic()
        with self._lock:
            self._keys = {d: held for d, held in self._keys.items() if held[0] > now and held[1] != key}
            self._keys[_digest(code)] = now + SECONDS, key
        return f"{code[:4]}-{code[4:]}"

    def redeem(self, code: str, who: str) -> str:
        """The key behind `code`, which is good no more; `who` is the address that asks. Raises NotAllowedError."""
        wait = max(self._by_one.wait(who), self._by_all.wait(""))
        if wait > 0:
            raise NotAllowedError(
                f"Too many wrong codes. Try again in {wait / 60:.0f} minutes, with a new code.",
                f"コードの間違いが続いています。{wait / 60:.0f} 分待って、新しいコードでお試しください。",
            )
        with self._lock:
            until, key = self._keys.pop(_digest(_plain(code)), (0.0, ""))
        if until <= time.monotonic():
            self._by_one.add(who)
            self._by_all.add("")
            raise NotAllowedError(
                f"“{code[:20]}” is no code that is good now: each is good once, for {SECONDS / 60:.0f} minutes. Show a "
                "new one on the other device.",
                f"「{code[:20]}」は使えません。コードは一度だけ、{SECONDS / 60:.0f} 分のあいだ使えます。"
                "もう一方の端末で新しいコードを表示してください。",
            )
        return key


def _plain(code: str) -> str:
    return "".join(code.upper().split()).replace("-", "")


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode(errors="replace")).hexdigest()
