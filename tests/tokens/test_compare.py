"""Texts through several tokenizers: every character has its token, and what cannot be had says why."""

import csv
import io
from itertools import pairwise
from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as BUNDLED
from core.errors import InputError, ModelError, NotAllowedError
from core.models.loading import ModelStore
from core.models.tokenizers.check import load_tokenizer
from core.tokens.compare import compare, tokenized
from core.tokens.figure_table import FigureTable
from core.tokens.pieces import lines_of, pieces_of
from core.tokens.sources import OFFERED, NamedTokenizer, TokenizerSources
from core.tokens.trained import TrainedTokenizers
from core.workspace import Workspace
from tests.helpers.sentencepiece_tiny import folder_with

TEXT = "東京都庁の前で、\n彼女は「また明日ね！」と笑った😊\n\n𠮷野家 と  hamburger を2,480円で。"


@pytest.fixture(scope="module")
def bundled() -> PreTrainedTokenizerBase:
    return load_tokenizer(FOLDER)


@pytest.fixture
def sources(tmp_path: Path) -> TokenizerSources:
    return TokenizerSources(ModelStore(), TrainedTokenizers(Workspace(tmp_path)))


def test_pieces_cover_the_text_once_and_in_order(bundled: PreTrainedTokenizerBase) -> None:
    pieces = pieces_of(TEXT, bundled)
    assert [piece.id for piece in pieces] == bundled(TEXT, add_special_tokens=False)["input_ids"]
    assert "".join(piece.text for piece in pieces) == TEXT
    for before, after in pairwise(pieces):
        assert before.end == after.start or after.continues


def test_bytes_of_a_rare_letter_are_one_character_in_four_tokens(bundled: PreTrainedTokenizerBase) -> None:
    pieces = pieces_of("𠮷野", bundled)
    assert [piece.text for piece in pieces] == ["𠮷", "", "", "", "野"]
    assert [piece.kind for piece in pieces] == ["byte"] * 4 + ["plain"]
    assert [piece.continues for piece in pieces] == [False, True, True, True, False]


def test_lines_hold_the_pieces_that_begin_in_them(bundled: PreTrainedTokenizerBase) -> None:
    lines = lines_of(TEXT, pieces_of(TEXT, bundled))
    assert ["".join(piece.text for piece in line).rstrip("\n") for line in lines] == TEXT.split("\n")


def test_a_comparison_counts_what_each_tokenizer_says(bundled: PreTrainedTokenizerBase, tmp_path: Path) -> None:
    named = {"a": NamedTokenizer("a", bundled), "b": NamedTokenizer("b", bundled)}
    asked: list[str] = []
    found = compare(TEXT, ["a", "b", "a"], named.__getitem__, asked.append)
    assert asked == ["a", "b"] and not found.missing
    one = found.found[0]
    assert one.count.tokens == len(bundled(TEXT, add_special_tokens=False)["input_ids"]) == found.fewest
    assert one.count.characters == len(TEXT) and one.bytes_per_token == len(TEXT.encode()) / one.count.tokens
    assert one.byte_pieces >= 5 and one.unknown == 0 and one.seconds > 0
    assert found.common == one.spans  # the same tokenizer twice differs nowhere


def test_two_tokenizers_share_only_the_spans_that_both_cut() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    def made(*words: str) -> NamedTokenizer:
        tokenizer = Tokenizer(models.Unigram([("<unk>", 0.0), *((word, -1.0) for word in words)], 0, False))
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence([])
        return NamedTokenizer(words[0], PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>"))

    named = {"one": made("ab", "c"), "two": made("a", "b", "c")}
    found = compare("abcz", ["one", "two"], named.__getitem__)
    assert found.common == {(2, 3), (3, 4)}
    assert [one.unknown for one in found.found] == [1, 1]
    table = found.table(["n"] * 8)
    assert [line[0] for line in table.rows] == ["ab", "a"] and [line[2] for line in table.rows] == [3, 4]


def test_what_cannot_be_had_says_why_and_the_others_are_compared(sources: TokenizerSources) -> None:
    found = compare(
        TEXT, [BUNDLED, "/no/such/folder", "no/such-model"], lambda name: sources.open_named("local-x", name)
    )
    assert [one.name for one in found.found] == [BUNDLED]
    assert [one.name for one in found.missing] == ["/no/such/folder", "no/such-model"]
    assert all(one.why.en and one.why.ja for one in found.missing)


def test_a_folder_is_a_tokenizer_too(sources: TokenizerSources, tmp_path: Path) -> None:
    opened = sources.open_named("local-x", str(FOLDER))
    assert opened.name == FOLDER.name and opened.tokenizer is sources.open_named("local-x", str(FOLDER)).tokenizer


def test_a_public_server_opens_no_folder_of_the_machine(tmp_path: Path) -> None:
    public = ModelStore(local_folders=False)
    sources = TokenizerSources(public, TrainedTokenizers(Workspace(tmp_path)))
    with pytest.raises(InputError):
        sources.open_named("local-x", str(tmp_path))
    locked = TokenizerSources(ModelStore(local_folders=False, locked=True), TrainedTokenizers(Workspace(tmp_path)))
    with pytest.raises(NotAllowedError):
        locked.open_named("local-x", "Qwen/Qwen3-0.6B")
    assert locked.open_named("local-x", BUNDLED).name == BUNDLED
    assert not set(OFFERED) & {value for _, value in locked.choices("local-x")}


def test_a_dozen_are_offered_by_the_names_of_the_catalogue(sources: TokenizerSources) -> None:
    choices = dict(sources.choices("local-x"))
    assert set(OFFERED) <= set(choices.values()) and len(OFFERED) >= 11
    assert choices["Qwen3 0.6B"] == "Qwen/Qwen3-0.6B" and choices[BUNDLED] == BUNDLED


def test_a_model_that_is_not_there_yet_is_no_tokenizer(sources: TokenizerSources) -> None:
    with pytest.raises(ModelError):
        sources.open_named("local-x", "")


@pytest.mark.parametrize("wanted", [[], [f"m{n}" for n in range(15)]])
def test_none_and_too_many_are_refused(wanted: list[str]) -> None:
    with pytest.raises(InputError, match="Choose 1 to"):
        compare(TEXT, wanted, lambda name: pytest.fail(name))


def test_no_text_and_a_huge_one_are_refused() -> None:
    for text in (" \n", "あ" * 200_001):
        with pytest.raises(InputError):
            compare(text, ["a"], lambda name: pytest.fail(name))


def test_a_sentencepiece_model_that_loses_letters_says_so(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "rinna without byte fallback")
    found = tokenized("鬱と薔薇", NamedTokenizer("tiny", load_tokenizer(folder)))
    assert found.unknown >= 1 and found.byte_pieces == 0


def test_a_table_is_safe_in_a_spreadsheet() -> None:
    rows = (("=HYPERLINK(1)", 1.5), ("@x", -2), ("-3.5", "+cmd|x"), ('a,"b', "\t=1"))
    table = FigureTable("t", ("=name", "n"), rows)
    text = table.to_csv()
    assert text.startswith("\ufeff")
    read = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert read == [["'=name", "n"], ["'=HYPERLINK(1)", "1.5"], ["'@x", "-2"], ["-3.5", "'+cmd|x"], ['a,"b', "'\t=1"]]
    assert table.to_tsv().splitlines()[1] == "'=HYPERLINK(1)\t1.5"
