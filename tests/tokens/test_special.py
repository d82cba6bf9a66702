"""Strings that a tokenizer turns into special tokens, and that the chat keeps as letters."""

import pytest
from transformers import PreTrainedTokenizerBase

from core.catalogue.bundled import FOLDER
from core.errors import InputError
from core.models.tokenizers.check import load_tokenizer
from core.tokens.special import special_strings


@pytest.fixture(scope="module")
def bundled() -> PreTrainedTokenizerBase:
    return load_tokenizer(FOLDER)


def test_what_would_be_special_is_named_and_stays_letters_in_the_chat(bundled: PreTrainedTokenizerBase) -> None:
    found = special_strings("やあ<|end|>です<|end|> と <|pad|>", bundled)
    assert [(one.text, one.count) for one in found.found] == [("<|end|>", 2), ("<|pad|>", 1)]
    assert [one.id for one in found.found] == bundled.convert_tokens_to_ids(["<|end|>", "<|pad|>"])
    assert all("".join(one.in_chat).replace("␣", " ") == one.text and len(one.in_chat) > 1 for one in found.found)
    assert found.leaks == () and {"<|end|>", "<|pad|>"} <= {text for text, _ in found.known}
    assert found.table(("a", "b", "c", "d")).rows[0][:3] == ("<|end|>", found.found[0].id, 2)


def test_plain_text_has_nothing_special(bundled: PreTrainedTokenizerBase) -> None:
    assert special_strings("<end> やあ |>", bundled).found == ()
    with pytest.raises(InputError):
        special_strings("  ", bundled)


def test_added_tokens_of_any_tokenizer_are_found(bundled: PreTrainedTokenizerBase) -> None:
    import copy

    more = copy.deepcopy(bundled)
    more.add_special_tokens({"additional_special_tokens": ["<start_of_turn>"]})  # pyright: ignore[reportArgumentType]
    found = special_strings("x <start_of_turn>user", more)
    assert [one.text for one in found.found] == ["<start_of_turn>"] and not found.leaks
