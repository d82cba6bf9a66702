"""IRC logs of several clients: nicks, clocks, days, notices and actions."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from core.errors import InputError
from core.logs.detect import read_log
from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import read_text, words


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Log]:
    return partial(read_text, tmp_path, FORMATS)


FORMATS = ("irc",)
CLIENTS = {
    "irssi": "--- Log opened Mon Jan 01 12:00:00 2024\n12:00 <@ann> hi: all\n12:01 < bo> yo <b>\n12:02 <@ann> ok\n",
    "ZNC": "[12:00:00] <ann> hi: all\n[12:01:00] <bo> yo <b>\n[12:02:00] <ann> ok\n",
    "XChat": "**** BEGIN LOGGING AT Mon Jan  1 12:00:00 2024\n\nJan 01 12:00:00 <ann>\thi: all\n"
             "Jan 01 12:01:00 <bo>\tyo <b>\nJan 01 12:02:00 <ann>\tok\n",
    "WeeChat": "2024-01-01 12:00:00\t@ann\thi: all\n2024-01-01 12:01:00\tbo\tyo <b>\n2024-01-01 12:02:00\tann\tok\n",
    "full dates": "2024-01-01 12:00:00 <ann> hi: all\n2024-01-01 12:01:00 <bo> yo <b>\n2024-01-01 12:02:00 <ann> ok\n",
    "no clocks": "<ann> hi: all\n<bo> yo <b>\n<ann> ok\n",
}  # fmt: skip


@pytest.mark.parametrize("client", CLIENTS)
def test_clients(read, client):
    log = read(CLIENTS[client])
    assert words(log) == [("ann", "hi: all"), ("bo", "yo <b>"), ("ann", "ok")]
    dated = client not in ("ZNC", "no clocks")
    assert log.messages[1].time == (datetime(2024, 1, 1, 12, 1) if dated else None)


def test_notices_actions_and_the_next_day(read):
    log = read(
        "--- Log opened Mon Jan 01 23:00:00 2024\n23:00 -!- bo [~b@host] has joined #x\n23:01 <ann> hi\n"
        "23:02  * bo waves back\n--- Day changed Tue Jan 02 2024\n00:01 <bo> late\n00:02 <ann> yes\n"
    )
    assert [(m.sender, m.text, m.kind) for m in log.messages[1:3]] == [
        ("ann", "hi", Kind.TEXT), ("bo", "waves back", Kind.TEXT)
    ]  # fmt: skip
    assert log.messages[0].kind is Kind.SYSTEM and log.messages[3].time == datetime(2024, 1, 2, 0, 1)


def test_html_is_no_irc(tmp_path):
    path = tmp_path / "page.html"
    path.write_text("<html>\n<body> x\n<p> a\n<p> b\n<p> c\n", encoding="utf-8")
    with pytest.raises(InputError):
        read_log(path)
