"""Which of several candidates is best: measures of the persona's real replies, and a ranking that admits doubt."""

from core.evaluate.ranking import Comparison, RankedScores, Ranking, Scores, rank

__all__ = ["Comparison", "RankedScores", "Ranking", "Scores", "rank"]
