"""How the embedded model is made: dialogues, tokenizer, rows, one run that ends and goes on, the folder."""

import json
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.five_gram import UNICODE, FiveGram
from core.prompt import render
from models.mini import corpora, tokenizer
from models.mini.corpora import Dialogue
from models.mini.rows import contract_for, rows_of, turns_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from models.mini.rows import Row

TALKS = [
    Dialogue(
        str(number), "ja", {"A": ("犬が好き。", "札幌に住む。"), "B": ("I bake.",)},
        (("A", ("こんにちは！",)), ("B", (f"hello {number}", "how are you?")), ("A", ("元気です。ありがとう！",))),
    )
    for number in range(40)
]  # fmt: skip


@pytest.fixture(scope="module")
def words() -> "PreTrainedTokenizerBase":
    texts = [text for talk in TALKS for _, messages in talk.turns for text in messages]
    return tokenizer.train([*texts, *(TALKS[0].personas["A"])], pieces=307)


@pytest.mark.parametrize(
    "text", ["こんにちは！\n元気 2026", "two  spaces ", " lead", "🙂 全角　Ａ", "¥1,234", "漢字籠"]
)
def test_the_tokenizer_gives_back_what_it_was_given(words, text: str) -> None:
    ids = words(text, add_special_tokens=False)["input_ids"]
    assert words.decode(ids) == text
    assert words.unk_token_id not in ids
    pieces = words.convert_ids_to_tokens(ids)
    assert not any(len(piece) > 1 and any(c.isdigit() for c in piece) for piece in pieces if piece[0] != "<")
    assert "\n" not in text or "\n" in pieces


def test_a_row_is_the_prompt_of_a_chat(words) -> None:
    """What the model is asked with is, token for token, the beginning of what it learned."""
    talk = TALKS[3]
    row = rows_of([talk], words, "A")[0]
    asked = render(contract_for(talk.personas["A"]), turns_of(talk, "A")[:2], words)
    assert tuple(row.ids[: len(asked.ids)]) == asked.ids
    learned = words.decode(row.ids[row.learned])
    assert learned == "こんにちは！<|end|>hello 3\nhow are you?<|end|>元気です。ありがとう！<|end|>"
    assert words.decode(row.ids[row.replies]) == "こんにちは！<|end|>元気です。ありがとう！<|end|>"
    assert row.reply_bytes == len("こんにちは！元気です。ありがとう！".encode())


def test_what_varies_is_drawn_by_the_seed(words) -> None:
    def rows(seed: int) -> list[list[int]]:
        return [row.ids.tolist() for row in rows_of(TALKS, words, "AB", vary=seed)]

    assert rows(1) == rows(1) != rows(2)
    assert any("元気です。\nありがとう！" in words.decode(ids) for ids in rows(1))


def test_validation_dialogues_are_known_by_their_id() -> None:
    kept = [talk.id for talk in TALKS if talk.validation]
    assert kept == [talk.id for talk in reversed(TALKS) if talk.validation][::-1]
    many = [Dialogue(str(n), "ja", {}, ()) for n in range(5000)]
    assert 0.014 < np.mean([talk.validation for talk in many]) < 0.026


def test_a_folder_of_dialogues_is_read(tmp_path: Path) -> None:
    value = {"id": 7, "personas": {"A": ["x "], "B": []}, "turns": [
        {"speaker": "A", "text": "one\ntwo"}, {"speaker": "A", "text": "three"}, {"speaker": "B", "text": " "},
    ]}  # fmt: skip
    (tmp_path / "dialogues.jsonl").write_text(json.dumps(value) + "\n", encoding="utf-8")
    assert corpora.japanese(str(tmp_path)) == [
        Dialogue("7", "ja", {"A": ("x",), "B": ()}, (("A", ("one", "two", "three")),))
    ]


def test_placeholders_become_the_speakers_names(tmp_path: Path) -> None:
    said = [
        ("A", "Hi, I'm [user 1's name]."),
        ("B", "Hello [Name], my name is [name]."),
        ("A", "Bye, [user 2]. [Later]"),
    ]
    value = {"id": "x", "personas": {"A": [], "B": []}, "turns": [{"speaker": w, "text": t} for w, t in said]}
    (tmp_path / "dialogues.jsonl").write_text(json.dumps(value), encoding="utf-8")
    (_, (hi,)), (_, (hello,)), (_, (bye,)) = corpora.english(str(tmp_path))[0].turns
    one, two = hi[8:-1], hello.split()[-1][:-1]
    assert (hi, hello, bye) == (f"Hi, I'm {one}.", f"Hello {one}, my name is {two}.", f"Bye, {two}. [Later]")
    assert one != two and {one, two} <= set(corpora.NAMES)


def test_own_exchanges_are_whole() -> None:
    talks = corpora.own()
    assert {talk.language for talk in talks} == {"ja", "en"} and len(talks) > 300
    assert len({(talk.personas["B"], talk.turns) for talk in talks}) == len(talks)
    for talk in talks:
        speakers = [speaker for speaker, _ in talk.turns]
        assert "B" in speakers and all(a != b for a, b in pairwise(speakers)), talk.id
        assert all(text.strip() for _, messages in talk.turns for text in messages), talk.id


def test_a_run_goes_on_where_it_was_stopped(words, tmp_path: Path) -> None:
    """The same weights, whether it was stopped in the middle or not; and the folder says what it is."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from models.mini.publish import publish
    from models.mini.training import Corpus, Recipe, Run

    torch.set_num_threads(1)
    recipe = Recipe(hidden=128, layers=1, feed_forward=64, heads=2, key_value_heads=1, steps=6, last_steps=2,
                    step_tokens=400, batch_tokens=200)  # fmt: skip
    rows: dict[str, Sequence[Row]] = {side: rows_of(TALKS, words, side, vary=0) for side in "AB"}
    corpus = Corpus(rows, {side: rows[side][:4] for side in "AB"}, rows["A"][:3])
    validation = {"ja": rows["A"][:4], "en": rows["B"][:4]}

    def run(folder: Path, steps: int) -> Run:
        folder.mkdir(exist_ok=True)
        made = Run(folder, recipe, corpus, validation, words, "cpu", compiled=False)
        made.train(measure_every=3, save_every=1, until=steps)
        return made

    whole = run(tmp_path / "whole", 6)
    run(tmp_path / "parts", 2)
    parts = run(tmp_path / "parts", 6)
    assert (parts.step, parts.tokens) == (whole.step, whole.tokens) and parts.tokens > 0
    for one, other in zip(whole.model.parameters(), parts.model.parameters(), strict=True):
        assert torch.equal(one, other)
    events = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines()]
    measured = [event["bits_ja"] for event in events if "bits_ja" in event]
    assert len(measured) == 2 and measured[1] < measured[0]

    publish(whole, words, tmp_path / "out", hardware="one thread")
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert card.count("**You:**") == 40 and "one thread" in card and "{" not in card.split("---")[2]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.dtype == torch.bfloat16
    assert AutoTokenizer.from_pretrained(tmp_path / "out").chat_template == words.chat_template


def test_the_published_folder_is_small_enough_for_plain_git() -> None:
    from core.catalogue.bundled import FOLDER

    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert max(sizes) <= 9_000_000 and sum(sizes) <= 40_000_000


def test_the_five_gram_gives_chances_that_add_up() -> None:
    learned = ["abcab", "abd", "cab", "bca", "dab"] * 3 + ["aabbc"]
    peer = FiveGram(learned)
    for before in ("", "a", "ab", "cabca", "zz"):
        next_ones = [peer.each([before + letter])[len(before)] for letter in "abcd"]
        end, unknown = peer.each([before])[-1], peer.each([before + "?"])[len(before)] - np.log2(UNICODE)
        # A begin mark, which never comes, has the share of the unknown.
        assert sum(2.0**-bits for bits in (*next_ones, end, unknown, unknown)) == pytest.approx(1)
    assert peer.bits(["abcab"]) < peer.bits(["dcbaa"])
