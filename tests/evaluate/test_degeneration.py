"""Loops, sameness, missing ends and copies are found, and what people write on purpose is not."""

import math

import pytest

from core.evaluate.degeneration import LearnedText, compression_ratio, degeneration, distinct, equal_size, loops
from core.evaluate.replies import Occasion, WrittenReply
from core.messages import Turn

ASKED = Occasion(0, (Turn("user", ("元気？",)),), ("元気だよ",))
NOTHING = LearnedText([])


def said(*texts: str, finished: bool = True) -> list[WrittenReply]:
    return [WrittenReply((text,), finished) for text in texts]


@pytest.mark.parametrize(
    "text",
    ["そうだね、いいよ、" * 9, "I am here. " * 9, "今日は雨だったね。明日も雨。今日は雨だったね。今日は雨だったね。"],
)
def test_a_loop_is_one(text: str) -> None:
    assert loops(text)


@pytest.mark.parametrize("text", ["笑" * 30, "うん\nうん\nうん", "まってまってまって", "えーーーーーーーーー！！！"])
def test_laughter_is_none(text: str) -> None:
    assert not loops(text)


def test_shares_are_of_replies() -> None:
    replies = [*said("それな", "ぜんぜん違う話をしようよ、きょうは"), *said("そうだね、いいよ、" * 9, finished=False)]
    found = degeneration(replies, [ASKED] * 3, NOTHING, 30)
    assert found.loops == pytest.approx(1 / 3) and found.ended == pytest.approx(2 / 3) and found.copied == 0
    assert math.isnan(degeneration([], [], NOTHING, 0).loops)


def test_sameness_is_compared_on_as_much_text() -> None:
    varied, same = said("あいうえおかきくけこ", "さしすせそたちつてと"), said(*["うんうんうん"] * 40)
    size = equal_size([varied, same])
    assert size == 21
    one, other = (degeneration(replies, [ASKED] * len(replies), NOTHING, size) for replies in (varied, same))
    assert one.distinct_1 > 0.9 > 0.2 > other.distinct_1 and one.distinct_2 > other.distinct_2
    assert one.compression > other.compression
    assert math.isnan(distinct("", 1)) and math.isnan(compression_ratio(""))


def test_a_stretch_of_a_training_reply_is_a_copy_unless_it_was_just_said() -> None:
    learned = LearnedText(["きのう駅前の喫茶店で三時間もずっと本を読んでいたんだ"])
    copy = "へえ、駅前の 喫茶店で三時間もずっと本を読んでいたよ"
    assert learned.holds(copy, ASKED) and not learned.holds("駅前の喫茶店で本を読んでいたよ、きのうも", ASKED)
    quoted = Occasion(0, (Turn("user", ("駅前の喫茶店で三時間もずっと本を読んでいたって？",)),), ("うん",))
    assert not learned.holds("駅前の喫茶店で三時間もずっと本を読んでいた", quoted)
    assert degeneration(said(copy), [ASKED], learned, 9).copied == 1
