"""Limits of one visitor: how long a message is, how many replies a minute."""

import pytest

from core import limits
from core.chat.limits import RateLimiter, replies_counter
from core.errors import InputError


def test_a_message_that_is_too_long_is_told() -> None:
    assert RateLimiter(longest=5).check("  x ") == "x"
    with pytest.raises(InputError, match=r"6 characters; 5 are allowed"):
        RateLimiter(longest=5).check("x" * 6)
    assert RateLimiter(longest=0).check("x" * 10**6)


def test_every_visitor_has_a_minute_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(limits.time, "monotonic", lambda: now[0])
    limited = RateLimiter(replies=replies_counter(2))
    limited.acquire("me")
    now[0] += 10
    limited.acquire("me")
    limited.acquire("other")
    now[0] += 20
    with pytest.raises(InputError, match="in 30 seconds") as told:
        limited.acquire("me")
    assert "30 秒" in told.value.ja
    now[0] += 30.5
    limited.acquire("me")
    with pytest.raises(InputError):
        limited.acquire("me")


def test_without_a_limit_nobody_waits() -> None:
    unlimited = RateLimiter()
    for _ in range(1000):
        unlimited.acquire("me")
