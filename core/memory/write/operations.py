"""What a model wants remembered and forgotten: read from whatever it wrote, and voted on when it was asked often."""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Literal, get_args

from core.memory.notes import LONGEST, NOTE_KINDS, MemoryNote, NoteKind, Notes, SaidBy
from core.text import share_contained, similarity

ParseMethod = Literal["grammar", "json", "repaired", "tags", "none"]
"""How an answer was read: written under a grammar, strict JSON, a {…} within other text (a code fence, a sentence)
whose faults json-repair mends, tagged lines; "none" where nothing could be read."""
PARSE_METHODS: tuple[ParseMethod, ...] = get_args(ParseMethod)
SAME = 0.6  # from this likeness on (`core.text.similarity`) two answers mean the same note
GROUNDED = 0.2  # of a note's letter pairs that the exchange must hold: less was made up, or copied from an example
MOST_ITEMS = 3
NOTHING = frozenset(("なし", "ない", "特になし", "（なし）", "none", "nothing", "-", "[]", "(none)", "n/a"))
TAGS = {"reply": "返答|返事|reply", "forget": "忘れる|forget", "remember": "覚える|remember"}
TAG = re.compile(rf"^[\s\-*]*(?:{'|'.join(f'(?P<{key}>{names})' for key, names in TAGS.items())})\s*[:：]\s*(.*)",
                 re.IGNORECASE)  # fmt: skip


@dataclass(frozen=True)
class NoteItem:
    """One thing to remember."""

    text: str
    kind: NoteKind = "fact"
    importance: int = 3


@dataclass(frozen=True)
class Operations:
    """What one answer asks for. `forget` holds numbers of notes as they were listed (from 1), or their words."""

    remember: tuple[NoteItem, ...] = ()
    forget: tuple[int | str, ...] = ()
    reply: str = ""


@dataclass(frozen=True)
class Decided:
    """What is to be done after the vote; `forget` holds ids of notes."""

    remember: tuple[NoteItem, ...] = ()
    forget: tuple[int, ...] = ()


def parse(text: str) -> tuple[Operations, ParseMethod]:
    """Read an answer in the first way that works."""
    for method, value in json_objects(text):
        if isinstance(value, dict) and any(key in value for key in TAGS):
            return _from_object(value), method
    tagged = _tagged(text)
    return (tagged, "tags") if tagged else (Operations(), "none")


def operations_schema(notes: int, *, reply: bool = False) -> dict:
    """The JSON schema of an answer where `notes` notes are listed; short enough to end within its tokens."""
    text = {"type": "string", "minLength": 1, "maxLength": 60}
    item = {
        "type": "object",
        "properties": {"text": text, "kind": {"enum": list(NOTE_KINDS)}, "importance": {"enum": [1, 2, 3, 4, 5]}},
        "required": ["text", "kind", "importance"],
        "additionalProperties": False,
    }
    properties = {"reply": {"type": "string", "minLength": 1, "maxLength": 200}} if reply else {}
    properties["forget"] = {"type": "array", "items": {"enum": list(range(1, notes + 1)) or [0]},
                            "maxItems": min(notes, MOST_ITEMS)}  # fmt: skip
    properties["remember"] = {"type": "array", "items": item, "maxItems": MOST_ITEMS - 1}
    # Spaces anywhere would let a small model write nothing else.
    spaces = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
            "x-guidance": spaces}  # fmt: skip


def vote(answers: Sequence[Operations], listed: Sequence[MemoryNote]) -> Decided:
    """What at least half of the answers ask for; notes count as the same from SAME on, and are worded as the
    one that is most like the others."""
    least = math.ceil(len(answers) / 2)
    forgotten = Counter(note for answer in answers for note in {*_resolved(answer.forget, listed)})
    groups: list[list[tuple[int, NoteItem]]] = []
    for number, answer in enumerate(answers):
        for item in answer.remember:
            group = next((g for g in groups if similarity(g[0][1].text, item.text) >= SAME), None)
            groups.append([(number, item)]) if group is None else group.append((number, item))
    kept = [[item for _, item in group] for group in groups if len({number for number, _ in group}) >= least]
    return Decided(
        tuple(map(_agreed, kept)), tuple(note for note, count in sorted(forgotten.items()) if count >= least)
    )


def apply_operations(
    notes: Notes, decided: Decided, exchange: dict[SaidBy, str], *, conversation: str, round: int, now: float
) -> tuple[int, int]:
    """Do it: (how many notes were remembered, how many forgotten). `exchange` holds what each side said.

    Nothing is noted that neither side said; a forgotten note names the new one that is most like it.
    """
    new: list[MemoryNote] = []
    before = {note.id for note in notes.live()}
    for item in decided.remember:
        speaker = max(exchange, key=lambda side: share_contained(item.text, exchange[side]))
        if len(item.text) <= LONGEST and share_contained(item.text, exchange[speaker]) >= GROUNDED:
            new.append(
                notes.add(item.text, now=now, kind=item.kind, importance=item.importance, said_by=speaker,
                          conversation=conversation, round=round)
            )  # fmt: skip
    gone = [note for note in decided.forget if note in before and note not in {one.id for one in new}]
    for note in gone:
        text = notes.get(note).text
        heir = max(new, key=lambda one: similarity(one.text, text), default=None)
        notes.forget(note, now=now, superseded_by=heir.id if heir and similarity(heir.text, text) > 0 else None)
    return len({note.id for note in new} - before), len(gone)


def json_objects(text: str) -> Iterator[tuple[ParseMethod, object]]:
    """Every JSON value that can be read from an answer, the strictest reading first."""
    yield "json", _loaded(text, json.loads)
    pieces = list(_balanced(text))
    if pieces:
        import json_repair

        for piece in pieces:
            yield "repaired", _loaded(piece, json_repair.loads)


def _loaded(text: str, load: Callable[[str], object]) -> object:
    try:
        return load(text.strip())
    except (ValueError, RecursionError):
        return None


def _balanced(text: str) -> Iterator[str]:
    """Each outermost {…} of a text; braces inside of strings do not count.

    What was cut off is not among them: json-repair would close it, and half a note is worse than another try.
    """
    depth, start, quoted, escaped = 0, 0, False, False
    for at, c in enumerate(text):
        if quoted:
            quoted, escaped = escaped or c != '"', c == "\\" and not escaped
        elif c == '"' and depth:
            quoted = True
        elif c == "{":
            start, depth = (at if depth == 0 else start), depth + 1
        elif c == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : at + 1]


def ended(text: str) -> bool:
    """Whether a whole {…} is written, so that nothing more has to be."""
    return next(_balanced(text), None) is not None


def _from_object(value: dict) -> Operations:
    remember, forget, reply = (value.get(key) for key in ("remember", "forget", "reply"))
    items = [_item(one) for one in (remember if isinstance(remember, list) else [remember])]
    named = forget if isinstance(forget, list) else [forget]
    numbers = [one for one in named if isinstance(one, int | str) and not isinstance(one, bool)]
    return Operations(
        tuple(item for item in items if item)[:MOST_ITEMS],
        tuple(one for one in numbers if _says(str(one)))[:MOST_ITEMS],
        reply.strip() if isinstance(reply, str) else "",
    )


def _item(value: object) -> NoteItem | None:
    """A note as a string, or as an object with a text."""
    fields = value if isinstance(value, dict) else {"text": value}
    text, kind, importance = (fields.get(key) for key in ("text", "kind", "importance"))
    if not isinstance(text, str) or not _says(text):
        return None
    weight = importance if type(importance) is int and 1 <= importance <= 5 else 3
    return NoteItem(" ".join(text.split()), kind if kind in NOTE_KINDS else "fact", weight)


def _says(text: str) -> bool:
    return bool(text.strip()) and text.strip().rstrip("。.").casefold() not in NOTHING


def _tagged(text: str) -> Operations | None:
    """Lines that begin with 返答:, 忘れる: or 覚える:, and what is listed under them."""
    found: dict[str, list[str]] = {}
    current: str | None = None
    for line in text.splitlines():
        if tag := TAG.match(line):
            current = next(key for key in TAGS if tag[key])
            found.setdefault(current, []).append(tag[tag.lastindex or 0] or "")
        elif current and (item := re.match(r"^\s*(?:[-*・]|\d+[.)])\s*(\S.*)", line)):
            found[current].append(item[1])
    if not found:
        return None
    items = [NoteItem(line.strip()) for line in found.get("remember", ()) if _says(line)]
    forget = [line.strip() for line in found.get("forget", ()) if _says(line)]
    return Operations(tuple(items[:MOST_ITEMS]), tuple(forget[:MOST_ITEMS]), " ".join(found.get("reply", ())).strip())


def _resolved(forget: Sequence[int | str], listed: Sequence[MemoryNote]) -> Iterator[int]:
    """Ids of the notes that are meant. A pinned note stays."""
    for one in forget:
        number = int(one) if str(one).strip().isdecimal() else None
        if number is not None:
            meant = listed[number - 1] if 1 <= number <= len(listed) else None
        else:
            best = max(listed, key=lambda note: similarity(note.text, str(one)), default=None)
            meant = best if best and similarity(best.text, str(one)) >= SAME else None
        if meant and not meant.pinned:
            yield meant.id


def _agreed(items: Sequence[NoteItem]) -> NoteItem:
    """One note for several that say the same."""
    text = max(items, key=lambda one: sum(similarity(one.text, other.text) for other in items)).text
    kinds: Counter[NoteKind] = Counter(item.kind for item in items)
    kind = kinds.most_common(1)[0][0]
    return NoteItem(text, kind, median_low(item.importance for item in items))
