"""The blind test: which of these replies is really theirs? Votes of people, and how often each candidate fools them.

A test is made once and then stays as it is: places of validation conversations, each with the real reply and one of
every candidate. It has an unguessable code of its own, by which friends reach it and nothing else.
"""

import hashlib
import math
import random
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, NotAllowedError
from core.evaluate.measure import EvaluationSet, Measured
from core.evaluate.replies import Occasion, WrittenReply
from core.files import append_json, parse_json_lines, read_json, write_json
from core.stored import UNREADABLE
from core.workspace import OWNER, Workspace

CODE = re.compile(r"[A-Za-z0-9_-]{22}")
VOTER = re.compile(r"[0-9a-f]{16}")
QUESTIONS = 12
SHOWN_TURNS = 4  # of the conversation before the reply
MOST_CANDIDATES = 3
MOST_VOTES = 5_000  # of one test: it stands open to whoever has its address
LONGEST_NAME = 40
REAL = "real"
Z = 1.959964


@dataclass(frozen=True)
class BlindOption:
    """One of the replies to choose from."""

    who: str
    """REAL, or the candidate's name."""
    messages: tuple[str, ...]


@dataclass(frozen=True)
class BlindQuestion:
    """A place in a conversation, and the replies that may have followed."""

    occasion: Occasion
    options: tuple[BlindOption, ...]


@dataclass(frozen=True)
class BlindTest:
    """What everybody is asked."""

    code: str
    persona: str
    created: float
    """Seconds since 1970."""
    questions: tuple[BlindQuestion, ...]

    @property
    def candidates(self) -> tuple[str, ...]:
        """Who is among the options beside the real one."""
        return tuple(dict.fromkeys(one.who for q in self.questions for one in q.options if one.who != REAL))

    def order(self, voter: str, question: int) -> list[BlindOption]:
        """The options of a question in this voter's own order, always the same."""
        seed = hashlib.sha256(f"{self.code} {voter} {question}".encode()).digest()
        options = list(self.questions[question].options)
        random.Random(seed).shuffle(options)
        return options

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        questions = [{"occasion": q.occasion.to_json(), "options": [[one.who, list(one.messages)] for one in q.options]}
                     for q in self.questions]  # fmt: skip
        return {"code": self.code, "persona": self.persona, "created": self.created, "questions": questions}

    @classmethod
    def from_json(cls, value: Mapping) -> "BlindTest":
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError."""
        questions = tuple(
            BlindQuestion(
                Occasion.from_json(q["occasion"]),
                tuple(BlindOption(str(who), tuple(map(str, messages))) for who, messages in q["options"]),
            )
            for q in value["questions"]
        )
        return cls(str(value["code"]), str(value["persona"]), float(value["created"]), questions)


@dataclass(frozen=True)
class BlindVote:
    """What somebody took for the real reply."""

    voter: str
    """16 hex digits of one sitting."""
    name: str
    """What they call themselves."""
    question: int
    who: str


@dataclass(frozen=True)
class FooledRate:
    """How often a candidate was taken for the person, of the questions that were answered."""

    who: str
    taken: int
    of: int
    low: float
    high: float
    """The ends of the 95 % interval."""

    @property
    def rate(self) -> float:
        return self.taken / self.of if self.of else math.nan


def make_test(data: EvaluationSet, measured: Sequence[Measured], most: int = QUESTIONS, seed: int = 0) -> BlindTest:
    """A new test of what candidates said on the occasions of `data`.

    Left out are occasions where somebody said nothing, or two said the same. Raises InputError where none is left.
    """
    found = []
    for at, occasion in enumerate(data.occasions):
        said = [(one.name, one.replies[at]) for one in measured[:MOST_CANDIDATES]]
        options = [(REAL, WrittenReply(occasion.real, finished=True)), *said]
        texts = {_plain(reply.text) for _, reply in options}
        if len(texts) == len(options) and "" not in texts:
            shown = Occasion(occasion.conversation, occasion.turns[-SHOWN_TURNS:], occasion.real)
            found.append(BlindQuestion(shown, tuple(BlindOption(who, reply.messages) for who, reply in options)))
    if not found or not measured:
        raise InputError("There is no place where all replies differ. Choose other candidates.",
                         "返事がすべて違う場面がありません。別の候補を選んでください。")  # fmt: skip
    chosen = random.Random(seed).sample(found, min(most, len(found)))
    return BlindTest(secrets.token_urlsafe(16), data.info.persona, time.time(), tuple(chosen))


def _plain(text: str) -> str:
    return "".join(text.split())


def fooled_rates(test: BlindTest, votes: Sequence[BlindVote]) -> list[FooledRate]:
    """For each candidate and the real one: how often it was chosen, with an interval that knows of the questions.

    Votes on one question are alike, so they count for as many as their spread over questions says (Kish's design
    effect), in Wilson's interval.
    """
    rates = []
    for who in (*test.candidates, REAL):
        by_question: dict[int, list[bool]] = {}
        for vote in votes:
            if any(one.who == who for one in test.questions[vote.question].options):
                by_question.setdefault(vote.question, []).append(vote.who == who)
        of, taken = sum(map(len, by_question.values())), sum(map(sum, by_question.values()))
        low, high = wilson(taken / of, of / _design_effect(by_question)) if of else (0.0, 1.0)
        rates.append(FooledRate(who, taken, of, low, high))
    return rates


def wilson(rate: float, count: float) -> tuple[float, float]:
    """Wilson's 95 % interval of a rate that was seen `count` times.

    >>> [round(end, 3) for end in wilson(0.5, 100)]
    [0.404, 0.596]
    """
    middle = (rate + Z**2 / (2 * count)) / (1 + Z**2 / count)
    half = Z * math.sqrt(rate * (1 - rate) / count + Z**2 / (4 * count**2)) / (1 + Z**2 / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _design_effect(by_question: Mapping[int, Sequence[bool]]) -> float:
    """The variance of the rate over questions by that of independent votes; at least 1."""
    count, questions = sum(map(len, by_question.values())), len(by_question)
    rate = sum(map(sum, by_question.values())) / count
    if questions < 2 or count == questions or not 0 < rate < 1:
        return 1.0
    spread = sum((sum(votes) - rate * len(votes)) ** 2 for votes in by_question.values())
    return max(1.0, spread / count**2 * questions / (questions - 1) / (rate * (1 - rate) / count))


def chance_rate(test: BlindTest) -> float:
    """How often each would be chosen by who guesses."""
    return sum(1 / len(q.options) for q in test.questions) / len(test.questions)


@dataclass(frozen=True)
class BlindTests:
    """Everybody's tests, each in its owner's folder."""

    workspace: Workspace

    def add(self, owner: str, test: BlindTest) -> BlindTest:
        """Keep a new test. Raises InputError when the disk is full."""
        write_json(self._file(owner, test.code), test.to_json())
        return test

    def newest(self, owner: str) -> BlindTest | None:
        """The owner's last test that can be read."""
        files = self.workspace.folder(owner, "evaluations").glob("blind-*.json")
        for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True):
            if test := _read(path):
                return test
        return None

    def find(self, code: str) -> tuple[str, BlindTest]:
        """(owner, test) of a code. Raises NotAllowedError where there is none: whoever has the code may vote."""
        owners = self.workspace.home / "owners"
        if CODE.fullmatch(code):
            for path in owners.glob(f"*/evaluations/blind-{code}.json"):
                test = _read(path)
                if test and OWNER.fullmatch(path.parts[-3]):
                    return path.parts[-3], test
        raise NotAllowedError("This test is not there any more.", "このテストはもうありません。")

    def delete(self, owner: str, code: str) -> None:
        """Remove a test and its votes: its address leads nowhere any more."""
        for path in (self._file(owner, code), self._votes(owner, code)):
            path.unlink(missing_ok=True)

    def votes(self, owner: str, test: BlindTest) -> list[BlindVote]:
        """All votes, of each voter the first on each question."""
        path, found = self._votes(owner, test.code), dict[tuple[str, int], BlindVote]()
        for value in parse_json_lines(path.read_bytes() if path.is_file() else b""):
            try:
                vote = BlindVote(str(value["voter"]), str(value["name"]), int(value["question"]), str(value["who"]))
            except UNREADABLE:
                continue
            if 0 <= vote.question < len(test.questions):
                found.setdefault((vote.voter, vote.question), vote)
        return list(found.values())

    def vote(self, owner: str, test: BlindTest, vote: BlindVote) -> None:
        """Keep a vote. Raises InputError for one that cannot be, and when the test has had enough."""
        known = 0 <= vote.question < len(test.questions)
        if not known or not VOTER.fullmatch(vote.voter) or all(
            one.who != vote.who for one in test.questions[vote.question].options
        ):  # fmt: skip
            raise InputError("That is not one of the replies.", "その返事は選べません。")
        before = self.votes(owner, test)
        if len(before) >= MOST_VOTES:
            raise InputError("This test has had enough votes. Thank you!", "このテストの回答は締め切りました。")
        if any((one.voter, one.question) == (vote.voter, vote.question) for one in before):
            return
        append_json(self._votes(owner, test.code), {
            "voter": vote.voter, "name": vote.name[:LONGEST_NAME], "question": vote.question, "who": vote.who,
            "time": time.time(),
        })  # fmt: skip

    def _file(self, owner: str, code: str) -> Path:
        if not CODE.fullmatch(code):
            raise NotAllowedError("This test is not there any more.", "このテストはもうありません。")
        return self.workspace.folder(owner, "evaluations") / f"blind-{code}.json"

    def _votes(self, owner: str, code: str) -> Path:
        return self._file(owner, code).with_suffix(".votes.jsonl")


def _read(path: Path) -> BlindTest | None:
    try:
        test = BlindTest.from_json(read_json(path))
    except (OSError, *UNREADABLE):
        return None
    return test if test.questions else None
