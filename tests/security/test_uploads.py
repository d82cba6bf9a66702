"""Gradio's upload route: as often as is allowed, while there is room, and a full disk in words."""

import errno
import json
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from core.chat.limits import RateLimiter
from core.errors import InputError
from core.limits import LOCAL, Limits, uploads_counter
from core.logs.detect import read_log
from core.workspace import Workspace
from tabs.ui.web.uploads import ROUTE, UploadGuard
from tests.helpers.run_async import run_async


async def taken(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"[]"})


async def full(scope: Scope, receive: Receive, send: Send) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def client(app: object, home: Path, limits: Limits = LOCAL, each: int = 0, total: int = 0) -> TestClient:
    guard = UploadGuard(app, Workspace(home, limits), uploads_counter(each, total))  # type: ignore[arg-type]
    return TestClient(guard, client=("10.0.0.1", 1))


def test_an_address_uploads_only_so_often(tmp_path: Path) -> None:
    asked = client(taken, tmp_path, each=2)
    assert [asked.post(ROUTE, content=b"x").status_code for _ in range(3)] == [200, 200, 429]
    assert asked.get("/gradio_api/info").status_code == 200
    refused = asked.post(ROUTE, content=b"x", headers={"accept-language": "ja"})
    assert "1 時間のアップロードは 2 回まで" in refused.json()["detail"]


def test_there_has_to_be_room_for_everybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = client(taken, tmp_path, Limits(disk_mb_total=1))
    assert asked.post(ROUTE, content=b"x" * 10).status_code == 200
    assert "everybody's things" in asked.post(ROUTE, content=b"x" * 2_000_000).json()["detail"]
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    assert "The disk is full (5 B free, 10 B needed)" in client(taken, tmp_path).post(ROUTE, content=b"x" * 10).text


def test_a_disk_that_gets_full_is_said(tmp_path: Path) -> None:
    refused = client(full, tmp_path).post(ROUTE, content=b"x")
    assert refused.status_code == 507 and "The disk is full" in json.loads(refused.text)["detail"]
    with pytest.raises(RuntimeError, match="else"):
        run_async(_failing, tmp_path)


async def _failing(home: Path) -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("something else")

    guard = UploadGuard(other, Workspace(home), uploads_counter(0))
    scope = {"type": "http", "path": ROUTE, "method": "POST", "headers": [], "client": ("10.0.0.1", 1)}
    await guard(scope, None, None)  # type: ignore[arg-type]


def test_half_a_character_in_what_is_said_is_replaced() -> None:
    assert RateLimiter().check("a\ud83d b ") == "a\ufffd b"


def test_an_archive_with_a_password_says_so(tmp_path: Path) -> None:
    path = tmp_path / "chat.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("chat.txt", "x" * 100)
    data = bytearray(path.read_bytes())
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):  # the flag that says: encrypted
        data[data.index(mark) + at] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="password") as told:
        read_log(path)
    assert "パスワード" in told.value.ja


def test_a_link_in_an_archive_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("2024/01/01 10:00 - Ann: secret\n" * 9, encoding="utf-8")
    path = tmp_path / "link.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("chat.txt")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, str(tmp_path / "secret.txt"))
    with pytest.raises(InputError) as told:
        read_log(path)
    assert "secret:" not in told.value.en
