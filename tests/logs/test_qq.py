"""QQ as text: heads with numbers, the preamble, marks, and people who change their name."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from core.logs.log import Log
from core.messages import Kind
from tests.helpers.log_files import read_text, words


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Log]:
    return partial(read_text, tmp_path, FORMATS)


FORMATS = ("qq",)


def test_messages(read):
    log = read(
        "消息记录（此消息记录为文本格式，不支持重新导入）\n\n================\n消息分组:我的好友\n================\n"
        "消息对象:小明\n================\n\n2019-07-16 18:15:05 小明(23333)\n你好\n第二行\n\n"
        "2019-07-16 8:16:05 我<me@example.com>\n[图片]\n\n2019-07-16 18:17:05 大明(23333)\n嗯[表情]\n\n"
        "2019-07-16 18:18:05 系统消息(10000)\n小明撤回了一条消息\n"
    )
    assert words(log) == [
        ("小明", "你好\n第二行"),
        ("我", "[图片]"),
        ("小明", "嗯[表情]"),
        (None, "小明撤回了一条消息"),
    ]
    assert [m.kind for m in log.messages] == [Kind.TEXT, Kind.MEDIA, Kind.TEXT, Kind.UNSENT]
    assert log.messages[1].time == datetime(2019, 7, 16, 8, 16, 5) and log.messages[0].line == 9
    assert log.partner == "小明" and log.lines.marks == 6 and not log.unread()
