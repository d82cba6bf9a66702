"""The reader of docs/tutorial.md does what the page says."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

from core.logs.log import Hints
from core.messages import Kind

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_the_reader_of_the_tutorial_reads_every_line() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    reader: dict[str, Any] = {}
    exec(code, reader)
    text = "torn\n2025-04-18 12:08 <葵> みなと\nみなと\n2025-04-18 12:09 <湊> どうした\n"
    assert reader["score"](text.splitlines()) == 2
    log = reader["read"](text, Hints())
    assert [(m.sender, m.text, m.kind) for m in log.messages] == [
        (None, "torn", Kind.UNKNOWN), ("葵", "みなと\nみなと", Kind.TEXT), ("湊", "どうした", Kind.TEXT),
    ]  # fmt: skip
    assert log.messages[1].time == datetime(2025, 4, 18, 12, 8)
    assert (log.lines.total, log.lines.messages, log.lines.unread) == (4, 3, 1)
