"""A judge says which of two replies is more like the person: asked in both orders, beside real replies, names unseen.

Judges prefer a place, the longer reply and their own kin (Zheng et al. 2023, arXiv:2306.05685). So each pair is asked
twice with the replies exchanged, and where the answers disagree it is a tie; longer replies are cut to what the
other has; and where the judge is of the candidates' own family, that is said.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.evaluate.measure import EvaluationSet, Measured
from core.evaluate.replies import Occasion, WrittenReply
from core.memory.write.operations import json_objects
from core.synth.judge import HOTTER, TRIES, JudgeAnswer

PairOutcome = Literal["first", "second", "tie"]
REFERENCES = 3  # real replies that the judge is shown
LONGEST_REPLY = 400  # characters
LENGTH_RATIO = 2.0  # a reply of more than this many times the other's length is cut to that
PAIR_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "comment": {"type": "string", "minLength": 1, "maxLength": 120},
        "better": {"enum": ["A", "B", "tie"]},
    },
    "required": ["comment", "better"],
    "additionalProperties": False,
}
INSTRUCTIONS = (
    "You compare two replies. Which one is more like what this person would write here: in voice, habits and sense? "
    "Length alone is no merit. Answer in JSON: a short comment, then better: A, B or tie."
)


@dataclass(frozen=True)
class PairVerdict:
    """What the judge says of two replies on one occasion."""

    conversation: int
    outcome: PairOutcome
    agreed: bool
    """Whether both orders gave the same answer; else it is a tie."""
    read: bool = True
    """Whether both answers could be read."""


@dataclass(frozen=True)
class PairResult:
    """One candidate against another, over all occasions."""

    first: str
    second: str
    verdicts: tuple[PairVerdict, ...]

    @property
    def win_rate(self) -> float:
        """The share that the first wins, ties as halves; NaN without any verdict."""
        points = {"first": 1.0, "second": 0.0, "tie": 0.5}
        held = [points[one.outcome] for one in self.verdicts if one.read]
        return sum(held) / len(held) if held else float("nan")

    @property
    def order_consistency(self) -> float:
        """How often both orders agreed: a judge that looks at the place alone has 0."""
        held = [one.agreed for one in self.verdicts if one.read]
        return sum(held) / len(held) if held else float("nan")


def judge_pair(answer: JudgeAnswer, data: EvaluationSet, one: Measured, other: Measured) -> PairResult:
    """Ask about every occasion of `data`, in both orders. Raises what `answer` does."""
    references = _references(data)
    verdicts = tuple(
        _verdict(answer, data.info.persona, occasion, references, pair)
        for occasion, *pair in zip(data.occasions, one.replies, other.replies, strict=True)
    )
    return PairResult(one.name, other.name, verdicts)


def _verdict(
    answer: JudgeAnswer, persona: str, occasion: Occasion, references: Sequence[Occasion], pair: Sequence[WrittenReply]
) -> PairVerdict:
    shown = [one for one in references if one.conversation != occasion.conversation][:REFERENCES]
    texts = alike_in_length(pair[0].text, pair[1].text)
    if texts[0] == texts[1]:
        return PairVerdict(occasion.conversation, "tie", agreed=True)
    forth = _asked(answer, question(persona, occasion, shown, *texts))
    back = _asked(answer, question(persona, occasion, shown, *reversed(texts)))
    if forth is None or back is None:
        return PairVerdict(occasion.conversation, "tie", agreed=False, read=False)
    turned = {"A": "B", "B": "A", "tie": "tie"}[back]
    outcome: Mapping[str, PairOutcome] = {"A": "first", "B": "second", "tie": "tie"}
    return PairVerdict(occasion.conversation, outcome[forth] if forth == turned else "tie", agreed=forth == turned)


def question(persona: str, occasion: Occasion, references: Sequence[Occasion], a: str, b: str) -> str:
    """What the judge is asked: how the person really writes, the talk, and two replies without names."""
    real = "\n\n".join(f"{one.turns[-1].messages[-1]}\n→ {' / '.join(one.real)}" for one in references)
    talk = "\n".join(f"{persona if turn.role == 'assistant' else 'Other'}: {text}"
                     for turn in occasion.turns for text in turn.messages)  # fmt: skip
    return (
        f"How {persona} really replies:\n{real}\n\nThe conversation:\n{talk}\n\n"
        f"Reply A:\n{a}\n\nReply B:\n{b}\n\nWhich is more like {persona}?"
    )


def alike_in_length(one: str, other: str) -> tuple[str, str]:
    """Both replies, a much longer one cut: judges take length for merit.

    >>> alike_in_length("aaaaaaaa", "bb")
    ('aaaa…', 'bb')
    """

    def cut(text: str, beside: str) -> str:
        most = min(LONGEST_REPLY, max(1, round(LENGTH_RATIO * len(beside))) if beside else LONGEST_REPLY)
        return text if len(text) <= most else f"{text[:most]}…"

    return cut(one, other), cut(other, one)


def _references(data: EvaluationSet) -> list[Occasion]:
    """Real replies of usual length, from the first to the last conversation."""
    by_length = sorted(data.occasions, key=lambda one: len("".join(one.real)))
    return by_length[len(by_length) // 4 : -(len(by_length) // 4) or None]


def _asked(answer: JudgeAnswer, asked: str) -> str | None:
    """The judge's choice; None where no answer can be read."""
    for tries in range(TRIES):
        said = answer(INSTRUCTIONS, asked, HOTTER * tries)
        for _, value in json_objects(said.text):
            if isinstance(value, dict) and value.get("better") in ("A", "B", "tie"):
                return str(value["better"])
    return None


def family_of(model: str) -> str:
    """The family of a model by its name: its letters before the first figure or mark.

    >>> family_of("Qwen/Qwen3-0.6B"), family_of("gemma-3-270m"), family_of("gpt-4o-mini")
    ('qwen', 'gemma', 'gpt')
    """
    found = re.match(r"[a-z]+", model.rsplit("/", 1)[-1].casefold())
    return found[0] if found else model.casefold()


def of_the_same_family(judge: str, candidates: Sequence[Measured]) -> bool:
    """Whether the judge may favour its kin, which is to be said beside its verdicts."""
    return any(family_of(one.base) == family_of(judge) for one in candidates)
