"""A model judges dialogues: tone and coherence from 0 to 4 and a comment, held to JSON where its backend can be.

All verdicts are kept, with the rubric and the model that gave them.
"""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from core.errors import InputError
from core.memory.write.operations import ParseMethod, json_objects
from core.prompt.sandbox import TEMPLATES
from core.synth.plan import Plan
from core.synth.records import DialogueRecord, SynthFolder, append_record, read_records

HIGHEST = 4
TRIES = 3
HOTTER = 0.3  # added to the temperature from try to try
LONGEST_COMMENT = 120  # characters
MOST_TOKENS = 220
BUILT_IN_RUBRIC = TEMPLATES / "rubrics" / "persona.json"
SCHEMA: dict = {
    "type": "object",
    "properties": {
        "comment": {"type": "string", "minLength": 1, "maxLength": LONGEST_COMMENT},
        "tone": {"enum": list(range(HIGHEST + 1))},
        "coherence": {"enum": list(range(HIGHEST + 1))},
    },
    "required": ["comment", "tone", "coherence"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Rubric:
    """What a judge is asked."""

    instructions: str
    ask: str
    digest: str
    """Of its words: a changed rubric is another one."""

    def question(self, record: DialogueRecord, description: str) -> tuple[str, str]:
        """(system text, question) about a dialogue."""
        names = {"persona": record.persona, "description": description, "dialogue": record.text}
        return Template(self.instructions).safe_substitute(names), Template(self.ask).safe_substitute(names)


@dataclass(frozen=True)
class JudgeVerdict:
    """What one judge says of one dialogue. Without scores where no answer could be read."""

    cell: str
    judge: str
    rubric: str
    parse_method: ParseMethod
    tries: int
    tone: int | None = None
    coherence: int | None = None
    comment: str = ""
    expected_tone: float | None = None
    """Mean of the scores by what the judge thought likely of each; None where that cannot be seen."""
    expected_coherence: float | None = None

    def keeps(self, tone: int, coherence: int) -> bool:
        """Whether both scores reach the threshold; without scores a person has to look."""
        return (
            self.tone is not None and self.coherence is not None and self.tone >= tone and self.coherence >= coherence
        )


@dataclass(frozen=True)
class JudgeReply:
    """What a judge answered."""

    text: str
    by_grammar: bool = False
    """Whether a grammar held it to JSON."""
    expected: Mapping[str, float] = field(default_factory=dict)
    """Expected score by name, where the likelihood of each score can be seen."""


JudgeAnswer = Callable[[str, str, float], JudgeReply]
"""(system text, question, temperature) to an answer."""


def read_rubric(path: str, language: str) -> Rubric:
    """The rubric of a file, or the built-in one for "". Raises InputError for a file that is none."""
    file = Path(path) if path else BUILT_IN_RUBRIC
    try:
        texts = json.loads(file.read_text(encoding="utf-8"))[language]
        instructions, ask = str(texts["instructions"]), str(texts["ask"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{file} is no rubric: it needs “instructions” and “ask” under “{language}”.",
            f"{file} は採点基準として読めません。「{language}」の下に「instructions」と「ask」が必要です。",
        ) from error
    return Rubric(instructions, ask, hashlib.sha256(f"{instructions}\n{ask}".encode()).hexdigest()[:12])


def judge(
    plan: Plan, folder: SynthFolder, records: Sequence[DialogueRecord], answer: JudgeAnswer, stop: threading.Event
) -> list[JudgeVerdict]:
    """The verdicts on `records` by the plan's rubric and judge; those that are there are not asked for again.

    A server is asked for several at once. Where it is stopped, what was judged by then.
    """
    rubric, name = read_rubric(plan.rubric, plan.language), plan.judge_backend.name
    known = {one.cell: one for one in read_verdicts(folder) if (one.judge, one.rubric) == (name, rubric.digest)}
    writing = threading.Lock()

    def verdict_on(record: DialogueRecord) -> JudgeVerdict | None:
        if record.cell in known:
            return known[record.cell]
        if stop.is_set():
            return None
        verdict = _judged(record, rubric, plan.persona.description, name, answer)
        with writing:
            append_record(folder.verdicts, verdict)
        return verdict

    at_once = plan.judge_backend.at_once if plan.judge_backend.kind == "remote" else 1
    with ThreadPoolExecutor(at_once) as pool:
        return [verdict for verdict in pool.map(verdict_on, records) if verdict]


def read_verdicts(folder: SynthFolder) -> list[JudgeVerdict]:
    """All verdicts of all judges, in the order in which they were given."""
    return read_records(folder.verdicts, JudgeVerdict)


def parse_verdict(text: str) -> tuple[int, int, str, ParseMethod] | None:
    """(tone, coherence, comment, how it was read) of an answer, in the first way that works; None for none."""
    for method, value in json_objects(text):
        if isinstance(value, Mapping):
            tone, coherence = _score(value.get("tone")), _score(value.get("coherence"))
            if tone is not None and coherence is not None:
                return tone, coherence, str(value.get("comment") or "").strip()[:LONGEST_COMMENT], method
    return None


def _judged(record: DialogueRecord, rubric: Rubric, description: str, name: str, answer: JudgeAnswer) -> JudgeVerdict:
    system, question = rubric.question(record, description)
    for tries in range(TRIES):
        reply = answer(system, question, HOTTER * tries)
        if read := parse_verdict(reply.text):
            tone, coherence, comment, method = read
            return JudgeVerdict(
                record.cell, name, rubric.digest, "grammar" if reply.by_grammar and method == "json" else method,
                tries + 1, tone, coherence, comment, reply.expected.get("tone"), reply.expected.get("coherence"),
            )  # fmt: skip
    return JudgeVerdict(record.cell, name, rubric.digest, "none", TRIES)


def _score(value: object) -> int | None:
    """A score from 0 to 4, also as text."""
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return int(number) if number == int(number) and 0 <= number <= HIGHEST else None
