"""One record of a data set from elsewhere as a row, in whichever of the many shapes it is written.

Known are lists of messages (OpenAI's, ShareGPT's and their relatives), exchanges in columns (Alpaca, prompt and
completion, question and answer, with a history), pairs for preference tuning, and texts with marks (ChatML, Llama,
Gemma, ### headings). What a `Mapping` of columns names is read by that. Nothing is dropped without being counted.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.data.io.columns import (
    ANSWERED,
    ASKED,
    BESIDE,
    ELSE,
    HISTORY,
    MESSAGES,
    NO_MAPPING,
    NOT_TRAINED,
    ROLES,
    SAID,
    SYSTEM,
    WHO,
    ColumnMapping,
    LeftOut,
    RecordValues,
    SpeakerRole,
)
from core.data.io.marked_text import is_transcript, said_in, transcript
from core.data.io.message_trees import best_path, is_tree
from core.data.preferences import Pair
from core.data.rows import Row
from core.errors import InputError
from core.files import parse_json
from core.messages import Role, from_chat_messages
from core.thoughts import split_thoughts


@dataclass(frozen=True)
class Read:
    """What became of one record."""

    row: Row | None = None
    pair: Pair | None = None
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)


def read_record(record: object, number: int, mapping: ColumnMapping = NO_MAPPING) -> Read:
    """A record as a row or a pair; neither where it holds no words of the persona, for a reason in `left_out`.

    `number` is its session where it names none. Raises ValueError for what is in no known shape.
    """
    if not isinstance(record, Mapping):
        raise ValueError(f"it is {type(record).__name__}, not an object")
    columns = {str(name).strip().lower(): value for name, value in record.items()}
    reader = _Reader(mapping)
    if "chosen" in columns and "rejected" in columns:
        return Read(pair=reader.pair(columns), left_out=reader.left_out)
    messages = reader.messages(columns)
    system = reader.system(columns, messages)
    if columns.get("label") is False or (columns.get("label") == 0 and "completion" in columns):  # KTO
        return Read(left_out={"disliked": 1})
    said = [message for message in messages if message["role"] != "system"]
    while said and said[-1]["role"] == "user":
        said.pop()
        reader.left_out["unanswered"] += 1
    turns = tuple(from_chat_messages(said))
    if not any(turn.role == "assistant" and turn.trained for turn in turns):
        return Read(left_out={**reader.left_out, "no_reply": 1})
    own = Row.from_json({"start": _start(columns.get("start")), "session": _session(columns, number), "messages": said})
    return Read(row=Row(own.session, own.start, turns, system=system), left_out=reader.left_out)


def _session(columns: RecordValues, number: int) -> int:
    given = columns.get("session")
    return given if type(given) is int else number


def _start(given: object) -> str | None:
    return given if isinstance(given, str) else None


@dataclass
class _Reader:
    mapping: ColumnMapping
    left_out: Counter[LeftOut] = field(default_factory=Counter)

    def messages(self, columns: RecordValues) -> list[dict[str, Any]]:
        """What is said in a record, {"role", "content", …} each, the empty ones left out."""
        found = [message for message in self._all_messages(columns) if message]
        kept = [message for message in found if message["content"].strip()]
        self.left_out["empty"] += len(found) - len(kept)
        return kept

    def _all_messages(self, columns: RecordValues) -> Iterator[dict[str, Any] | None]:
        chosen = self.mapping
        if is_tree(columns.get("prompt")):
            yield from self._of_list(list(best_path(columns["prompt"])))
            return
        for name in (chosen.messages.lower(),) if chosen.messages else MESSAGES:
            if columns.get(name) is not None or (name in columns and not self._exchange_columns(columns)):
                yield from self._of_list(columns[name])
                return
        asked, answered = self._exchange_columns(columns) or ("", "")
        if answered:
            yield from self._of_columns(columns, asked, answered)
        elif "text" in columns:
            yield from self._of_text(_string(columns["text"]))
        else:
            raise ValueError(f"its columns are {', '.join(list(columns)[:8]) or 'none'}")

    def _exchange_columns(self, columns: RecordValues) -> tuple[str, str] | None:
        if self.mapping.assistant:
            return self.mapping.user.lower(), self.mapping.assistant.lower()
        answered = next((name for name in ANSWERED if name in columns), "")
        asked = next((name for name in (*ASKED, "text") if name in columns and name != answered), "")
        return (asked, answered) if answered and (asked or "history" in columns) else None

    def _of_columns(self, columns: RecordValues, asked: str, answered: str) -> Iterator[dict[str, Any] | None]:
        for name in HISTORY:
            yield from self._of_list(columns.get(name) or [])
        before, after = columns.get(asked), columns[answered]
        if isinstance(before, list) or isinstance(after, list):  # TRL's conversational prompt and completion
            yield from self._of_list(before or [])
            yield from self._of_list(after or [])
            return
        if isinstance(before, str) and is_transcript(before):
            yield from self._of_marks(transcript(before))
        else:
            about = [] if self.mapping.assistant else [columns.get(name) for name in BESIDE if name != asked]
            parts = [_string(part) for part in (before, *about) if part not in (None, "")]
            yield {"role": "user", "content": "\n".join(parts)} if parts else None
        yield {"role": "assistant", "content": self._spoken(_string(after) if after is not None else "")}

    def _of_list(self, value: object) -> Iterator[dict[str, Any] | None]:
        if isinstance(value, str):
            value = parse_json(value)
        if value is None:
            return
        if not isinstance(value, list):
            raise ValueError(f"a conversation is a list, not {str(value)[:40]!r}")
        role: Role = "user"
        for one in value:
            if isinstance(one, Mapping):
                yield from self._of_message({str(key).strip().lower(): said for key, said in one.items()})
            elif isinstance(one, list | tuple) and len(one) == 2:  # an exchange
                yield {"role": "user", "content": _string(one[0] or "")}
                yield {"role": "assistant", "content": self._spoken(_string(one[1] or ""))}
            else:  # words alone: one side after the other
                yield {"role": role, "content": self._spoken(_string(one)) if role == "assistant" else _string(one)}
                role = "assistant" if role == "user" else "user"

    def _of_message(self, message: RecordValues) -> Iterator[dict[str, Any] | None]:
        who = self._key(message, self.mapping.who, WHO)
        if not who:
            exchange = self._exchange_columns(message)
            if exchange is None:
                raise ValueError(f"nobody says this: {str(dict(message))[:80]}")
            yield from self._of_columns(message, *exchange)
            return
        role = self._role(message[who])
        if role == "left_out":
            self.left_out["speaker"] += 1
            return
        if role == "tool" or message.get("tool_calls") or message.get("function_call"):
            self.left_out["tool"] += 1
        if role == "tool":
            return
        said = self._key(message, self.mapping.said, SAID)
        content = self._text(message[said]) if said else ""
        if message.get("reasoning_content") or message.get("reasoning") or message.get("thinking"):
            self.left_out["thought"] += 1
        name = message.get("name") if who != "name" else None
        yield {
            "role": role,
            "content": self._spoken(content) if role == "assistant" else content,
            **({"name": name} if isinstance(name, str) and role == "user" else {}),
            **({"weight": 0} if any(key in message and message[key] == value for key, value in NOT_TRAINED) else {}),
        }

    def _key(self, message: RecordValues, chosen: str, known: Sequence[str]) -> str:
        if chosen:
            return chosen.lower() if chosen.lower() in message else ""
        return next((key for key in known if key in message), "")

    def _role(self, given: object) -> SpeakerRole:
        name = str(given).strip().lower()
        names = self.mapping.role_names
        role = names.get(name) or ROLES.get(name) or names.get(ELSE)
        if role is None:
            raise ValueError(f"nobody knows who “{str(given)[:40]}” is")
        return role

    def _text(self, said: object) -> str:
        """The words of a message; of one in parts, those that are text."""
        if isinstance(said, Mapping):
            said = said.get("parts") or [said]
        if isinstance(said, list):
            texts = [part if isinstance(part, str) else part.get("text") or part.get("value") for part in said]
            words = [text for text in texts if isinstance(text, str)]
            self.left_out["not_text"] += len(texts) - len(words)
            return "\n".join(words)
        return "" if said is None else _string(said)

    def _spoken(self, text: str) -> str:
        """Words of the persona without what it only thought."""
        spoken = split_thoughts(text)
        self.left_out["thought"] += len(spoken.thoughts)
        return spoken.words

    def _of_text(self, text: str) -> Iterator[dict[str, Any]]:
        said = said_in(text)
        if not said:
            raise ValueError("a text without marks for who speaks")
        yield from self._of_marks(said)

    def _of_marks(self, said: Sequence[tuple[str, str]]) -> Iterator[dict[str, Any]]:
        for name, words in said:
            role = self._role(name)
            if role == "tool":
                self.left_out["tool"] += 1
            elif role != "left_out":
                yield {"role": role, "content": self._spoken(words) if role == "assistant" else words}

    def system(self, columns: RecordValues, messages: Sequence[RecordValues]) -> str:
        """The system text of a record: of its column, and of the messages before the first words."""
        named = (self.mapping.system.lower(),) if self.mapping.system else SYSTEM
        texts = [self._text(columns[name]) for name in named if isinstance(columns.get(name), str | list | Mapping)]
        spoken = False
        for message in messages:
            if message["role"] != "system":
                spoken = True
            elif spoken:
                self.left_out["system_inside"] += 1
            else:
                texts.append(message["content"])
        return "\n".join(dict.fromkeys(text.strip() for text in texts if text.strip()))

    def pair(self, columns: RecordValues) -> Pair:
        """A pair for preference tuning. Raises ValueError where one side says nothing, or both say the same."""
        sides = [self._side(columns[name]) for name in ("chosen", "rejected")]
        names = ("prompt", "question", "instruction", "conversations", "messages")
        before = self._side(next((columns[name] for name in names if columns.get(name)), []), "user")
        while before and before[-1]["role"] == "assistant" and "prompt" not in columns:  # the answer that was chosen
            before.pop()
        shared = 0
        while not before and all(len(side) > shared + 1 for side in sides) and sides[0][shared] == sides[1][shared]:
            shared += 1
        before = before or sides[0][:shared]
        chosen, rejected = (tuple(m["content"] for m in side[shared:] if m["role"] == "assistant") for side in sides)
        context = tuple(from_chat_messages([m for m in before if m["role"] != "system"]))
        try:
            return Pair(context, chosen, rejected, source="file")
        except InputError as error:
            raise ValueError(error.text.en) from error

    def _side(self, value: object, role: Role = "assistant") -> list[dict[str, Any]]:
        if isinstance(value, str):
            if is_transcript(value):
                return [message for message in self._of_marks(transcript(value)) if message["content"].strip()]
            return [{"role": role, "content": self._spoken(value)}] if value.strip() else []
        value = [value] if isinstance(value, Mapping) else value  # LLaMA-Factory's
        return [message for message in self._of_list(value) if message and message["content"].strip()]


def _string(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"words have to be text, not {str(value)[:40]!r}")
    return str(value)


def columns_of(records: Sequence[object]) -> list[str]:
    """The names of the columns in some records, in their order: what a person maps."""
    found: dict[str, None] = {}
    for record in records:
        if isinstance(record, Mapping):
            found.update(dict.fromkeys(map(str, record)))
    return list(found)


def common_system(rows: Sequence[Row]) -> str:
    """The system text that all rows share; "" where they differ."""
    texts = {row.system for row in rows}
    return texts.pop() if len(texts) == 1 else ""
