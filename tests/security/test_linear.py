"""Nothing that a stranger writes costs more than its length: patterns and parsers are fed what would make them slow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tried(program: str) -> list[dict]:
    """What `tests.helpers.pattern_attacks` prints in a process of its own."""
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_pattern_takes_time_in_proportion_to_its_text() -> None:
    *slow, summary = tried("from tests.helpers.pattern_attacks import main, uses; main(*uses())")
    assert summary["tried"] > 250
    assert not slow, "\n".join(map(str, slow))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_parser_takes_time_in_proportion_to_its_text() -> None:
    *slow, summary = tried("from tests.helpers.parser_attacks import main; main()")
    assert summary["tried"] >= 19
    assert not slow, "\n".join(map(str, slow))


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\s*x$", "search"),
        (r"[a-z]+\s*(.+?)\s*", "fullmatch"),
        (r"<q>.*?</q>", "finditer"),
        (r"\(- (?:\w+: \S+)+ -\)", "search"),
    ],
)
def test_a_pattern_that_takes_the_square_is_found(pattern: str, method: str) -> None:
    use = f"Use({pattern!r}, 0, {method!r}, 'here')"
    slow, _ = tried(f"from tests.helpers.pattern_attacks import Use, main; main([{use}], [])")
    assert slow["where"] == "here"
