"""The password: from where it comes, how it is compared, and how slow it is to guess."""

import hmac
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import app
from core import attempts
from core.errors import InputError
from core.settings import Settings, worker_environment
from tabs.ui.web import login
from tabs.ui.web.login import FIRST_PAUSE, LONGEST_PAUSE, WRONG_BY_ADDRESS, login_check
from tests.helpers.run_async import run_async
from tests.security.conftest import Serve

PEOPLE = ("ann:secret:with colon", "花子:ひみつ")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []

    async def noted(seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(login.asyncio, "sleep", noted)
    return made


def ask(client: TestClient, name: str, password: str, **headers: str) -> int:
    return client.post("/login", data={"username": name, "password": password}, headers=headers).status_code


def fit(check: Callable[[str, str], Awaitable[bool]], name: str, password: str) -> bool:
    return run_async(check, name, password)


def test_who_fits(pauses: list[float]) -> None:
    check = login_check(PEOPLE)
    assert fit(check, "ann", "secret:with colon") and fit(check, "花子", "ひみつ")
    for name, password in (("ann", "ひみつ"), ("花子", "secret:with colon"), ("ann", ""), ("", ""), ("bob", "\ud800")):
        assert not fit(check, name, password)


def test_each_comparison_is_made_whatever_the_name(monkeypatch: pytest.MonkeyPatch, pauses: list[float]) -> None:
    made: list[tuple] = []
    monkeypatch.setattr(login.hmac, "compare_digest", lambda a, b: made.append((len(a), len(b))) or a == b)
    for name in ("ann", "nobody", "花子"):
        made.clear()
        fit(login_check(PEOPLE), name, "wrong")
        assert made == [(32, 32)] * 4
    assert hmac.compare_digest(b"a", b"a")


def test_a_name_is_slowed_and_never_locked(pauses: list[float]) -> None:
    check = login_check(PEOPLE)
    for _ in range(40):
        assert not fit(check, "ann", "guess")
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE] and max(pauses) == LONGEST_PAUSE
    assert fit(check, "ann", "secret:with colon") and pauses[-1] == LONGEST_PAUSE
    pauses.clear()
    assert fit(check, "花子", "ひみつ") and pauses == []


def test_an_address_waits(serve: Serve, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    client = serve(public=True, auth=PEOPLE)
    assert client.get("/config").status_code == 401
    assert [ask(client, f"name{n}", "guess") for n in range(WRONG_BY_ADDRESS)] == [400] * WRONG_BY_ADDRESS
    refused = client.post("/login/", data={"username": "ann", "password": "x"}, headers={"accept-language": "ja"})
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) > 500
    assert "分待って" in refused.json()["detail"]
    assert ask(client, "ann", "secret:with colon", **{"x-forwarded-for": "203.0.113.9"}) == 429, "nobody vouches for it"
    other = TestClient(client.app, base_url="http://127.0.0.1:7860", client=("203.0.113.9", 1))
    assert ask(other, "ann", "secret:with colon") == 200 and other.get("/config").status_code == 200
    later = attempts.time.monotonic() + login.SECONDS + 1
    monkeypatch.setattr(attempts.time, "monotonic", lambda: later)
    assert ask(client, "ann", "secret:with colon") == 200


def test_the_password_need_not_be_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "people"
    file.write_text("ann:a:b\n\n bob :c\n", encoding="utf-8")
    assert Settings.from_env({"OMOKAGE_AUTH_FILE": str(file)}).auth == ("ann:a:b", "bob:c")
    read = Settings.from_env({"OMOKAGE_AUTH": "me:secret"})
    assert read.auth == ("me:secret",) and "secret" not in repr(read)
    told = app.with_options(read, app.parse(["--share", "--auth-file", str(file), "--auth", "you:d"]))
    assert told.auth == ("me:secret", "you:d", "ann:a:b", "bob:c")
    app.parse(["--share"], login=True)
    monkeypatch.setenv("OMOKAGE_AUTH", "me:secret")
    assert not any("secret" in value for value in worker_environment().values())


@pytest.mark.parametrize("given", ["me", "me:", ":hush-hush", "  :hush-hush"])
def test_half_a_login_is_told_and_not_quoted(given: str, tmp_path: Path) -> None:
    (tmp_path / "people").write_text(f"ok:ok\n{given}\n", encoding="utf-8")
    for env in ({"OMOKAGE_AUTH": given}, {"OMOKAGE_AUTH_FILE": str(tmp_path / "people")}):
        with pytest.raises(InputError) as told:
            Settings.from_env(env)
        assert "hush" not in told.value.en + told.value.ja


@pytest.mark.parametrize("content", [None, "", "\n\n", b"\xff\xfe\xff"])
def test_a_file_without_a_password_lets_nobody_start(content: str | bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "people"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match="people"):
        Settings.from_env({"OMOKAGE_AUTH_FILE": str(file)})
