"""Tokens as they are shown: nothing lost, whatever the tokenizer cuts a character into."""

import random

import pytest

from core.errors import InputError
from core.prompt.token_text import MOST_CHARACTERS, Token, TokenCount, count_tokens, spell, split
from tests.helpers import prompt_tiny as tiny

TEXTS = [
    "",
    "うん、いいよ\n  a",
    "鬱蒼とした🎉👩‍👩‍👧",
    "tabs\tand\u3000spaces  ",
    " lead",
    "a\r\nb\n\n\n",
    "é\u0301",
    "\ufffd?",
    "<|im_end|>x",
]


@pytest.fixture(scope="module", params=["bytes", "bytes-mixed", "spm", "spm-prefix"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    if request.param.startswith("spm"):
        return tiny.sentencepiece(tmp_path_factory.mktemp("spm"), dummy_prefix=request.param == "spm-prefix")
    return tiny.byte_bpe() if request.param == "bytes" else across_characters()


def across_characters():
    """A byte-level BPE whose tokens end in the middle of one character and begin in the next."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    middle = ("\u0124", "\u00e3")  # the bytes 0x82 and 0xE3, as byte-level tokenizers write them: あ|い
    vocabulary = {letter: n for n, letter in enumerate([*alphabet, "".join(middle)])}
    bpe = Tokenizer(models.BPE(vocab=vocabulary, merges=[middle]))
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=bpe)


@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_spell_the_text(tokenizer, text: str) -> None:
    tokens = split(text, tokenizer)
    assert "".join(token.text for token in tokens).lstrip(" ") == text.lstrip(" ")
    assert [token.id for token in tokens] == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert all(token.text == "" for token in tokens if token.continues)


def test_random_texts_are_spelled_too(tokenizer) -> None:
    draw = random.Random(0)
    letters = "あいうえおんーabc 🎉鬱é\n漢字、。！?ｱｲ"
    for _ in range(60):
        text = "x" + "".join(draw.choices(letters, k=30))
        assert "".join(token.text for token in split(text, tokenizer)).lstrip(" ") == text


def test_the_first_of_several_tokens_carries_the_character() -> None:
    tokens = split("鬱a", tiny.byte_bpe())
    assert [(token.text, token.continues) for token in tokens] == [("鬱", False), ("", True), ("", True), ("a", False)]


def test_ids_that_are_no_text_end_somewhere(tokenizer) -> None:
    ids = tokenizer("鬱", add_special_tokens=False)["input_ids"][:-1] * 30
    assert [token.id for token in spell(ids, tokenizer)] == ids


def test_glyphs_are_visible() -> None:
    assert Token(1, "a\n\t \u3000").shown == "a⏎⇥␣□"


def test_measures() -> None:
    assert count_tokens("あa", [1, 2, 3]) == TokenCount(3, 2, 4)
    assert count_tokens("あa", range(4)).characters_per_token == 0.5
    assert count_tokens("", []).characters_per_token == 0.0
    assert count_tokens("\ud800", [1]).utf8_bytes == 3  # half a surrogate pair, as broken JSON can bring it


def test_a_text_that_is_too_long_is_told(tokenizer) -> None:
    with pytest.raises(InputError, match="200,001 characters"):
        split("a" * (MOST_CHARACTERS + 1), tokenizer)
