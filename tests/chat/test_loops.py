"""Loops: noticed while they are written, and never in what people write."""

from pathlib import Path

import pytest

from core.chat.loops import LEAST_COVER, find_loop, says_again
from core.logs.detect import read_log


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("そうだね。" + "今日は楽しかった。" * 5, "そうだね。今日は楽しかった。"),
        ("I see. " + "I love to bake cookies. " * 3, "I see. I love to bake cookies."),
        ("ab" * 40, "ab"),
        ("行く？" * 20, "行く？"),
        ("x" + "とてもとても長い文がここにあって、それがそのまま何度も何度も書かれる。\n" * 3, None),
        ("笑" * 300, "笑"),
    ],
)
def test_a_loop_is_cut_to_one_round(text: str, kept: str | None) -> None:
    loop = find_loop(text)
    assert loop is not None
    assert loop.cut(text) == (kept or text[: loop.start + loop.period].rstrip())
    assert find_loop(loop.cut(text)) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            "I am Socrates. What is justice? Let us see. What is justice? You tell me! What is justice?",
            "I am Socrates. What is justice? Let us see.",
        ),
        (
            "海が好きなんだよ。泳げないけど。海が好きなんだよ！本当に。海が好きなんだよ。",
            "海が好きなんだよ。泳げないけど。",
        ),
    ],
)
def test_a_sentence_that_is_said_a_third_time_is_a_loop_with_rests(text: str, kept: str) -> None:
    loop = find_loop(text)
    assert loop is not None and loop.cut(text) == kept
    assert all(find_loop(text[:end]) is None for end in range(len(text)))
    later = find_loop(f"{text} And so")  # what is streamed comes in pieces, past a sentence's end
    assert later is not None and later.cut(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "うん。そうだね。うん。いいよ。うん。うん。", "Yes. And you? Yes. Oh, yes. Yes.", "海が好き。" * 3,
        "笑" * 60, "w" * 100, "ｗｗｗ" * 40, "草" * 50, "あ" * 80, "うわ" + "ー" * 90, "！？" * 60, "…" * 100,
        "ｗw" * 50, "はははは" * 20, "ha" * 60, "ありがとう" * 7, "no " * 12, "かわいい" * 9, "🎉" * 100,
        "-" * 120, "ㅋㅋㅋ" * 30,
        "1. パン 2. 牛乳 3. 卵 4. バター", "行く行く！行こう行こう！",
    ],
)  # fmt: skip
def test_laughter_and_feeling_are_no_loops(text: str) -> None:
    assert all(find_loop(text[:end]) is None for end in range(len(text) + 1))


def test_a_loop_is_noticed_as_soon_as_it_is_one() -> None:
    text = "はい。" + "それでいいと思います。" * 20
    first = next(end for end in range(len(text)) if find_loop(text[:end]))
    assert first <= 3 + LEAST_COVER + 11


def test_no_message_that_people_wrote_is_one(shared: Path) -> None:
    texts = []
    for path in sorted((shared / "samples").glob("*/*.txt")):
        texts += [message.text for message in read_log(path).messages]
    assert len(texts) > 100
    assert not [text for text in texts for end in range(LEAST_COVER, min(len(text), 600) + 1) if find_loop(text[:end])]


def test_a_reply_of_before_is_known_again() -> None:
    before = ["今日は花屋で一日中立ちっぱなしだったよ〜", "うん", "それはよかったね！"]
    assert says_again("今日は花屋で一日中立ちっぱなしだったよ", before)
    assert says_again("今日は、花屋で一日じゅう立ちっぱなしだったよ!", before)
    assert not says_again("うん", before) and not says_again("それはよかったね！", before)  # people say that twice
    assert not says_again("今日は花屋がお休みだったから散歩してきたよ", before)
    assert not says_again("anything at all goes here", [])
