"""Writing habits: each gap rises with its own habit and with no other."""

import pytest

from core.evaluate.habits import HABITS, gaps, jensen_shannon
from core.evaluate.replies import WrittenReply

REAL = [WrittenReply((f"それな{k % 3}よ",), finished=True) for k in range(30)]


def changed(*messages: str) -> dict[str, float]:
    written = [WrittenReply(messages, finished=True)] * 30
    return {gap.habit: gap.distance for gap in gaps(written, REAL)}


@pytest.mark.parametrize(
    ("messages", "habit"),
    [
        (("それな1よ", "それな2よ", "それな0よ"), "burst"),
        (("とても長い返事をこうしてだらだらと書きつづけるよ" * 3,), "length"),
        (("俺はいくよ",), "first_person"),
        (("それ😊なよ",), "emoji"),
        (("それなよ？",), "question"),
    ],
)
def test_another_habit_shows_as_its_own_gap(messages: tuple[str, ...], habit: str) -> None:
    found = changed(*messages)
    assert set(found) == set(HABITS) and found[habit] > 0.9
    kin = {"question": {"ending"}}.get(habit, set())
    assert all(found[other] < 0.5 for other in {"burst", "first_person", "emoji", "question"} - {habit} - kin)


def test_the_same_has_no_gap_and_two_halves_have_what_chance_gives() -> None:
    assert all(gap.distance == 0 for gap in gaps(REAL, REAL))
    mixed = [
        WrittenReply(("短い",), True) if k // 2 % 2 else WrittenReply(("とても長い返事" * 4,), True) for k in range(8)
    ]
    assert all(gap.expected == 0 for gap in gaps(mixed, mixed))
    assert gaps([], REAL) == gaps([WrittenReply((), finished=False)], REAL) == ()


def test_english_says_i() -> None:
    written = [WrittenReply(("I think i'd rather ask my friend",), finished=True)]
    assert {gap.habit: gap.distance for gap in gaps(written, REAL)}["first_person"] == pytest.approx(1)
    ourselves = [WrittenReply(("私たちはいくよ、自分たちも",), finished=True)]
    assert {gap.habit: gap.distance for gap in gaps(ourselves, REAL)}["first_person"] == 0


def test_the_distance_is_symmetric_and_between_0_and_1() -> None:
    one, other = {"a": 3, "b": 1}, {"a": 1, "c": 4}
    assert jensen_shannon(one, other) == pytest.approx(jensen_shannon(other, one))
    assert 0 < jensen_shannon(one, other) < 1
    assert jensen_shannon({}, other) == 0
