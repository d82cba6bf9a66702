"""Candidates measured with a real (tiny) model, kept by content, and ranked with everything known of them."""

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.chat.engine import Engine
from core.errors import InputError
from core.evaluate.bits import ConversationBits
from core.evaluate.leaderboard import LOOPS_ALLOWED, conversations_needed, differences, harmless, leaderboard, to_csv
from core.evaluate.measure import BASE, Candidate, EvaluationSet, Measured, Measurements, MeasureStep, Measuring, fits
from core.evaluate.ranking import Scores, rank
from core.evaluate.replies import WrittenReply, occasions_of
from core.models.loading import ModelStore
from tests.helpers.adapter_tiny import tiny_adapter
from tests.helpers.evaluate_tiny import SAID, mika_set, talk
from tests.helpers.train_tiny import tiny_base


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelStore]:
    base = tiny_base(tmp_path_factory.mktemp("board") / "base")
    models = ModelStore(str(base))
    models.start()
    assert models.wait().state == "ready"
    yield models


@pytest.fixture
def data(tmp_path: Path) -> EvaluationSet:
    return EvaluationSet.of(mika_set(tmp_path / "set"), most_replies=4)


def candidates(store: ModelStore, folder: Path) -> list[Candidate]:
    base = store.current().folder
    training = {"dataset": {"name": "mika", "train_rows": 24}, "config": {"rank": 4, "learning_rate": 2e-4}}
    other = {"dataset": {"name": "mika", "train_rows": 24}, "config": {"rank": 8, "learning_rate": 2e-4}}
    return [
        Candidate(BASE),
        Candidate("one", tiny_adapter(folder / "one", base, training=training)),
        Candidate("two", tiny_adapter(folder / "two", base, seed=1, rank=8, training=other)),
    ]


def test_measured_once_and_then_known(store: ModelStore, data: EvaluationSet, tmp_path: Path) -> None:
    kept = Measurements(tmp_path)
    measuring, steps = Measuring(store, Engine(store), kept), list[MeasureStep]()
    first = [measuring.measure(one, data, steps.append) for one in candidates(store, tmp_path)]
    assert {step.stage for step in steps} == {"bits", "control", "replies"} and steps[-1].of == 4
    steps.clear()
    again = [measuring.measure(one, data, steps.append) for one in candidates(store, tmp_path / "copy")]
    assert again == first and not steps  # by content: the copies lie elsewhere
    assert {one.name for one in kept.known(data)} == {BASE, "one", "two"}
    assert [one.complexity for one in first] == [0, 4, 8]
    assert len({one.bits.bits_per_byte for one in first if one.bits}) == 3
    assert all(one.bits and one.control and len(one.replies) == 4 for one in first)
    assert differences(first) == [("rank", ["", "4", "8"])]


def test_stopped_it_goes_on_where_it_was(store: ModelStore, data: EvaluationSet, tmp_path: Path) -> None:
    measuring, seen = Measuring(store, Engine(store), Measurements(tmp_path)), list[MeasureStep]()

    def leave(step: MeasureStep) -> None:
        if step.stage == "replies" and step.done == 2:
            raise InputError("left", "離れた")

    with pytest.raises(InputError, match="left"):
        measuring.measure(Candidate(BASE), data, leave)
    assert measuring.kept.known(data) == []
    measuring.measure(Candidate(BASE), data, seen.append)
    assert [(step.stage, step.done) for step in seen] == [("replies", 2), ("replies", 3)]


def test_other_rows_are_another_measurement(store: ModelStore, data: EvaluationSet, tmp_path: Path) -> None:
    measuring = Measuring(store, Engine(store), Measurements(tmp_path))
    measuring.measure(Candidate(BASE), data, lambda step: None)
    changed = EvaluationSet(data.info, data.validation[1:], data.train, 4)
    assert measuring.kept.known(changed) == []
    (tmp_path / f"{data.digest}-0123456789abcdef.json").write_text("{")  # damaged: left out
    assert len(measuring.kept.known(data)) == 1


def test_the_board_holds_all_that_is_known(store: ModelStore, data: EvaluationSet, tmp_path: Path) -> None:
    measuring = Measuring(store, Engine(store), Measurements(tmp_path))
    measured = [measuring.measure(one, data, lambda step: None) for one in candidates(store, tmp_path)]
    silent = replace(measured[0], name="elsewhere", digest="f" * 16, bits=None, control=None)
    board = leaderboard(data, [*measured, silent])
    assert len(board.lines) == 4 and board.lines[-1].ranked is None and math.isnan(board.lines[-1].specificity)
    assert board.ranking.too_few and board.ranking.conversations == 6 and board.occasions == 4
    assert board.real_auc > 0.9 and board.real_likeness > 0.6
    table = list(csv.DictReader(io.StringIO(to_csv(board, "tiny"))))
    assert {row["name"] for row in table} == {"tiny", "one", "two", "elsewhere"}
    assert float(table[0]["bits_per_byte"]) == pytest.approx(board.ranking.standings[0].value, rel=1e-4)


def made(data: EvaluationSet, name: str, more: float, replies: list[WrittenReply] | None = None) -> Measured:
    """A candidate of which everything is known beforehand."""
    chance = np.random.default_rng(len(name))
    sessions = tuple(data.conversations)
    bits = tuple((2 + more + float(x)) * 100 for x in chance.normal(0, 0.01, len(sessions)))
    held = ConversationBits(sessions, bits, (100,) * len(sessions))
    good = [WrittenReply((SAID[k % 6],), finished=True) for k in range(len(data.occasions))]
    return Measured(name, "m", name, 4, {}, held, held, tuple(replies or good))


def test_who_loops_or_leaks_may_not_win(tmp_path: Path) -> None:
    data = EvaluationSet.of(mika_set(tmp_path / "set", validation=40))
    loop = [WrittenReply(("そうだね、いいよ、" * 9,), finished=False)] * len(data.occasions)
    measured = [made(data, "good", 0.0), made(data, "loops", -1.0, loop), made(data, "leaky", -0.5)]
    board = leaderboard(data, measured, {"leaky": 2})
    assert [(line.measured.name, line.barred) for line in board.lines] == [
        ("good", ""), ("loops", "loops"), ("leaky", "leaks"),
    ]  # fmt: skip
    assert board.ranking.recommended == "good" and board.lines[1].degeneration.loops > LOOPS_ALLOWED
    assert board.lines[0].style.likeness > board.real_likeness - 0.2


def test_how_many_conversations_more_it_takes() -> None:
    chance = np.random.default_rng(0)
    hard = chance.normal(2, 0.3, 40)
    close = [Scores("a", tuple(hard)), Scores("b", tuple(hard + 0.03 - 0.2 * np.resize([1, -1], 40)))]
    ranking = rank(close, [1.0] * 40)
    needed = conversations_needed(ranking)
    assert not ranking.winner and needed and 20 < needed < 2_000
    assert conversations_needed(rank([Scores("a", tuple(hard)), Scores("b", tuple(hard))], [1.0] * 40)) is None


def test_no_name_is_a_formula(tmp_path: Path) -> None:
    data = EvaluationSet.of(mika_set(tmp_path / "set"))
    text = to_csv(leaderboard(data, [made(data, "=HYPERLINK(1)", 0.0), made(data, "＝x", 0.1)]), "base")
    assert [row[0] for row in csv.reader(io.StringIO(text))][1:] == ["'=HYPERLINK(1)", "'＝x"]
    assert harmless(" +1") == "' +1" and harmless("a=b") == "a=b"


def test_occasions_are_of_all_conversations_alike() -> None:
    rows = [talk(1, 5), talk(2, 1), talk(3, 5), talk(3, 5)]
    found = occasions_of(rows, 5)
    assert [one.conversation for one in found] == [1, 1, 2, 3, 3]
    assert all(one.turns[-1].role == "user" for one in found)
    assert len(occasions_of(rows, 99)) == 11  # what stands in two rows counts once
    with pytest.raises(InputError, match="never answers"):
        occasions_of([replace(rows[0], turns=rows[0].turns[:1])], 5)


def test_an_adapter_of_another_base_does_not_fit(store: ModelStore, tmp_path: Path) -> None:
    own = tiny_adapter(tmp_path / "own", store.current().folder)
    assert fits(store.current(), own)
    assert not fits(store.current(), replace(own, training={"base_fingerprint": "0" * 16}, base="another/one"))
