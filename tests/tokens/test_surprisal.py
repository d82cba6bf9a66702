"""Bits per token against the model's own loss, and the words that carry them."""

import math
from collections.abc import Iterator

import pytest
import torch

from core.catalogue.bundled import FOLDER
from core.errors import InputError
from core.messages import Message
from core.models.loading import LoadedModel, ModelStore
from core.tokens import surprisal as module
from core.tokens.pieces import TextPiece
from core.tokens.surprisal import PieceBits, blocks, surprisal, windows, word_surprise, words_bits

TEXT = "今日はとてもいい天気ですね。散歩に行きませんか？😊 I like tea."


@pytest.fixture(scope="module")
def store() -> Iterator[ModelStore]:
    store = ModelStore(str(FOLDER))
    store.start()
    store.wait()
    yield store


@pytest.fixture(scope="module")
def loaded(store: ModelStore) -> LoadedModel:
    return store.current()


def by_hand(loaded: LoadedModel, text: str) -> list[float]:
    ids = torch.tensor([loaded.tokenizer(text, add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        logits = loaded.pretrained(input_ids=ids).logits[0, :-1].float()
    return (torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none") / math.log(2)).tolist()


def test_bits_are_the_models_own_loss(store: ModelStore, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STEP", 5)  # several steps with one cache
    found = surprisal(store, loaded, TEXT)
    assert found.pieces[0].bits is None
    assert [one.bits for one in found.pieces[1:]] == pytest.approx(by_hand(loaded, TEXT), rel=1e-2, abs=1e-2)
    assert "".join(one.piece.text for one in found.pieces) == TEXT
    assert found.bits_per_byte == pytest.approx(found.bits / len(TEXT.encode()))


def test_a_text_longer_than_the_window_is_read_once_and_whole(
    store: ModelStore, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 16)
    shares: list[float] = []
    found = surprisal(store, loaded, TEXT * 2, report=shares.append)
    assert all(one.bits is not None for one in found.pieces[1:]) and len(shares) > 2 and shares[-1] == 1
    assert [one.bits for one in found.pieces[1:9]] == pytest.approx(by_hand(loaded, TEXT)[:8], rel=1e-2, abs=1e-2)


def test_what_was_said_before_makes_the_same_words_expected(store: ModelStore, loaded: LoadedModel) -> None:
    alone = surprisal(store, loaded, "ソクラテスの名はソクラテス")
    behind = surprisal(store, loaded, "ソクラテスの名はソクラテス", given="ソクラテスの名はソクラテス。\n")
    assert behind.pieces[0].bits is not None and behind.bits < alone.bits + behind.pieces[0].bits


@pytest.mark.parametrize(
    ("length", "window", "scored"), [(40, 16, 0), (40, 16, 5), (10, 16, 3), (1, 16, 0), (33, 8, 20)]
)
def test_windows_score_every_token_once(length: int, window: int, scored: int) -> None:
    told: list[int] = []
    for first, at, end in windows(length, window, scored):
        assert first < at < end <= length and end - first <= window
        told += range(at, end)
    assert told == list(range(max(scored, 1), length))


def test_no_text_and_a_long_one_are_refused(
    store: ModelStore, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_TOKENS", 10)
    for text in (" ", TEXT):
        with pytest.raises(InputError):
            surprisal(store, loaded, text)


def test_words_have_the_bits_of_their_tokens() -> None:
    pieces = [
        PieceBits(TextPiece(1, "I l", 0, 3), 3.0), PieceBits(TextPiece(2, "ike", 3, 6), 6.0),
        PieceBits(TextPiece(3, "", 6, 6, continues=True), 1.0),
    ]  # fmt: skip
    assert list(words_bits("I like", 0, pieces)) == [("i", 1.0), ("like", 1.0 + 6.0 + 1.0)]


def test_the_words_of_a_persona_are_ranked(store: ModelStore, loaded: LoadedModel) -> None:
    answer = "今日は楽しかった。プトレマイオスの話をした"
    said = [("湊", "今日はどうだった？"), ("葵", answer), ("湊", "そうなんだ")] * 4
    talk = [Message(who, text, k) for k, (who, text) in enumerate(said)]
    shares: list[float] = []
    found = word_surprise(store, loaded, talk, "葵", report=shares.append)
    assert found.most[0].bits >= found.most[-1].bits >= found.least[-1].bits >= found.least[0].bits
    words = {word.text for word in (*found.most, *found.least)}
    assert "プトレマイオス" in words and not any("だった" in word and word.startswith("どう") for word in words)
    assert found.bits_per_byte > 0 and shares[-1] == 1
    with pytest.raises(InputError):
        word_surprise(store, loaded, talk, "nobody")


def test_blocks_come_from_all_over_the_log() -> None:
    talk = [Message("葵" if k % 2 else "湊", "あ" * 100, k) for k in range(1000)]
    found = blocks(talk, "葵")
    assert len(found) == module.BLOCKS and found[0][0].line == 0 and found[-1][0].line > 850
