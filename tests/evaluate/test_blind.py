"""The blind test: whose votes are kept, orders are random, and intervals know that votes on one question are alike."""

import random
from collections import Counter
from pathlib import Path

import pytest

from core.errors import InputError, NotAllowedError
from core.evaluate.blind import (
    REAL,
    BlindTest,
    BlindTests,
    BlindVote,
    chance_rate,
    fooled_rates,
    make_test,
    wilson,
)
from core.evaluate.measure import EvaluationSet, Measured
from core.evaluate.replies import WrittenReply
from core.workspace import Workspace
from tests.helpers.evaluate_tiny import mika_set

OWNER = "key-" + "a" * 32


@pytest.fixture
def data(tmp_path: Path) -> EvaluationSet:
    return EvaluationSet.of(mika_set(tmp_path / "set", validation=20))


def saying(data: EvaluationSet, name: str, text: str = "") -> Measured:
    replies = [WrittenReply((text or f"{name} {k}",), finished=True) for k in range(len(data.occasions))]
    return Measured(name, "m", name, 4, {}, None, None, tuple(replies))


@pytest.fixture
def test(data: EvaluationSet) -> BlindTest:
    return make_test(data, [saying(data, ""), saying(data, "one")])


def test_each_question_has_the_real_reply_and_one_of_each(test: BlindTest) -> None:
    assert len(test.questions) == 12 and set(test.candidates) == {"", "one"}
    for question in test.questions:
        assert [one.who for one in question.options] == [REAL, "", "one"]
        assert question.options[0].messages == question.occasion.real
        assert question.occasion.turns[-1].role == "user"
    assert BlindTest.from_json(test.to_json()) == test
    assert chance_rate(test) == pytest.approx(1 / 3)


def test_where_two_said_the_same_nobody_is_asked(data: EvaluationSet) -> None:
    same = [saying(data, "one", "うん"), saying(data, "two", " うん ")]
    with pytest.raises(InputError, match="all replies differ"):
        make_test(data, same)
    with pytest.raises(InputError, match="all replies differ"):
        make_test(data, [])


def test_the_order_is_a_voters_own_and_every_place_is_as_likely(test: BlindTest) -> None:
    voters = [f"{n:016x}" for n in range(600)]
    first = Counter(test.order(voter, 0)[0].who for voter in voters)
    assert all(150 < first[who] < 250 for who in (REAL, "", "one"))
    assert test.order(voters[0], 3) == test.order(voters[0], 3)


def test_votes_are_kept_with_who_voted_and_the_first_counts(test: BlindTest, tmp_path: Path) -> None:
    tests = BlindTests(Workspace(tmp_path))
    tests.add(OWNER, test)
    owner, found = tests.find(test.code)
    assert (owner, found) == (OWNER, test) and tests.newest(OWNER) == test
    first, second = BlindVote("0" * 16, "湊", 0, "one"), BlindVote("0" * 16, "湊", 0, REAL)
    for vote in (first, second, BlindVote("1" * 16, "", 1, REAL)):
        tests.vote(OWNER, test, vote)
    assert tests.votes(OWNER, test) == [first, BlindVote("1" * 16, "", 1, REAL)]
    tests.delete(OWNER, test.code)
    with pytest.raises(NotAllowedError):
        tests.find(test.code)


@pytest.mark.parametrize(
    "vote", [BlindVote("0" * 16, "", 99, REAL), BlindVote("x", "", 0, REAL), BlindVote("0" * 16, "", 0, "nobody")]
)
def test_a_vote_that_cannot_be_is_refused(test: BlindTest, tmp_path: Path, vote: BlindVote) -> None:
    tests = BlindTests(Workspace(tmp_path))
    tests.add(OWNER, test)
    with pytest.raises(InputError):
        tests.vote(OWNER, test, vote)


@pytest.mark.parametrize("code", ["", "../../x", "a" * 22, "*" * 22])
def test_a_code_that_is_none_leads_nowhere(test: BlindTest, tmp_path: Path, code: str) -> None:
    tests = BlindTests(Workspace(tmp_path))
    tests.add(OWNER, test)
    with pytest.raises(NotAllowedError):
        tests.find(code)


def test_rates_and_wilsons_interval(test: BlindTest) -> None:
    votes = [BlindVote(f"{n:016x}", "", n % 12, "one" if n % 4 == 0 else REAL) for n in range(12)]
    one = next(rate for rate in fooled_rates(test, votes) if rate.who == "one")
    assert (one.taken, one.of) == (3, 12) and (one.low, one.high) == wilson(0.25, 12)
    assert fooled_rates(test, [])[0].of == 0


def test_the_interval_holds_the_truth_although_votes_on_a_question_are_alike(test: BlindTest) -> None:
    """20 voters; each question fools on its own rate around 0.4. Wilson without the questions would be far too sure."""
    chance, held, naive = random.Random(0), 0, 0
    for _ in range(400):
        votes = []
        for question in range(12):
            rate = chance.betavariate(1.2, 1.8)
            votes += [
                BlindVote(f"{n:016x}", "", question, "one" if chance.random() < rate else REAL) for n in range(20)
            ]
        found = next(rate for rate in fooled_rates(test, votes) if rate.who == "one")
        held += found.low <= 0.4 <= found.high
        low, high = wilson(found.rate, found.of)
        naive += low <= 0.4 <= high
    assert held / 400 > 0.9 > 0.75 > naive / 400
