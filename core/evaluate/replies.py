"""Replies of a candidate where the persona really replied: drawn by the one chat engine, and the same each time."""

import hashlib
import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.adapters.store import Adapter
from core.chat.engine import Engine
from core.data.rows import Row
from core.errors import InputError
from core.messages import Turn, from_chat_messages, to_chat_messages
from core.models.loading import LoadedModel
from core.models.sampling import Sampling
from core.prompt import PromptConfig, render, stop_criteria
from core.thoughts import begun_by, split_thoughts

LONGEST = 96  # tokens of a reply: enough to hear a voice and to see a loop
MOST_TURNS = 16  # before the reply
SAMPLING = Sampling(temperature=0.7, top_p=0.95, min_p=0.05, repetition_penalty=1.0, max_new_tokens=LONGEST)
"""Without a repetition penalty, which would hide loops."""


@dataclass(frozen=True)
class Occasion:
    """A place in a conversation where the persona really replied."""

    conversation: int
    turns: tuple[Turn, ...]
    """What was said before, ending with the other side's words."""
    real: tuple[str, ...]
    """The messages of the real reply."""
    system: str = ""
    """The system text of its row alone."""

    @property
    def digest(self) -> str:
        """Of what a candidate is asked: 16 hex digits."""
        return digest_of([to_chat_messages(self.turns), self.system])

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"conversation": self.conversation, "turns": to_chat_messages(self.turns), "real": list(self.real)}

    @classmethod
    def from_json(cls, value: Mapping) -> "Occasion":
        """The inverse of `to_json`, without the system text. Raises ValueError, KeyError or TypeError."""
        turns = tuple(from_chat_messages(value["turns"]))
        return cls(int(value["conversation"]), turns, tuple(map(str, value["real"])))


@dataclass(frozen=True)
class WrittenReply:
    """What a candidate said on an occasion."""

    messages: tuple[str, ...]
    finished: bool
    """Whether the model ended it by itself, not the length limit."""

    @property
    def text(self) -> str:
        """All messages, a line each."""
        return "\n".join(self.messages)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {"messages": list(self.messages), "finished": self.finished}

    @classmethod
    def from_json(cls, value: Mapping) -> "WrittenReply":
        """The inverse of `to_json`."""
        return cls(tuple(map(str, value["messages"])), bool(value["finished"]))


def digest_of(value: object) -> str:
    """16 hex digits of plain values: the same for the same content anywhere."""
    return hashlib.sha256(json.dumps(value, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:16]


def occasions_of(rows: Iterable[Row], most: int) -> list[Occasion]:
    """Up to `most` places where the persona answers, as many of each conversation as of any other, in their order.

    What stands in several rows counts once. Raises InputError where the persona answers nowhere.
    """
    by_conversation: dict[int, dict[tuple, Occasion]] = {}
    for row in rows:
        for k, turn in enumerate(row.turns):
            if not row.is_trained(k) or not k or row.turns[k - 1].role != "user":
                continue
            found = Occasion(row.session, row.turns[max(0, k - MOST_TURNS) : k], turn.messages, row.system)
            held = by_conversation.setdefault(row.session, {})
            held.setdefault((found.turns[-1].messages, turn.messages), found)
    if not by_conversation:
        raise InputError("In the validation rows the persona never answers anybody. Make the data set again.",
                         "検証用の行に、相手への返事がありません。データセットを作り直してください。")  # fmt: skip
    waiting = [deque(held.values()) for _, held in sorted(by_conversation.items())]
    chosen: list[Occasion] = []
    while any(waiting) and len(chosen) < most:
        chosen += [held.popleft() for held in waiting if held][: most - len(chosen)]
    return sorted(chosen, key=lambda one: one.conversation)


@dataclass(frozen=True)
class CandidateVoice:
    """A candidate that can be asked: the loaded model, an adapter on it, and how both are asked."""

    engine: Engine
    loaded: LoadedModel
    adapter: Adapter | None
    prompt_config: PromptConfig
    sampling: Sampling = SAMPLING
    owner: str = ""

    def reply(self, occasion: Occasion, seed: int, stop: threading.Event) -> WrittenReply:
        """What it says; the same seed gives the same. Raises InputError where the occasion does not fit the window."""
        config = self.prompt_config.with_system(occasion.system)
        config = replace(config, reply_reserve=min(self.sampling.max_new_tokens, config.context_window // 2))
        prompt, ends = (
            render(config, occasion.turns, self.loaded.tokenizer),
            stop_criteria(config, self.loaded.tokenizer),
        )
        said = deque(
            self.engine.stream(
                self.loaded, prompt.ids, self.sampling, ends, adapter=self.adapter, stop=stop, owner=self.owner,
                seed=seed,
            ),
            maxlen=1,
        ).pop()  # fmt: skip
        text = split_thoughts(begun_by(prompt.text) + said.text).words
        separator = config.separator
        parts = (text.replace(ends.separator, separator) if ends.separator else text).split(separator)
        return WrittenReply(tuple(part.strip() for part in parts if part.strip()), said.finished)


def real_replies(occasions: Sequence[Occasion]) -> list[WrittenReply]:
    """What the persona really said, in the same shape."""
    return [WrittenReply(one.real, finished=True) for one in occasions]
