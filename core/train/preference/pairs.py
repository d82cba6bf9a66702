"""The pairs of a preference run: a person's corrections, and the real replies against the adapter's own.

The adapter answers in batches, each with a seed of its own, and every reply is written down at once: a run
that is cut short goes on with the same replies. Imports torch: only the training process imports this module.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from core.data.preferences import Pair, read_pairs
from core.data.rows import read_rows
from core.errors import InputError
from core.prompt import render
from core.prompt.config import PromptConfig
from core.stored import UNREADABLE
from core.train.config.train_config import TrainConfig
from core.train.events import Generating, Notice, append
from core.train.preference.config import PairExample, PreferenceConfig, PreferencePlace, encode_pairs, pair_of, places
from core.train.spec import RunFolder
from core.train.worker.samples import Opening, answers
from core.train.worker.trainer import StopRequested
from core.workspace import SPLIT_FILES

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase

TOGETHER = 16  # replies generated at once
FEWEST = 8  # validation places that are answered at least, if there are that many: fewer say nothing
EVERY_FIFTH = 5  # of as many as are learned from


@dataclass(frozen=True)
class Pairs:
    """What a preference run learns from and is measured on."""

    train: tuple[PairExample, ...]
    validation: tuple[PairExample, ...]


@dataclass(frozen=True)
class PairMaker:
    """Makes the pairs of one run."""

    folder: RunFolder
    source: Path
    """Where train.jsonl and validation.jsonl are."""
    prompt_config: PromptConfig
    """With the run's window."""
    model: "PeftModel"
    tokenizer: "PreTrainedTokenizerBase"
    preference: PreferenceConfig
    config: TrainConfig
    should_stop: Callable[[], bool]

    def make(self) -> Pairs:
        """All pairs. Raises InputError when there are none, StopAsked when the run should stop."""
        most = self.preference.own_replies
        train = places(read_rows(self.source / SPLIT_FILES["train"]), most=most, seed=self.config.seed)
        fewer = max(FEWEST, most // EVERY_FIFTH) if most else 0
        validation = places(read_rows(self.source / SPLIT_FILES["validation"]), most=fewer, seed=self.config.seed)
        own = self._own_pairs([*train, *validation])
        corrections = read_pairs(self.folder.corrections)
        learned = [pair for pair in own[: len(train)] if pair]
        held = [pair for pair in own[len(train) :] if pair]
        self._tell(len(corrections), len(learned), len(train))
        found, too_long = self._encoded([*corrections, *learned])
        if not found:
            raise _nothing(self.preference, too_long)
        if too_long:
            append(
                self.folder.events,
                Notice(
                    f"{too_long} pairs exceed {self.prompt_config.context_window} tokens and are not learned from.",
                    f"{too_long} 組は {self.prompt_config.context_window} トークンより長いため、使いません。",
                ),
            )
        return Pairs(tuple(found), tuple(self._encoded(held)[0]))

    def _encoded(self, pairs: Sequence[Pair]) -> tuple[list[PairExample], int]:
        return encode_pairs(pairs, self.prompt_config, self.tokenizer, max_length=self.prompt_config.context_window)

    def _own_pairs(self, asked: Sequence[PreferencePlace]) -> list[Pair | None]:
        """A pair for each place, or None where the adapter's own reply is no worse or none could be made."""
        said = self._said()
        batches = [range(start, min(start + TOGETHER, len(asked))) for start in range(0, len(asked), TOGETHER)]
        for number, batch in enumerate(batches):
            if all(index in said for index in batch):
                continue
            if self.should_stop():
                raise StopRequested
            said |= self._answer(number, {index: asked[index] for index in batch})
            append(self.folder.events, Generating(batch.stop, len(asked)))
        limit = self.preference.similarity
        return [
            pair_of(place, said[n], self.prompt_config.separator, similarity=limit) for n, place in enumerate(asked)
        ]

    def _answer(self, number: int, batch: dict[int, PreferencePlace]) -> dict[int, str]:
        """What the adapter says in these places, written down; "" where the words before do not fit."""
        room = self.prompt_config.reply_reserve
        openings = {index: opening for index, place in batch.items() if (opening := self._opening(place))}
        with torch.random.fork_rng():
            torch.manual_seed(1_000_003 * self.config.seed + number)
            texts = answers(
                self.model, self.tokenizer, self.prompt_config, list(openings.values()),
                longest=room, temperature=self.preference.temperature,
            ) if openings else []  # fmt: skip
        said = dict.fromkeys(batch, "") | dict(zip(openings, texts, strict=True))
        with self.folder.replies.open("a", encoding="utf-8") as file:
            # The line end comes first, so that a line that a kill cut short spoils no other.
            file.writelines("\n" + json.dumps({"n": n, "said": text}, ensure_ascii=False) for n, text in said.items())
        return said

    def _opening(self, place: PreferencePlace) -> Opening | None:
        try:
            prompt = render(self.prompt_config.with_system(place.system), place.context, self.tokenizer)
        except InputError:  # the last words alone are longer than the window
            return None
        return Opening(prompt.ids, "", "")

    def _said(self) -> dict[int, str]:
        """What an earlier process of this run wrote down; a line that was cut short is made again."""
        said: dict[int, str] = {}
        for line in _lines(self.folder.replies):
            try:
                value = json.loads(line)
                said[value["n"]] = value["said"]
            except UNREADABLE:
                continue
        return said

    def _tell(self, corrections: int, own: int, of: int) -> None:
        append(self.folder.events, Notice(
            f"Pairs to learn from: {corrections} corrections from the chat, and {own} real replies against what the "
            f"adapter said by itself ({of - own} of {of} were as good or empty and are left out).",
            f"学ぶ組：会話での修正 {corrections} 組と、実際の返事とアダプター自身の返事の {own} 組"
            f"（{of} のうち {of - own} は同じくらい良いか空だったので除きました）。",
        ))  # fmt: skip


def _lines(path: Path) -> Iterator[str]:
    if path.exists():
        yield from path.read_text(encoding="utf-8").split("\n")


def _nothing(preference: PreferenceConfig, too_long: int) -> InputError:
    if too_long:
        return InputError("No pair fits the maximum length. Raise max_length.",
                          "最大長に収まる組がありません。max_length を大きくしてください。")  # fmt: skip
    if not preference.own_replies:
        return InputError(
            "There is no correction to learn from. Correct some replies in Chat first, or let the adapter answer by "
            "itself (own_replies above 0).",
            "学ぶ修正がまだありません。先に「話す」で返事を直すか、own_replies を 1 以上にしてください。",
        )
    return InputError(
        "There is no pair to learn from: the data set has no reply to the user, or the adapter already says what was "
        "really said.",
        "学ぶ組がありません。データセットに返事がないか、アダプターがもう実際と同じ返事をしています。",
    )
