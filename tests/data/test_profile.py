"""A persona's profile: numbers that can be counted by hand."""

import pytest

from core.data.favourite_words import favourites
from core.data.profile import DELAYS, LENGTHS, distribution, end_of, profile
from core.messages import Kind
from tests.data.test_rows import log_of, say


def test_numbers_of_a_small_log():
    log = log_of(
        say("A", "元気？", 0), say("P", "元気だよ〜", 3), say("P", "😊😊", 3), say("P", "[写真]", 3, Kind.MEDIA),
        say("A", "よかった", 65), say("P", "うん笑", 66), say("A", "じゃあ", 60 * 48), say("P", "またね！", 60 * 60),
    )  # fmt: skip
    made = profile(log, "P")
    assert made.messages == 4 and made.with_emoji == 0.25
    assert (made.length.count, made.length.mean, made.length.median, made.length.max) == (4, 3.5, 3.5, 5)
    assert [b.count for b in made.bursts.bins][:2] == [2, 1]
    assert (made.hours[12], made.hours[13], sum(made.hours)) == (2, 1, 4)
    assert (made.delays.count, made.delays.median, made.delays.max) == (3, 3.0, 720.0)
    assert {c.text: c.count for c in made.marks} == {"〜": 1, "": 1, "笑": 1, "！": 1}
    assert {c.text: c.count for c in made.endings} == {"だよ": 1, "ね": 1}
    assert made.emoji[0].text == "😊" and made.emoji[0].count == 2


@pytest.mark.parametrize(
    ("text", "mark", "word"),
    [
        ("行きます。", "。", "ます"), ("いいですね", "", "ね"), ("そうなんだｗｗｗ", "w", "だ"),
        ("ほんとかな？？", "？", "かな"),
        ("やばい(笑)", "笑", ""), ("え！？", "！？", ""), ("うん…", "…", ""), ("やるけど。。。", "…", "けど"),
        ("よーーー", "ー", "よ"), ("見た👨‍👩‍👧‍👦🇯🇵", "", ""), ("I know", "", ""),
        ("sure lol", "", "lol"), ("ok :)", "", ""),
        ("see you.", "。", ""), ("fox", "", ""), ("love you x", "", "x"), ("", "", ""), ("草", "w", ""),
        ("行くよ♪笑", "笑", "よ"),
    ],
)  # fmt: skip
def test_endings(text, mark, word):
    assert end_of(text) == (mark, word)


def test_emoji_of_several_parts_and_kaomoji_count_as_one():
    made = profile(log_of(say("A", "x"), say("P", "👩🏽‍💻🇯🇵1️⃣"), say("P", "やった(´∀｀)ﾉ"), say("P", "(明日)")), "P")
    assert [c.text for c in made.emoji] == ["👩🏽‍💻", "🇯🇵", "1️⃣"]
    assert [c.text for c in made.kaomoji] == ["(´∀｀)ﾉ"]


def test_favourite_words_are_said_more_often_than_by_others():
    verbs = ("行く", "食べる", "見る", "寝た", "走る", "飲んだ")
    own = (
        [f"わたくしは{v}のでござる" for v in verbs] + [f"{v}、ござるよ" for v in verbs] + [f"really {v}" for v in verbs]
    )
    others = [f"わたしは{v}の" for v in verbs] * 4
    words = {word.text: word for word in favourites(own, others)}
    assert {"ござる", "really"} <= words.keys() and not {"行く", "わた", "たし"} & words.keys()
    assert words["ござる"].count == 12 and words["ござる"].times > 10


def test_somebody_who_writes_nothing_and_a_log_without_times():
    empty = profile(log_of(say("A", "x"), say("P", "y")), "B")
    assert empty.messages == 0 and empty.length.count == 0 and empty.words == () and sum(empty.hours) == 0
    timeless = profile(log_of(say("A", "x", None), say("P", "y", None)), "P")
    assert timeless.delays.count == 0 and sum(timeless.hours) == 0 and timeless.bursts.count == 1


def test_every_value_is_in_one_class():
    made = distribution([0, 1, 3, 4, 200, 10**6], LENGTHS)
    assert sum(b.count for b in made.bins) == made.count == 6
    assert made.bins[0].count == 3 and made.bins[-1].count == 1 and made.bins[-1].end is None
    assert distribution([], DELAYS).mean == 0
    assert distribution(range(1, 101), DELAYS).p90 == 90


def test_how_fast_somebody_types_is_told_by_messages_in_a_row_and_a_clock_of_seconds():
    def talk(step: float, rows: int = 15) -> list:
        lines = []
        for n in range(rows):
            lines += [say("A", "x" * 90, 10 * n), say("P", "x" * 40, 10 * n + 1), say("P", "x" * 24, 10 * n + 1 + step),
                      say("P", "later", 10 * n + 5), say("P", "x" * 24, 10 * n + 5 + step)]  # fmt: skip
        return lines

    assert profile(log_of(*talk(8 / 60)), "P").typing == 3.0  # 24 letters in 8 seconds; minutes of silence count not
    assert profile(log_of(*talk(8 / 60, rows=5)), "P").typing == 0.0  # too few to tell
    assert profile(log_of(*talk(1)), "P").typing == 0.0  # a clock of minutes
