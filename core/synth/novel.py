"""Prose as dialogue: its quoted lines, who says each (proposed by rules and by a model), and rows of what is reviewed.

What goes to a person is a script, `Name「words」` a line, an empty line between scenes. A name behind "？" is a guess.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from string import Template

from core.errors import InputError
from core.logs.log import Format, LineCount, Log
from core.memory.write.operations import json_objects
from core.messages import Message
from core.prompt.sandbox import TEMPLATES
from core.synth.prose import QuotedLine, clean_prose, quoted_lines
from core.text import Text, is_japanese

FORMAT = Format("prose", Text("Prose, its speakers reviewed", "小説（話し手は確認済み）"))
GUESS = "？"
AROUND = 160  # letters of the prose before and after a line that a model reads
SCENE = 400  # letters of narration that part two scenes
NEAR = 60  # letters of narration in which a name counts
TURNS = 4  # lines back in which two people are the only ones who speak
SAYS = re.compile(r"^、?(?:と|って)")
VERBS = (
    "said|says|asked|replied|answered|cried|remarked|exclaimed|added|repeated|whispered|shouted|continued|interrupted|"
    "began|thought|observed|returned|inquired|murmured|muttered|grumbled|sighed|laughed|called|went on|spoke"
)
PRONOUN_SAYS = re.compile(rf"^[,.]?\s*(?:he|she|they)\s+(?:\w+ly\s+)?(?:{VERBS})\b")
SCRIPT_LINE = re.compile(rf"^({GUESS}|\?)?([^「“\"]{{1,80}})[「“\"](.*)[」”\"]$")

AskSpeaker = Callable[[str, str, Mapping[str, object]], str]
"""(system text, question, JSON schema) to a model's answer."""


@dataclass(frozen=True)
class SpokenLine:
    """A quoted line with who says it."""

    speaker: str
    words: str
    sure: bool = True
    opens_scene: bool = False


def propose(
    prose: str, people: Sequence[str], ask: AskSpeaker | None = None, report: Callable[[int, int], None] | None = None
) -> list[SpokenLine]:
    """Who says each line: the one name that the narration beside it has; else by turns; else what a model answers.

    `people` are the names as the prose writes them, `report` is told (lines, of). A sentence that narration interrupts
    is one line, and the comma before the narration ends it as a full stop. Raises InputError for prose without
    quoted lines, or without two names.
    """
    prose = clean_prose(prose)
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
        named = _named(line, names) or _continued(found, line)
        guess = named or _by_turns(found, line) or (ask and _asked(prose, line, names, ask)) or names[0]
        opens = n > 0 and (line.opens_scene or len(line.before) > SCENE)
        words = " ".join(line.words.split())
        if line.continues and found[-1].speaker == guess and found[-1].words.endswith(",") and words[:1].islower():
            found[-1] = replace(found[-1], words=f"{found[-1].words} {words}")
        else:
            found.append(SpokenLine(guess, words, bool(named), opens))
    return [replace(one, words=re.sub(",$", ".", one.words)) for one in found]


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


def _named(line: QuotedLine, names: Sequence[str]) -> str:
    """The one name that says it: behind it ("…と NAME は言った", "said NAME"), else the subject of what leads there."""
    behind = re.split(r"[。\n]" if is_japanese(line.words) else r"[.:;“\"]|\n\n", line.after, maxsplit=1)[0][:NEAR]
    if SAYS.match(behind) and (name := _only(behind, names)):
        return name
    if name := _speaking(behind, names):
        return name
    ahead = re.split(r"[。\n]", line.before.rstrip("。 　\n"))[-1][-NEAR:]
    subjects = [name for name in names if re.search(rf"{re.escape(name)}(?:は|が|も|さんは|さんが)", ahead)]
    if subjects:
        return subjects[0] if len(subjects) == 1 else ""
    return "" if is_japanese(line.words) else _led_to(line, names)


def _speaking(behind: str, names: Sequence[str]) -> str:
    """The name beside a verb of saying: "said the NAME", "NAME went on", "NAME hastily replied"."""
    there = [
        name for name in names
        if re.match(
            rf"[,.]?\s*(?:(?:{VERBS})\s+(?:the\s+)?{re.escape(name)}\b"
            rf"|(?:the\s+)?{re.escape(name)}\s+(?:\w+ly\s+)?(?:{VERBS})\b)",
            behind, re.IGNORECASE,
        )
    ]  # fmt: skip
    return there[0] if len(there) == 1 else ""


def _led_to(line: QuotedLine, names: Sequence[str]) -> str:
    """The subject of the paragraph that leads to a line by a comma, a colon or a verb, or goes on "she said"."""
    paragraph = line.before.rstrip().rpartition("\n\n")[2].strip()
    leads = re.search(rf"(?:[,:]|\b(?:{VERBS}))$", paragraph)
    if not paragraph or not (leads or PRONOUN_SAYS.match(line.after)):
        return ""
    subjects = [name for name in names if re.match(rf"(?:the\s+)?{re.escape(name)}\b", paragraph, re.IGNORECASE)]
    return subjects[0] if len(subjects) == 1 else ""


def _only(text: str, names: Sequence[str]) -> str:
    there = [name for name in names if name in text]
    return there[0] if len(there) == 1 else ""


def _continued(found: Sequence[SpokenLine], line: QuotedLine) -> str:
    """Who spoke just before in the same paragraph, where that is sure: "…," said NAME; "…"."""
    return found[-1].speaker if line.continues and found and found[-1].sure else ""


def _by_turns(found: Sequence[SpokenLine], line: QuotedLine) -> str:
    """Whoever did not speak last, where two talk and nothing stands between their lines."""
    lately: list[str] = []
    for one in found[: -1 - TURNS : -1]:
        lately += [one.speaker] * (one.speaker not in lately)
        if one.opens_scene:
            break
    return lately[1] if len(lately) == 2 and not line.before.strip() else ""


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
