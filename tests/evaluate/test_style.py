"""The style classifier tells writers apart on conversations that it has not seen, and finds nothing in one writer."""

import math

import numpy as np
import pytest

from core.evaluate.style import StyleClassifier, StyledText, auc, cross_validated_auc, length_matched
from tests.helpers.evaluate_tiny import ASKED, SAID


def texts(count: int, conversations: int = 20) -> list[StyledText]:
    chance = np.random.default_rng(3)
    return [
        StyledText("".join(chance.choice(words, 2)), k % conversations, own)
        for own, words in ((True, SAID), (False, ASKED))
        for k in range(count)
    ]


def test_two_writers_are_told_apart_and_one_writer_is_not() -> None:
    assert cross_validated_auc(texts(60)) > 0.95
    one = [StyledText(text.text, text.conversation, own=k % 2 == 0) for k, text in enumerate(texts(200)[:200])]
    assert 0.35 < cross_validated_auc(one) < 0.65


def test_a_conversation_is_never_learned_and_asked_in_one_fold() -> None:
    """Words of a conversation tell who speaks in it, but not in another: grouped folds must not profit from them."""
    alphabet = "いろはにほへとちりぬるをわかよたれそつ"
    held = [
        StyledText(f"{alphabet[n]}{alphabet[(n * 7 + own) % 19]}" * 4 + str(own), n, own=(n + own) % 2 == 0)
        for n in range(19)
        for own in (0, 1)
        for _ in range(6)
    ]
    grouped = cross_validated_auc(held)
    apart = [StyledText(text.text, k, text.own) for k, text in enumerate(held)]  # each its own: the leak, on purpose
    assert cross_validated_auc(apart) > 0.95
    assert grouped < 0.8


def test_names_links_and_figures_tell_nothing() -> None:
    held = [
        StyledText(f"{'ミカ https://x.example' if own else 'ケン www.y.example'}/{k} {k}", k % 10, own)
        for own in (True, False)
        for k in range(40)
    ]
    assert cross_validated_auc(held, ("ミカ", "ケン")) == pytest.approx(0.5, abs=0.2)
    assert cross_validated_auc(held) > 0.95


def test_too_few_texts_say_nothing() -> None:
    assert math.isnan(cross_validated_auc(texts(7)))
    assert math.isnan(cross_validated_auc(texts(60, conversations=1)))


def test_the_area_under_the_curve() -> None:
    assert auc([0.9, 0.8, 0.1], [True, True, False]) == 1
    assert auc([0.1, 0.8, 0.9], [True, True, False]) == 0
    assert math.isnan(auc([0.1], [True]))


def test_length_matched_sides_are_as_long() -> None:
    held = [StyledText("あ" * n, 0, own=n > 20) for n in range(1, 60)] + [StyledText("い" * 25, 1, own=False)] * 10
    matched = length_matched(held)
    mine, others = ([len(one.text) for one in matched if one.own is own] for own in (True, False))
    assert len(mine) == len(others) > 0
    assert [n.bit_length() for n in sorted(mine)] == [n.bit_length() for n in sorted(others)]


def test_where_no_lengths_meet_the_longer_ones_are_cut() -> None:
    held = [StyledText("あ" * 3, n, own=True) for n in range(20)] + [
        StyledText("いろは" * 9, n, own=False) for n in range(9)
    ]
    matched = length_matched(held)
    assert len(matched) == 18 and {one.text for one in matched if not one.own} == {"いろは"}


def test_a_text_is_likelier_the_personas_when_it_is_written_so() -> None:
    classifier = StyleClassifier(texts(60))
    like, unlike = classifier.probabilities(["それな！まじか笑", "承知しました。大丈夫ですか。"])
    assert like > 0.7 and unlike < 0.3
    assert len(classifier.probabilities([])) == 0
