"""The ranking tells the truth on data whose truth is known, and nobody wins by chance."""

import numpy as np
import pytest

from core.errors import InputError
from core.evaluate.ranking import FEWEST, Ranking, Scores, holm, rank

SIMULATIONS = 2_000


def drawn(
    chance: np.random.Generator, conversations: int, better: tuple[float, ...], spread: float = 0.15
) -> tuple[list[Scores], list[float]]:
    """Candidates whose true bits a byte are 2 − `better`, on conversations of very different length and difficulty."""
    sizes = chance.lognormal(6, 0.8, conversations).round() + 20
    hard = chance.gamma(8, 0.25, conversations)  # bits a byte of the conversation: mean 2, skewed
    candidates = []
    for number, gain in enumerate(better):
        own = chance.standard_t(5, conversations) * spread
        candidates.append(Scores(f"c{number}", tuple((hard - gain + own) * sizes)))
    return candidates, [float(size) for size in sizes]


def test_the_best_is_found_with_what_it_is_better_by() -> None:
    candidates, sizes = drawn(np.random.default_rng(0), 60, (0.0, 0.3, 0.1))
    ranking = rank(candidates, sizes)
    assert [one.scores.name for one in ranking.standings] == ["c1", "c2", "c0"]
    assert ranking.winner == ranking.recommended == "c1" and not ranking.too_few
    lead, second, third = ranking.standings
    assert lead.behind is None and lead.best > 0.99 and lead.low < lead.value < lead.high
    assert second.behind and second.behind.low < 0.2 < second.behind.high and second.behind.p < 0.01
    assert third.behind and third.behind.low < 0.3 < third.behind.high
    assert rank(candidates, sizes) == ranking != rank(candidates, sizes, seed=1)


def test_below_thirty_conversations_nobody_wins() -> None:
    candidates, sizes = drawn(np.random.default_rng(0), FEWEST - 1, (0.0, 1.0))
    ranking = rank(candidates, sizes)
    assert ranking.too_few and ranking.winner == "" and ranking.standings[0].scores.name == "c1"


def test_the_same_scores_are_no_win() -> None:
    amounts = tuple(float(n) for n in range(1, 41))
    twins = [Scores("a", amounts, 5), Scores("b", amounts, 3)]
    ranking = rank(twins, [1.0] * 40)
    assert ranking.winner == "" and ranking.recommended == "b"  # the simpler of two that are alike
    assert ranking.standings[1].behind and ranking.standings[1].behind.p == 1


def test_who_is_barred_never_wins_and_stands_last() -> None:
    candidates, sizes = drawn(np.random.default_rng(1), 60, (0.0, 0.9))
    barred = [candidates[0], Scores("loops", candidates[1].amounts, barred="it goes round in circles")]
    ranking = rank(barred, sizes)
    assert [one.scores.name for one in ranking.standings] == ["c0", "loops"]
    assert ranking.winner == "" and ranking.recommended == "c0" and ranking.standings[1].best == 0
    alone = rank([barred[1]], sizes)
    assert alone.winner == alone.recommended == "" and alone.standings[0].behind is None


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(InputError, match="no conversation"):
        rank([], [])
    with pytest.raises(InputError, match="“a” was measured on 1 of 2 conversations"):
        rank([Scores("a", (1.0,))], [1, 1])
    with pytest.raises(InputError, match="Conversation 2 has nothing"):
        rank([Scores("a", (1.0, 1.0))], [1, 0])
    one = rank([Scores("a", (1.0,)), Scores("b", (2.0,))], [1])
    assert one.too_few and one.winner == "" and one.standings[0].scores.name == "a"


def test_holms_adjustment() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == [] and holm([0.6, 0.7]) == [1.0, 1.0]


def simulate(conversations: int, better: tuple[float, ...]) -> list[Ranking]:
    chance = np.random.default_rng(conversations + len(better))
    return [rank(*drawn(chance, conversations, better)) for _ in range(SIMULATIONS)]


@pytest.mark.slow
@pytest.mark.parametrize("conversations", [30, 100])
def test_the_intervals_hold_the_truth_as_often_as_they_say(conversations: int) -> None:
    held, single = 0, 0
    for ranking in simulate(conversations, (0.0, 0.02)):
        by_name = {one.scores.name: one for one in ranking.standings}
        lead, other = ranking.standings
        truth = 0.02 if lead.scores.name == "c1" else -0.02
        assert other.behind
        held += other.behind.low <= truth <= other.behind.high
        single += by_name["c0"].low <= 2.0 <= by_name["c0"].high
    assert 0.93 <= held / SIMULATIONS <= 0.97
    assert 0.90 <= single / SIMULATIONS <= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("number", [2, 5])
def test_of_those_that_are_alike_hardly_ever_one_wins(number: int) -> None:
    for conversations in (30, 100):
        won = sum(bool(ranking.winner) for ranking in simulate(conversations, (0.0,) * number))
        assert won / SIMULATIONS < 0.05


@pytest.mark.slow
def test_a_better_one_is_found() -> None:
    rankings = simulate(100, (0.0, 0.2))
    assert sum(ranking.winner == "c1" for ranking in rankings) / SIMULATIONS > 0.9
    assert not any(ranking.winner == "c0" for ranking in rankings)
