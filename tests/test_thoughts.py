"""Thoughts of every family are told apart from words."""

import pytest

from core.thoughts import Spoken, split_growing, split_thoughts


@pytest.mark.parametrize(
    ("text", "words", "thoughts"),
    [
        ("hello", "hello", ()),
        (" hello ", " hello ", ()),
        ("<think>\nwho is it\n</think>\n\nhello", "hello", ("who is it",)),
        ("<think></think>hello", "hello", ("",)),
        ("<THINK>a</Think>b", "b", ("a",)),
        ("<reasoning>a</reasoning>b<think>c</think>d", "bd", ("a", "c")),
        ("a</think>b", "b", ("a",)),
        ("x</think>b<think>y</think>c", "bc", ("x", "y")),
        ("1 < 2 and <b>bold</b>", "1 < 2 and <b>bold</b>", ()),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "b", ("a",)),
        ("<|channel|>final<|message|>b", "b", ()),
    ],
)
def test_words_and_thoughts(text: str, words: str, thoughts: tuple[str, ...]) -> None:
    assert split_thoughts(text) == Spoken(words, thoughts)


@pytest.mark.parametrize("text", ["<think>not done", "a<think>not done", "<|channel|>analysis<|message|>not done"])
def test_a_thought_that_goes_on(text: str) -> None:
    found = split_thoughts(text)
    assert found.open and found.thoughts == ("not done",) and "not" not in found.words


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "mark", ["<think>", "<think></thought>", "<|channel|>a", "</think>", "<|channel|>a<|message|>"]
)
def test_many_marks_take_no_longer_for_being_many(mark: str) -> None:
    assert isinstance(split_thoughts(mark * 20_000), Spoken)


@pytest.mark.parametrize("text", [
    "<think>who is it</think>\n\nhello < you", "<THINKING>a</THINKING>b",
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>",
])  # fmt: skip
def test_no_letter_of_a_mark_or_a_thought_is_shown_while_it_is_written(text: str) -> None:
    words = split_thoughts(text).words
    shown = [split_growing(text[:n]).words.strip() for n in range(len(text) + 1)]
    assert all(words.startswith(one) for one in shown) and split_growing(text + " ").words.strip() == words


def test_what_looks_like_a_mark_and_becomes_none_is_shown() -> None:
    assert split_growing("a <thi").words == "a " and split_growing("a <thin").words == "a "
    assert split_growing("a <thief").words == "a <thief" and split_growing("1 < 2").words == "1 < 2"
