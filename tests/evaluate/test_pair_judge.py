"""The pairwise judge: place, length and kin gain nothing, and what cannot be read counts for nobody."""

import math
from pathlib import Path

import pytest

from core.evaluate.judge import alike_in_length, family_of, judge_pair, of_the_same_family, question
from core.evaluate.measure import EvaluationSet, Measured
from core.evaluate.replies import WrittenReply
from core.synth.judge import JudgeReply
from tests.helpers.evaluate_tiny import mika_set


@pytest.fixture
def data(tmp_path: Path) -> EvaluationSet:
    return EvaluationSet.of(mika_set(tmp_path / "set"))


def saying(data: EvaluationSet, name: str, text: str, base: str = "Qwen/Qwen3-0.6B") -> Measured:
    replies = (WrittenReply((text,), finished=True),) * len(data.occasions)
    return Measured(name, base, name, 4, {}, None, None, replies)


class FairJudge:
    """Likes whoever says `good`; remembers what it was asked."""

    def __init__(self, good: str) -> None:
        self.good, self.asked = good, list[str]()

    def __call__(self, system: str, asked: str, temperature: float) -> JudgeReply:
        self.asked.append(asked)
        a = asked.split("Reply A:\n")[1].split("\n")[0]
        return JudgeReply(f'{{"comment": "x", "better": "{"A" if a == self.good else "B"}"}}')


def test_the_better_one_wins_from_either_place(data: EvaluationSet) -> None:
    good, bad, judge = saying(data, "one", "それな笑"), saying(data, "two", "はい。"), FairJudge("それな笑")
    assert judge_pair(judge, data, good, bad).win_rate == 1 and judge_pair(judge, data, bad, good).win_rate == 0
    assert len(judge.asked) == 4 * len(data.occasions)
    assert not any("one" in asked or "two" in asked for asked in judge.asked)  # names are hidden


def test_who_looks_at_the_place_alone_makes_ties(data: EvaluationSet) -> None:
    def first(system: str, asked: str, temperature: float) -> JudgeReply:
        return JudgeReply('{"comment": "x", "better": "A"}')

    result = judge_pair(first, data, saying(data, "one", "あ"), saying(data, "two", "い"))
    assert result.win_rate == 0.5 and result.order_consistency == 0


def test_the_same_words_are_a_tie_without_asking(data: EvaluationSet) -> None:
    judge = FairJudge("うん")
    result = judge_pair(judge, data, saying(data, "one", "うん"), saying(data, "two", "うん"))
    assert result.win_rate == 0.5 and not judge.asked


def test_what_cannot_be_read_is_no_verdict(data: EvaluationSet) -> None:
    asked: list[float] = []

    def mumbling(system: str, question: str, temperature: float) -> JudgeReply:
        asked.append(temperature)
        return JudgeReply("hmm, both are nice")

    result = judge_pair(mumbling, data, saying(data, "one", "あ"), saying(data, "two", "い"))
    assert math.isnan(result.win_rate) and sorted(set(asked)) == [0.0, 0.3, 0.6]


def test_a_reference_is_never_of_the_conversation_that_is_judged(data: EvaluationSet) -> None:
    judge = FairJudge("あ")
    judge_pair(judge, data, saying(data, "one", "あ"), saying(data, "two", "い"))
    for occasion, asked in zip(data.occasions, judge.asked[::2], strict=True):
        shown = asked.split("The conversation:")[0]
        assert shown.count("→") == 3 and " / ".join(occasion.real) not in shown


def test_length_is_no_merit_and_kin_is_named(data: EvaluationSet) -> None:
    assert alike_in_length("あ" * 100, "いい") == ("ああああ…", "いい")
    assert alike_in_length("", "いい") == ("", "いい")
    candidates = [saying(data, "one", "あ")]
    assert of_the_same_family("Qwen/Qwen3-8B", candidates) and not of_the_same_family("gpt-4o", candidates)
    assert family_of("sbintuitions/sarashina2.2-1b") == "sarashina"
    assert "Reply A:\nあ" in question("Mika", data.occasions[0], data.occasions[1:3], "あ", "い")
