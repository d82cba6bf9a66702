"""Thoughts of every family are told apart from words."""

import pytest

from core.thoughts import ANSWERS, PAIRS, Spoken, begun_by, split_growing, split_thoughts


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
        ("[THINK]a[/THINK]b", "b", ("a",)),
        ("a[/THINK]b", "b", ("a",)),
        ("<seed:think>a</seed:think>b", "b", ("a",)),
        ("◁think▷a◁/think▷b", "b", ("a",)),
        ("<|channel>thought\na<channel|>b", "b", ("a",)),
        ("<|channel>thought\n<channel|>b", "b", ("",)),
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>b<|END_RESPONSE|>", "b", ("a",)),
        ("<think>a</think>\n<answer>\nb\n</answer>", "b", ("a",)),
        ("<think>a</think><response>b", "b", ("a",)),
        ("<answer>b</answer>", "<answer>b</answer>", ()),
        ("İ<think>a</think>b", "İb", ("a",)),
        ("[list] a [/list] [1]", "[list] a [/list] [1]", ()),
        ("1 < 2 and <b>bold</b>", "1 < 2 and <b>bold</b>", ()),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "b", ("a",)),
        ("<|channel|>final<|message|>b", "b", ()),
        ("b<|end|><|start|>assistant<|channel|>analysis<|message|>a<|end|>", "b", ("a",)),
        ("<|start|>assistant<|channel|>commentary to=x <|constrain|>json<|message|>{}<|call|>", "", ("{}",)),
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
    "<think>who is it</think>\n\nhello < you", "<THINKING>a</THINKING>b", "hello [1] <3 ◁",
    *(f"{opening}who is it{closing}\nhello <3 [you] ◁" for opening, closing in PAIRS),
    *(f"<think>who</think>\n{opening}hello{closing}" for opening, closing in ANSWERS),
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>",
    "<|channel|>analysis<|message|>a<|end|><|start|>assistant to=f<|channel|>commentary <|constrain|>json<|message|>{}"
    "<|call|><|start|>assistant<|channel|>final<|message|>b",
])  # fmt: skip
def test_no_letter_of_a_mark_or_a_thought_is_shown_while_it_is_written(text: str) -> None:
    words = split_thoughts(text).words
    shown = [split_growing(text[:n]).words.strip() for n in range(len(text) + 1)]
    assert all(words.startswith(one) for one in shown) and split_growing(text + " ").words.strip() == words


def test_what_looks_like_a_mark_and_becomes_none_is_shown() -> None:
    assert split_growing("a <thi").words == "a " and split_growing("a <thin").words == "a "
    assert split_growing("a <thief").words == "a <thief" and split_growing("1 < 2").words == "1 < 2"


def test_a_prompt_may_begin_a_thought() -> None:
    assert begun_by("<|im_start|>assistant\n<think>\n") == "<think>" and begun_by("…[THINK]") == "[THINK]"
    assert begun_by("<|im_start|>assistant\n") == begun_by("<think>\n\n</think>\n\n") == begun_by("") == ""
