"""The compression study: equal pieces, what a summary keeps, and what it tells the model of the original."""

from collections.abc import Iterator

import pytest

from core.catalogue.bundled import FOLDER
from core.errors import InputError, ModelError
from core.models.loading import LoadedModel, ModelStore
from core.models.remote import RemoteModels
from core.models.remote_server import Server
from core.tokens.pieces import pieces_of
from core.tokens.summaries import (
    MOST,
    PieceSummary,
    StudyStep,
    SummaryStudy,
    content_words,
    cut_text,
    local_writer,
    remote_writer,
    study,
)
from tests.helpers.fake_server import FakeServer, serve

TEXT = "今日は東京の会議で佐藤さんとプトレマイオスの話をした。3人で夕食を食べて、雨の中を帰った。😊\n" * 6


@pytest.fixture(scope="module")
def store() -> ModelStore:
    store = ModelStore(str(FOLDER))
    store.start()
    store.wait()
    return store


@pytest.fixture(scope="module")
def loaded(store: ModelStore) -> LoadedModel:
    return store.current()


def copying(piece: str, length: int) -> Iterator[str]:
    """A writer that keeps the beginning."""
    yield piece[:10]
    yield piece[:30]


def test_pieces_have_equal_tokens_and_make_up_the_text(loaded: LoadedModel) -> None:
    pieces = cut_text(TEXT, loaded, 40)
    assert "".join(pieces) == TEXT and len(pieces) > 3
    sizes = [len(pieces_of(piece, loaded.tokenizer)) for piece in pieces]
    assert all(abs(size - 40) <= 3 for size in sizes[:-1]) and sizes[-1] <= 43


def test_what_is_kept_and_lost_is_named(store: ModelStore, loaded: LoadedModel) -> None:
    steps: list[StudyStep] = []
    found = study(TEXT, store, loaded, copying, "copy", tokens=40, length=20, report=steps.append)
    first = found.pieces[0]
    assert (
        first.summary == first.original[:30].strip() and "東京" in first.kept and set(first.kept).isdisjoint(first.lost)
    )
    assert 0 < found.recall < 1 and found.tokens_after < found.tokens_before
    assert found.tokens_before == sum(len(pieces_of(piece.original, loaded.tokenizer)) for piece in found.pieces)
    assert found.joined == "\n".join(piece.summary for piece in found.pieces)
    assert [len(step.done) for step in steps] == [n for n in range(len(found.pieces)) for _ in range(3)]
    assert found.table(["h"] * 8).rows[0][6:] == (first.original, first.summary)


def test_a_summary_that_says_the_text_tells_the_model_more_than_one_that_does_not(
    store: ModelStore, loaded: LoadedModel
) -> None:
    whole = study(TEXT[:120], store, loaded, lambda piece, n: iter([piece]), "all", tokens=64, length=20)
    nothing = study(TEXT[:120], store, loaded, lambda piece, n: iter(["…"]), "none", tokens=64, length=20)
    assert whole.bits_per_byte and nothing.bits_per_byte
    assert whole.bits_per_byte[0] == pytest.approx(nothing.bits_per_byte[0])
    assert whole.bits_per_byte[1] < 0.95 * whole.bits_per_byte[0] and whole.bits_per_byte[1] < nothing.bits_per_byte[1]
    assert nothing.recall == 0 and whole.recall == 1


def test_the_loaded_model_writes_at_most_so_many_tokens(store: ModelStore, loaded: LoadedModel) -> None:
    texts = list(local_writer(store, loaded, "local-x")("今日は東京の会議で話をした。", 12))
    assert texts[-1].strip() and len(pieces_of(texts[-1], loaded.tokenizer)) <= 13


def test_it_ends_while_a_summary_is_written(store: ModelStore, loaded: LoadedModel) -> None:
    closed: list[bool] = []

    def endless(piece: str, length: int) -> Iterator[str]:
        try:
            while True:
                yield "あ"
        finally:
            closed.append(True)

    seen: list[StudyStep] = []

    def report(step: StudyStep) -> None:
        seen.append(step)
        if len(seen) == 5:
            raise InputError("stop", "中止")

    with pytest.raises(InputError, match="stop"):
        study(TEXT, store, loaded, endless, "endless", tokens=40, length=20, report=report)
    assert closed == [True] and seen[-1].growing == "あ"


def test_a_server_writes_too(store: ModelStore, loaded: LoadedModel) -> None:
    server = FakeServer()
    server.words = ["東京の", "会議の", "まとめ"]
    serve(server)
    try:
        model = RemoteModels().choose("local-x", Server(server.url), "big")
        found = study(TEXT[:100], store, loaded, remote_writer(model), model.name, tokens=64, length=20)
    finally:
        server.shutdown()
        server.server_close()
    assert found.model == "big" and all(piece.summary == "東京の会議のまとめ" for piece in found.pieces)
    assert found.bits_per_byte is not None


@pytest.mark.parametrize(("tokens", "length"), [(10, 20), (10_000, 20), (64, 2), (64, 900)])
def test_numbers_out_of_bounds_are_refused(store: ModelStore, loaded: LoadedModel, tokens: int, length: int) -> None:
    with pytest.raises(InputError):
        study(TEXT, store, loaded, copying, "copy", tokens=tokens, length=length)


def test_too_many_pieces_are_refused(loaded: LoadedModel) -> None:
    with pytest.raises(InputError, match=str(MOST)):
        cut_text(TEXT * 30, loaded, 32)


def test_no_words_lose_none() -> None:
    assert PieceSummary("あ", "い", 1, 1, (), ()).recall == 1
    assert SummaryStudy("m", (PieceSummary("あ", "い", 1, 1, (), ()),)).bits_per_byte is None
    assert content_words("that they were 12 東京 東京") == ["12", "東京"]


def test_what_the_writer_raises_is_passed_on(store: ModelStore, loaded: LoadedModel) -> None:
    def broken(piece: str, length: int) -> Iterator[str]:
        raise ModelError("gone", "ありません")

    with pytest.raises(ModelError, match="gone"):
        study(TEXT, store, loaded, broken, "broken", tokens=40, length=20)
