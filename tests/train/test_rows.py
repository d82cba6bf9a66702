"""Rows as token ids: what is learned is what the persona said, all of it, and nothing else."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.data.rows import read_rows
from core.errors import InputError
from core.messages import Role, Turn, from_chat_messages, to_chat_messages
from core.train.config.train_config import LossOn
from core.train.worker.rows import IGNORED, EncodedRows, encode
from tests.helpers.train_tiny import PROMPT_CONFIG, talks, tiny_base, write_dataset
from tests.helpers.typed import present


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_base(tmp_path_factory.mktemp("base")))


def learned_texts(encoded: EncodedRows, tokenizer) -> list[str]:
    """The learned stretches of each row, decoded."""
    texts = []
    for example in encoded.examples:
        run: list[int] = []
        for label in [*example.labels, IGNORED]:
            if label != IGNORED:
                run.append(label)
            elif run:
                texts.append(tokenizer.decode(run))
                run = []
    return texts


def test_exactly_the_personas_words_and_end_marks_are_learned(tokenizer) -> None:
    rows = talks(5)
    said = ["\n".join(turn.messages) + "<|im_end|>" for row in rows for turn in row if turn.role == "assistant"]
    encoded = encode(rows, PROMPT_CONFIG, tokenizer, max_length=256)
    assert learned_texts(encoded, tokenizer) == said
    assert (encoded.truncated, encoded.too_long) == (0, 0)
    for example in encoded.examples:
        assert all(label in (IGNORED, token) for token, label in zip(example.ids, example.labels, strict=True))


def test_bytes_are_those_of_the_words_without_end_marks(tokenizer) -> None:
    row = [Turn("user", ("hi",)), Turn("assistant", ("うん", "ok"))]
    (example,) = encode([row], PROMPT_CONFIG, tokenizer, max_length=256).examples
    assert example.words == len("うん\nok".encode())
    assert example.loss_tokens == sum(label != IGNORED for label in example.labels)


def test_example_exchanges_are_context_only(tokenizer) -> None:
    prompt_config = replace(PROMPT_CONFIG, examples=(Turn("user", ("a?",)), Turn("assistant", ("EXAMPLE",))))
    row = [Turn("user", ("hi",)), Turn("assistant", ("hello",))]
    encoded = encode([row], prompt_config, tokenizer, max_length=256)
    assert learned_texts(encoded, tokenizer) == ["hello<|im_end|>"]
    assert "EXAMPLE" in tokenizer.decode(encoded.examples[0].ids)
    assert encoded.examples[0].words == len("hello")


@pytest.mark.parametrize("max_length", [64, 80, 100, 200])
def test_a_row_longer_than_the_window_is_cut_and_no_word_is_lost(tokenizer, max_length: int) -> None:
    row = [
        turn for n in range(12) for turn in (Turn("user", (f"question {n}?",)), Turn("assistant", (f"answer {n}.",)))
    ]
    encoded = encode([row], PROMPT_CONFIG, tokenizer, max_length=max_length)
    assert learned_texts(encoded, tokenizer) == [f"answer {n}.<|im_end|>" for n in range(12)]
    assert max(len(example.ids) for example in encoded.examples) <= max_length
    assert (encoded.truncated, encoded.too_long) == (1, 0)


def test_a_row_is_cut_into_few_pieces(tokenizer) -> None:
    row = [turn for n in range(40) for turn in (Turn("user", ("why?",)), Turn("assistant", ("because.",)))]
    whole = encode([row], PROMPT_CONFIG, tokenizer, max_length=4000).examples[0]
    pieces = encode([row], PROMPT_CONFIG, tokenizer, max_length=200).examples
    assert len(pieces) <= 2 * (len(whole.ids) // 200 + 1)


def test_a_long_question_is_given_up_before_the_answer(tokenizer) -> None:
    row = [Turn("user", ("so " * 200,)), Turn("assistant", ("short",)), Turn("user", ("and?",)),
           Turn("assistant", ("more",))]  # fmt: skip
    encoded = encode([row], PROMPT_CONFIG, tokenizer, max_length=100)
    assert learned_texts(encoded, tokenizer) == ["short<|im_end|>", "more<|im_end|>"]


def test_what_fits_no_window_is_counted(tokenizer) -> None:
    row = [Turn("user", ("go on",)), Turn("assistant", ("blah " * 300,)), Turn("user", ("and?",)),
           Turn("assistant", ("end",))]  # fmt: skip
    encoded = encode([row], PROMPT_CONFIG, tokenizer, max_length=100)
    assert learned_texts(encoded, tokenizer) == ["end<|im_end|>"]
    assert encoded.too_long == 1


def test_rows_without_the_persona_teach_nothing(tokenizer) -> None:
    assert encode([[Turn("user", ("alone",))]], PROMPT_CONFIG, tokenizer, max_length=100).examples == ()


def test_rows_are_read_as_they_were_written(tmp_path: Path) -> None:
    rows = talks(4)
    write_dataset(tmp_path, rows, [])
    assert [row.turns for row in read_rows(tmp_path / "train.jsonl")] == [tuple(row) for row in rows]
    assert list(read_rows(tmp_path / "validation.jsonl")) == list(read_rows(tmp_path / "absent.jsonl")) == []


@pytest.mark.parametrize("line", ["{", "[]", '{"session": 1}', '{"messages": [{"role": "user"}]}'])
def test_a_broken_line_is_named(tmp_path: Path, line: str) -> None:
    write_dataset(tmp_path, talks(2), [])
    file = tmp_path / "train.jsonl"
    file.write_text(file.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"line 3 is not a row"):
        list(read_rows(file))


def test_words_that_are_context_only_are_read_but_not_learned(tokenizer) -> None:
    """A row whose messages have a weight of 0, as windows and capped replies have."""
    said: list[tuple[Role, str, bool]] = [
        ("user", "one?", True), ("assistant", "old words", False), ("assistant", "part two", True),
        ("user", "two?", True), ("assistant", "new", True),
    ]  # fmt: skip
    turns = [Turn(role, (text,), trained=learned) for role, text, learned in said]
    assert from_chat_messages(to_chat_messages(turns)) == turns
    part = encode([turns], PROMPT_CONFIG, tokenizer, max_length=256)
    assert learned_texts(part, tokenizer) == ["part two<|im_end|>", "new<|im_end|>"]
    assert part.examples[0].words == len("part twonew")
    assert "old words" in tokenizer.decode(part.examples[0].ids)


def talk() -> list[Turn]:
    return [Turn("user", ("one?",)), Turn("assistant", ("first", "and more")), Turn("user", ("two?",)),
            Turn("assistant", ("second", "the end")), Turn("user", ("bye",))]  # fmt: skip


def test_the_last_reply_alone_is_learned_where_that_is_asked_for(tokenizer) -> None:
    encoded = encode([talk(), talks(1)[0]], PROMPT_CONFIG, tokenizer, max_length=256, loss_on="last_reply")
    assert learned_texts(encoded, tokenizer) == ["second\nthe end<|im_end|>", "うん、いるよ 0<|im_end|>"]
    assert encoded.examples[0].words == len("second\nthe end")


@pytest.mark.parametrize("loss_on", ["every_reply", "last_reply"])
def test_the_context_counts_less_than_the_personas_words_and_the_rest_nothing(tokenizer, loss_on: LossOn) -> None:
    (plain,) = encode([talk()], PROMPT_CONFIG, tokenizer, max_length=256, loss_on=loss_on).examples
    (found,) = encode([talk()], PROMPT_CONFIG, tokenizer, max_length=256, loss_on=loss_on, context_weight=0.2).examples
    assert (found.loss_tokens, found.words) == (plain.loss_tokens, plain.words)
    weights = present(found.weights)
    full = [token for token, weight in zip(found.ids, weights, strict=True) if weight == 1]
    assert full == [label for label in plain.labels if label != IGNORED]
    part = [token for token, weight in zip(found.ids, weights, strict=True) if 0 < weight < 0.5]
    context = ["one?", *(["first\nand more"] if loss_on == "last_reply" else []), "two?", "bye"]
    assert tokenizer.decode(part) == "".join(context)
    for token, label, weight in zip(found.ids, found.labels, weights, strict=True):
        assert label == (token if weight else IGNORED)
