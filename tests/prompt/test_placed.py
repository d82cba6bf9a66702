"""Texts with a place of their own in a prompt: at the description, or before the newest messages; within the window."""

from dataclasses import replace
from itertools import pairwise

import pytest

from core.messages import Turn
from core.prompt import PlacedText, Prompt, PromptConfig, render
from core.prompt.context import CONTEXT_PARTS, index_at_depth
from tests.helpers import prompt_tiny as tiny

RUNA = PromptConfig("Runa", "You are Runa.", user="Ken", parts=CONTEXT_PARTS, context_window=2000, reply_reserve=50)
TURNS = (
    Turn("assistant", ("Welcome.",)), Turn("user", ("One", "Two")), Turn("assistant", ("Three",)),
    Turn("user", ("Four",)),
)  # fmt: skip
MARKS = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")


@pytest.fixture(scope="module")
def tokenizers() -> dict:
    """By name: a tokenizer with a template of that kind."""
    return {
        "chatml": tiny.byte_bpe(template=tiny.chatml()),
        "gemma": tiny.byte_bpe(template=tiny.GEMMA, special=("<bos>", "<start_of_turn>", "<end_of_turn>", "<eos>")),
        "llama3": tiny.byte_bpe(template=tiny.LLAMA3, special=MARKS),
        "dialogue": tiny.byte_bpe(special=("<s>", "</s>")),
    }


NAMES = ("chatml", "gemma", "llama3", "dialogue")


def order(prompt: Prompt, *texts: str) -> list[str]:
    """`texts` as they follow each other in the prompt."""
    assert all(prompt.text.count(text) == 1 for text in texts), prompt.text
    return sorted(texts, key=prompt.text.index)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("depth", "behind"), [(0, 4), (1, 3), (2, 2), (3, 1), (4, 1), (5, 0), (99, 0)])
def test_a_text_stands_before_the_newest_messages(tokenizers, name: str, depth: int, behind: int) -> None:
    for role in ("system", "user", "assistant"):
        note = PlacedText("note", "NOTE", depth=depth, role=role)
        prompt = render(RUNA, TURNS, tokenizers[name], placed=(note,))
        said = ["Welcome.", "One", "Three", "Four"]
        assert order(prompt, "NOTE", *said) == [*said[:behind], "NOTE", *said[behind:]]
        assert ("[NOTE]" in prompt.text) is (role == "system")
        assert prompt.tokens_by_part()["note"] > 0 and not prompt.left_out
        roles = [message["role"] for message in prompt.messages if message["role"] != "system"]
        assert all(one != other for one, other in pairwise(roles))


@pytest.mark.parametrize("name", NAMES)
def test_places_and_parts(tokenizers, name: str) -> None:
    placed = (
        PlacedText("lorebook", "BEFORE", "before_persona"), PlacedText("lorebook", "AFTER", "after_persona"),
        PlacedText("lorebook", "DEEP", depth=2), PlacedText("depth_prompt", "[REMIND]", depth=2),
        PlacedText("post_history", "LAST"),
    )  # fmt: skip
    prompt = render(RUNA, TURNS, tokenizers[name], placed=placed)
    assert order(prompt, "LAST", "REMIND", "AFTER", "You are Runa.", "BEFORE", "DEEP", "Four", "Three", "Two") == [
        "BEFORE", "You are Runa.", "AFTER", "Two", "DEEP", "REMIND", "Three", "Four", "LAST",
    ]  # fmt: skip
    assert "[REMIND]" in prompt.text and "[[" not in prompt.text and "[AFTER]" not in prompt.text
    kept = Prompt.from_json(prompt.to_json())
    assert kept.tokens_by_part() == prompt.tokens_by_part() and kept.text == prompt.text


@pytest.mark.parametrize("name", NAMES)
def test_without_them_a_prompt_is_the_same_and_with_them_its_beginning(tokenizers, name: str) -> None:
    plain = render(RUNA, TURNS, tokenizers[name])
    empty = render(RUNA, TURNS, tokenizers[name], placed=(PlacedText("note", " "),))
    assert plain == empty
    noted = render(RUNA, TURNS, tokenizers[name], placed=(PlacedText("note", "NOTE", depth=1),))
    shared = next(n for n, (a, b) in enumerate(zip(plain.ids, noted.ids, strict=False)) if a != b)
    assert shared >= next(piece.start for piece in plain.segments if "Three" in piece.text)


def test_a_persona_that_has_not_spoken_yet(tokenizers) -> None:
    for name in NAMES:
        for turns in ((), (Turn("user", ("Hi",)),)):
            placed = tuple(PlacedText("note", f"N{role}", depth=depth, role=role)
                           for depth in (0, 3) for role in ("system", "user", "assistant"))  # fmt: skip
            prompt = render(RUNA, turns, tokenizers[name], placed=placed)
            assert prompt.text.count("Nassistant") == 2, prompt.text


def test_what_does_not_fit_is_left_out_and_counted(tokenizers) -> None:
    tokenizer, small = tokenizers["chatml"], replace(RUNA, context_window=300, reply_reserve=20)
    lore = tuple(PlacedText("lorebook", f"entry {n} " + "x y " * 10, "before_persona", priority=n) for n in range(9))
    prompt = render(
        replace(RUNA, context_window=1024), TURNS, tokenizer, placed=(*lore, PlacedText("post_history", "LAST"))
    )
    left = prompt.left_out["lorebook"]
    assert 0 < left < 9 and "LAST" in prompt.text
    kept = [n for n in range(9) if f"entry {n} " in prompt.text]
    assert kept == list(range(left, 9))
    huge = PlacedText("note", "word " * 400, depth=1)
    prompt = render(small, TURNS, tokenizer, placed=(huge,))
    assert prompt.left_out["note"] == 1 and "Four" in prompt.text
    unasked = render(replace(RUNA, parts=()), TURNS, tokenizer, placed=lore)
    assert unasked == render(replace(RUNA, parts=()), TURNS, tokenizer)


def test_depth_counts_messages_and_no_turn_is_cut() -> None:
    assert [index_at_depth(TURNS, depth) for depth in range(7)] == [4, 3, 2, 1, 1, 0, 0]
    assert index_at_depth((), 4) == 0
