"""Which adapter is best, by the persona's held-out replies.

    python -m core.evaluate DATASET --model M --adapter A --adapter B [--split validation] [--json]

DATASET is a folder with validation.jsonl (or test.jsonl), as the Data tab and `python -m core.logs` write them; M a
Hub id or a folder, without it the model that comes with the app; each A the folder of an adapter. The base stands in
the ranking, too. Bits a byte: fewer are better; beside them how many more the other side's words cost, asked as if they
were the persona's. What cannot be used is one sentence on standard error and exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

from core.adapters.attach import activate_adapter
from core.adapters.store import Adapter
from core.data.io.store import prompt_config_for, read_info
from core.data.rows import Row, read_rows
from core.errors import AppError, InputError
from core.evaluate.bits import ConversationBits, common, conversations_of, measure_bits, swapped
from core.evaluate.ranking import RankedScores, Ranking, Scores, rank
from core.models.loading import LoadedModel, ModelStore
from core.prompt import PromptConfig
from core.settings import Settings, wait_briefly
from core.text import speak_utf8
from core.workspace import ADAPTER_CONFIG, SPLIT_FILES

BASE = "base model"


@dataclass(frozen=True)
class Voice:
    """A candidate's figures beside its rank."""

    control: float
    """Bits a byte of the other side's words, as if they were the persona's; NaN where it says nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the ranking; returns the exit status."""
    wait_briefly()
    speak_utf8(sys.stdout, sys.stderr)
    options = _options(arguments)
    try:
        ranking, voices = evaluate(options)
    except AppError as error:
        print(error.en, file=sys.stderr)
        return 2
    print(_json(ranking, voices) if options.json else _table(ranking, voices))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--model", default="")
    parser.add_argument("--adapter", type=Path, action="append", default=[])
    parser.add_argument("--split", choices=[split for split in SPLIT_FILES if split != "train"], default="validation")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def evaluate(options: argparse.Namespace) -> tuple[Ranking, dict[str, Voice]]:
    """The ranking of base and adapters, and each one's voice by name. Raises AppError."""
    rows = conversations_of(read_rows(options.dataset / SPLIT_FILES[options.split]))
    adapters = [Adapter.read(folder) for folder in options.adapter]
    names = [BASE, *(adapter.name for adapter in adapters)]
    if len(set(names)) < len(names):
        raise InputError("Two adapters have the same name. Rename one of the folders.",
                         "同じ名前のアダプターがあります。どちらかのフォルダー名を変えてください。")  # fmt: skip
    models = ModelStore(Settings.from_env().model)
    models.start(options.model)
    if (status := models.wait()).error:
        raise status.error
    loaded = models.current()
    own = prompt_config_for(read_info(options.dataset), context_window=loaded.context)
    measured: dict[str, ConversationBits] = {}
    voices: dict[str, Voice] = {}
    for name, adapter in zip(names, [None, *adapters], strict=True):
        tell = partial(_tell, name, len(rows))
        measured[name], voices[name] = models.run(_measured, loaded, adapter, own, rows, tell).result()
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    amounts, sizes = common(measured)
    ranks = {adapter.name: _rank_of(adapter) for adapter in adapters}
    return rank([Scores(name, amounts[name], ranks.get(name, 0)) for name in names], sizes), voices


def _measured(
    loaded: LoadedModel, adapter: Adapter | None, own: PromptConfig, rows: dict[int, list[Row]], tell: "partial[None]"
) -> tuple[ConversationBits, Voice]:
    """A candidate asked as it was trained, the base as the data set says. Runs in the model's thread."""
    activate_adapter(loaded, adapter)
    config = own if adapter is None or adapter.prompt_config is None else adapter.prompt_config
    config = replace(config, context_window=min(config.context_window, loaded.context))
    found = measure_bits(loaded.pretrained, loaded.tokenizer, config, rows, between=tell)
    try:
        control = measure_bits(loaded.pretrained, loaded.tokenizer, config, swapped(rows)).bits_per_byte
    except InputError:
        control = float("nan")
    return found, Voice(control)


def _rank_of(adapter: Adapter) -> int:
    """The rank of an adapter's matrices."""
    config = json.loads((adapter.folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    return int(config.get("r", 0)) if isinstance(config, dict) else 0


def _tell(name: str, of: int, done: int) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{name}: {done} / {of}", end="", file=sys.stderr, flush=True)


def _table(ranking: Ranking, voices: dict[str, Voice]) -> str:
    width = max(len(one.scores.name) for one in ranking.standings)
    lines = [f"{'':{width}}  bits/byte  95 % interval   behind the leader        best  other side"]
    lines += [_line(one, voices[one.scores.name], width) for one in ranking.standings]
    return "\n".join([*lines, "", _verdict(ranking)])


def _line(one: RankedScores, voice: Voice, width: int) -> str:
    behind = one.behind and f"{one.behind.difference:+.3f} [{one.behind.low:+.3f}, {one.behind.high:+.3f}]"
    return (
        f"{one.scores.name:{width}}  {one.value:9.3f}  {one.low:.3f} – {one.high:.3f}   {behind or '':22}  "
        f"{one.best:4.0%}  {voice.control - one.value:+.3f}"
    )


def _verdict(ranking: Ranking) -> str:
    measured = f"{ranking.conversations} conversations"
    if ranking.too_few:
        return f"Too few to tell: {measured}. From 30 on a winner can be named."
    if ranking.winner:
        return f"{ranking.winner} is the best beyond doubt ({measured})."
    return (
        f"No clear winner ({measured}). Within one standard error of the leader the simplest is {ranking.recommended}."
    )


def _json(ranking: Ranking, voices: dict[str, Voice]) -> str:
    value = asdict(ranking)
    for one in value["standings"]:
        name = one.pop("scores")["name"]
        control = voices[name].control
        one |= {"name": name, "control": control if control == control else None}
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main())
