"""Figures of diversity against values worked out by hand."""

import math
import random

import pytest

from core.synth.diversity import compression_ratio, coverage, distinct_n, diversity, self_bleu, units
from core.synth.prompts import SpokenTurn
from core.synth.records import DialogueRecord


def record(number: int, text: str, kind: str = "ordinary", opening: str = "a") -> DialogueRecord:
    turns = (SpokenTurn("user", ("問い",)), SpokenTurn("persona", (text,)))
    return DialogueRecord(str(number), number, "P", "U", "u", kind, "問い", opening, 0.3, "complete", 1, turns)


def test_distinct_counts_letters_of_japanese_and_words_of_english() -> None:
    assert units("海 だ。") == ["海", "だ", "。"]
    assert units("It's a Sea") == ["it", "'", "s", "a", "sea"]
    assert distinct_n(["あいあい"], 2) == 2 / 3
    assert distinct_n(["a"], 2) == 0


def test_self_bleu_of_the_same_is_one_and_of_strangers_nothing() -> None:
    assert self_bleu(["the sea is deep today", "the sea is deep today"]) == pytest.approx(1)
    assert self_bleu(["one two three", "four five six"]) == 0
    assert self_bleu(["alone"]) == 0


def test_self_bleu_is_what_bleu_says() -> None:
    # a b c d against a b x d: 3 of 4, (1+1)/(3+1), (0+1)/(2+1), (0+1)/(1+1); both are of one length.
    expected = math.exp(sum(map(math.log, (3 / 4, 2 / 4, 1 / 3, 1 / 2))) / 4)
    assert self_bleu(["a b c d", "a b x d"]) == pytest.approx(expected)


def test_self_bleu_takes_each_gram_from_the_best_other_text() -> None:
    texts = ["a a a", "a a b", "b b b"]
    # Unigrams of the first: a 3 times, the best other has it twice.
    matched = {1: 2 / 3, 2: (1 + 1) / (2 + 1), 3: (0 + 1) / (1 + 1), 4: 1 / 1}
    first = math.exp(sum(map(math.log, matched.values())) / 4)
    assert self_bleu([*texts[:2], "a"]) > 0
    assert self_bleu(["a a a", "a a b"]) == pytest.approx((first + math.exp(
        sum(map(math.log, (2 / 3, 2 / 3, 1 / 2, 1))) / 4)) / 2)  # fmt: skip


def test_repetition_packs_better() -> None:
    draw = random.Random(0)
    varied = ["".join(draw.choices("いろはにほへとちりぬるを", k=60)) for _ in range(20)]
    assert compression_ratio([varied[0]] * 20) > 3 * compression_ratio(varied)
    assert compression_ratio([]) == 0


def test_near_duplicates_and_coverage_are_of_dialogues() -> None:
    long = "海で怖いのは、慣れたころの自分だと思うのです。だから毎朝、空と波を見てから船を出します。"
    records = [
        record(0, long),
        record(1, long.replace("出します。", "出します！")),
        record(2, "山の話をしよう。", "follower", "b"),
    ]
    found = diversity(records)
    assert (found.dialogues, found.near_duplicates) == (3, 1)
    assert coverage(records) == {("ordinary", "a"): 2, ("follower", "b"): 1}
