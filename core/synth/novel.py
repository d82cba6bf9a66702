"""Prose as dialogue: its quoted lines, who says each (proposed by rules and by a model), and rows of what is reviewed.

What goes to a person is a script, `Name「words」` a line, an empty line between scenes. A name behind "？" is a guess.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from string import Template

from core.errors import InputError
from core.logs.log import Format, LineCount, Log
from core.memory.write.operations import json_objects
from core.messages import Message
from core.prompt.sandbox import TEMPLATES
from core.text import Text, is_japanese

FORMAT = Format("prose", Text("Prose, its speakers reviewed", "小説（話し手は確認済み）"))
GUESS = "？"
AROUND = 160  # letters of the prose before and after a line that a model reads
SCENE = 400  # letters of narration that part two scenes
NEAR = 40  # letters of narration in which a name counts
QUOTES = {"「": "」", "“": "”"}
SAYS = re.compile(
    r"^、?(?:と|って)|^,? ?\w+ (?:said|asked|replied|answered|cried)|^ ?(?:said|asked|replied|answered|cried)"
)
SENTENCE = re.compile(r"[。．！？!?…—.,]")
SCRIPT_LINE = re.compile(rf"^({GUESS}|\?)?([^「“\"]{{1,80}})[「“\"](.*)[」”\"]$")

AskSpeaker = Callable[[str, str, Mapping[str, object]], str]
"""(system text, question, JSON schema) to a model's answer."""


@dataclass(frozen=True)
class QuotedLine:
    """Something that is said in prose."""

    words: str
    before: str
    """The narration in front of it, back to the line before."""
    after: str
    start: int
    end: int


@dataclass(frozen=True)
class SpokenLine:
    """A quoted line with who says it."""

    speaker: str
    words: str
    sure: bool = True
    opens_scene: bool = False


def quoted_lines(prose: str) -> list[QuotedLine]:
    """What is said in `prose`, in order; a quoted word inside a sentence is not.

    >>> [one.words for one in quoted_lines("「来たか。」と彼は言った。「勇気」という言葉だ。")]
    ['来たか。']
    """
    spans = [span for span in _spans(prose) if _is_said(prose, *span)]
    found: list[QuotedLine] = []
    for n, (start, end) in enumerate(spans):
        last = spans[n - 1][1] + 1 if n else 0
        following = spans[n + 1][0] if n + 1 < len(spans) else len(prose)
        found.append(
            QuotedLine(prose[start + 1 : end].strip(), prose[last:start], prose[end + 1 : following], start, end)
        )
    return found


def propose(
    prose: str, people: Sequence[str], ask: AskSpeaker | None = None, report: Callable[[int, int], None] | None = None
) -> list[SpokenLine]:
    """Who says each line: the one name that the narration beside it has; else by turns; else what a model answers.

    `people` are the names as the prose writes them, `report` is told (lines, of). Raises InputError for prose without
    quoted lines, or without two names.
    """
    lines, names = quoted_lines(prose), list(dict.fromkeys(name.strip() for name in people if name.strip()))
    if len(names) < 2 or not lines:
        raise InputError(
            "There has to be prose with quoted lines, and at least two names.",
            "「…」のある本文と、話す人の名前を二人以上入れてください。",
        )
    found: list[SpokenLine] = []
    for n, line in enumerate(lines):
        if report:
            report(n, len(lines))
        opens = n > 0 and ("\n\n" in line.before.strip(" ") or len(line.before) > SCENE)
        named = _named(line, names)
        guess = named or _by_turns(found, line) or (ask and _asked(prose, line, names, ask)) or names[0]
        found.append(SpokenLine(guess, " ".join(line.words.split()), bool(named), opens))
    return found


def script(lines: Sequence[SpokenLine]) -> str:
    """As a person reviews it."""
    parts = [
        f"{chr(10) if line.opens_scene else ''}{'' if line.sure else GUESS}{line.speaker}「{line.words}」"
        for line in lines
    ]
    return "\n".join(parts)


def read_script(text: str) -> list[SpokenLine]:
    """The inverse of `script`. Raises InputError that names the first line which says no speaker."""
    found: list[SpokenLine] = []
    opens = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            opens = bool(found)
            continue
        match = SCRIPT_LINE.match(line.strip())
        if not match or not match[2].strip():
            raise InputError(
                f"Line {number} is “{line.strip()[:40]}”; write it as Name「words」.",
                f"{number} 行目が「{line.strip()[:40]}」です。名前「言葉」の形にしてください。",
            )
        found.append(SpokenLine(match[2].strip(), match[3], not match[1], opens))
        opens = False
    if not found:
        raise InputError("The script is empty.", "台詞がありません。")
    return found


def script_log(lines: Sequence[SpokenLine], name: str = "") -> Log:
    """The reviewed lines as a log, a scene each a conversation."""
    part, messages = 0, []
    for number, line in enumerate(lines, start=1):
        part += line.opens_scene
        messages.append(Message(line.speaker, line.words, line=number, part=part))
    return Log(FORMAT, messages, LineCount(len(lines), len(lines)), file_name=name)


def _spans(prose: str) -> Iterator[tuple[int, int]]:
    """(opening, closing) of every outermost quotation; one that is never closed ends with its paragraph."""
    start, depth, mark = -1, 0, ""
    for place, letter in enumerate(prose):
        if start < 0 and letter in QUOTES:
            start, depth, mark = place, 1, letter
        elif start >= 0 and letter == mark:
            depth += 1
        elif start >= 0 and letter == QUOTES[mark]:
            depth -= 1
            if not depth:
                yield start, place
                start = -1
        elif start >= 0 and prose.startswith("\n\n", place):
            start = -1


def _is_said(prose: str, start: int, end: int) -> bool:
    """A line of its own, or one that somebody says; not a word that is quoted."""
    alone = not prose[:start].rstrip(" 　").rpartition("\n")[2].strip() or prose[:start].rstrip()[-1:] in "。」”."
    words, after = prose[start + 1 : end], prose[end + 1 : end + 30]
    if not words.strip():
        return False
    if SENTENCE.search(words):
        return True
    return alone and not re.match(r"という|と[かは]|[のがをには]", after)


def _named(line: QuotedLine, names: Sequence[str]) -> str:
    """The one name that says it: "…と NAME は言った" behind it, else NAME as the subject of the sentence before it."""
    behind = re.split(r"[。\n]", line.after, maxsplit=1)[0][:NEAR]
    if SAYS.match(behind) and (name := _only(behind, names)):
        return name
    ahead = re.split(r"[。\n]", line.before.rstrip("。 　\n"))[-1][-NEAR:]
    subjects = [
        name
        for name in names
        if re.search(rf"{re.escape(name)}(?:は|が|も|さんは|さんが| (?:said|asked|replied))", ahead)
    ]
    return subjects[0] if len(subjects) == 1 else ""


def _only(text: str, names: Sequence[str]) -> str:
    there = [name for name in names if name in text]
    return there[0] if len(there) == 1 else ""


def _by_turns(found: Sequence[SpokenLine], line: QuotedLine) -> str:
    """Whoever did not speak last, where two talk and nothing stands between their lines."""
    if line.before.strip() or len(found) < 2 or found[-1].speaker == found[-2].speaker:
        return ""
    return found[-2].speaker


def _asked(prose: str, line: QuotedLine, names: Sequence[str], ask: AskSpeaker) -> str:
    """The name that a model answers; "" where it answers none."""
    texts = _texts()["ja" if is_japanese(prose[: 10 * AROUND]) else "en"]
    marked = (
        f"{prose[max(0, line.start - AROUND) : line.start]}【{line.words}】{prose[line.end + 1 : line.end + AROUND]}"
    )
    values = {"passage": marked, "people": ", ".join(names)}
    schema = {
        "type": "object", "properties": {"speaker": {"enum": list(names)}}, "required": ["speaker"],
        "additionalProperties": False,
    }  # fmt: skip
    answer = ask(texts["instructions"], Template(texts["ask"]).safe_substitute(values), schema)
    for _, value in json_objects(answer):
        if isinstance(value, Mapping) and value.get("speaker") in names:
            return str(value["speaker"])
    return ""


@lru_cache(maxsize=1)
def _texts() -> dict:
    return json.loads((TEMPLATES / "synth" / "speaker.json").read_text(encoding="utf-8"))
