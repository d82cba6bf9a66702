"""A person goes over judged dialogues: keeps, drops or corrects them, which counts more than any score.

What a person says is appended to `reviews.jsonl`; of one dialogue the last word counts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.synth.agreement import Agreement, agreement
from core.synth.judge import JudgeVerdict, read_rubric, read_verdicts
from core.synth.plan import Plan
from core.synth.prompts import SpokenTurn
from core.synth.records import DialogueRecord, SynthFolder, append_record, read_records

DOUBTFUL = 2  # a score up to this is put before a person


@dataclass(frozen=True)
class PersonVerdict:
    """What a person says of one dialogue."""

    cell: str
    keep: bool | None = None
    """None: nothing yet, or taken back."""
    words: Mapping[int, str] = field(default_factory=dict)
    """Turns in other words, by their place; lines are messages."""


@dataclass(frozen=True)
class ReviewedDialogue:
    """A dialogue with what a judge and a person say of it."""

    record: DialogueRecord
    """With the person's words in place of the model's."""
    verdict: JudgeVerdict | None
    person: PersonVerdict

    @property
    def lowest(self) -> int:
        """The lower of its two scores; -1 without any."""
        one = self.verdict
        return min(one.tone, one.coherence) if one and one.tone is not None and one.coherence is not None else -1

    @property
    def doubtful(self) -> bool:
        """Whether a person should look: it was judged, and not well, or no answer could be read."""
        return self.verdict is not None and self.lowest <= DOUBTFUL

    def is_kept(self, tone: int, coherence: int) -> bool:
        """As the person says, else by the scores; what nobody judged is kept."""
        if self.person.keep is not None:
            return self.person.keep
        return self.verdict is None or self.verdict.keeps(tone, coherence)


def reviewed(plan: Plan, folder: SynthFolder) -> list[ReviewedDialogue]:
    """The dialogues that are there, the doubtful first: an order that a person's verdicts do not change."""
    ended = folder.read_dialogues()
    verdicts, persons = plan_verdicts(plan, folder), person_verdicts(folder)
    found = [
        ReviewedDialogue(
            _corrected(ended[cell.id], person := persons.get(cell.id, PersonVerdict(cell.id))), verdicts.get(cell.id),
            person,
        )
        for cell in plan.cells
        if cell.id in ended
    ]  # fmt: skip
    return sorted(found, key=lambda one: (not one.doubtful, one.lowest if one.doubtful else 0, one.record.number))


def plan_verdicts(plan: Plan, folder: SynthFolder) -> dict[str, JudgeVerdict]:
    """By cell, those of the plan's own judge by its rubric as it is now."""
    rubric = read_rubric(plan.rubric, plan.language).digest
    own = (one for one in read_verdicts(folder) if (one.judge, one.rubric) == (plan.judge_backend.name, rubric))
    return {one.cell: one for one in own}


def person_verdicts(folder: SynthFolder) -> dict[str, PersonVerdict]:
    """By cell, the last word on each."""
    return {one.cell: one for one in read_records(folder.reviews, PersonVerdict)}


def keep_or_drop(folder: SynthFolder, cell: str, keep: bool | None) -> None:
    """A person keeps a dialogue, drops it, or takes that back (None)."""
    before = person_verdicts(folder).get(cell, PersonVerdict(cell))
    append_record(folder.reviews, replace(before, keep=keep))


def correct_turn(folder: SynthFolder, cell: str, turn: int, words: str) -> None:
    """A person puts a turn in other words."""
    before = person_verdicts(folder).get(cell, PersonVerdict(cell))
    append_record(folder.reviews, replace(before, words={**before.words, turn: words.strip()}))


def kept_records(dialogues: Iterable[ReviewedDialogue], tone: int, coherence: int) -> list[DialogueRecord]:
    """What becomes rows, in the plan's order."""
    kept = (one.record for one in dialogues if one.is_kept(tone, coherence))
    return sorted(kept, key=lambda record: record.number)


def agreement_with_person(dialogues: Sequence[ReviewedDialogue], tone: int, coherence: int) -> Agreement | None:
    """How far keeping by scores agrees with the person, over what both judged; None where nothing can be said."""
    both = [(one.person.keep, one.verdict.keeps(tone, coherence)) for one in dialogues
            if one.person.keep is not None and one.verdict]  # fmt: skip
    return agreement([int(person) for person, _ in both], [int(judged) for _, judged in both]) if both else None


def judges_itself(plan: Plan) -> bool:
    """Whether the judge is a model that also speaks in the dialogues: it likes its own words."""
    return plan.judge_backend.identity in (plan.persona_backend.identity, plan.user_backend.identity)


def _corrected(record: DialogueRecord, person: PersonVerdict) -> DialogueRecord:
    if not person.words:
        return record
    turns = tuple(
        SpokenTurn(turn.side, tuple(line for line in person.words[n].splitlines() if line.strip()) or turn.messages)
        if n in person.words else turn
        for n, turn in enumerate(record.turns)
    )  # fmt: skip
    return replace(record, turns=turns)
