"""Which way of making rows is best? Variants of Plato's dialogues, trained, compared and ranked in one go.

    python -m benchmarks.compare FOLDER [--validation Meno] [--variants 9] [--rows 0] [--epochs 1]
    python -m benchmarks.compare FOLDER --model .real-models/SmolLM2-135M-Instruct [--rows 48] [--asked 96]

FOLDER holds Plato's dialogues as plain text (`SPEAKER: words`, Project Gutenberg). A variant is how many exchanges a
row has and what the model is told of the persona; all are trained on the same dialogues with the model that comes with
the app, and measured on the held-out one, of which every stretch of a few exchanges is a conversation. With --model,
three settings of the training are compared on one variant instead. Writes results/compare.json, in which every model
has its part, docs/compare.md and its pictures.
"""

import argparse
import json
import math
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from html import escape
from itertools import product
from pathlib import Path
from typing import Any

from core.adapters.store import Adapter
from core.chat.engine import Engine
from core.data.io.export import PreambleKind, preamble_text
from core.data.io.store import DataSetInfo, DataSets, SavedDataSet
from core.data.prepare import DEFAULT_RECIPE, prepare
from core.data.rows import Row
from core.evaluate.leaderboard import Leaderboard, leaderboard
from core.evaluate.measure import BASE, Candidate, EvaluationSet, Measurements, Measuring
from core.logs.detect import read_log
from core.models.loading import ModelStore
from core.prompt import PromptConfig, token_counter
from core.train.config.advice import recommend
from core.train.queue.jobs import Jobs
from core.train.spec import JobSpec
from core.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
RESULTS, PAGE = ROOT / "benchmarks" / "results" / "compare.json", ROOT / "docs" / "compare.md"
PICTURES = ROOT / "docs" / "pictures"
BUNDLED = "omokage-mini"
OWNER, PERSONA = "login-benchmark", "SOCRATES"
EXCHANGES = (1, 2, 4)
PREAMBLES: tuple[PreambleKind, ...] = ("none", "address", "statement")
DESCRIPTION = "You are Socrates. You ask what things are, and follow the answers."
LONGEST_ROW = 1024  # tokens
PER_CONVERSATION = 4  # exchanges of the held-out dialogue that count as one conversation


@dataclass(frozen=True)
class PlatoVariant:
    """One way of making rows."""

    exchanges: int
    preamble: PreambleKind

    @property
    def name(self) -> str:
        """As in the leaderboard."""
        return f"{self.exchanges}-{self.preamble}"

    @property
    def prompt_config(self) -> PromptConfig:
        """How the model is asked: what it is told of the persona is the preamble."""
        return PromptConfig(PERSONA, preamble_text(self.preamble, PERSONA, DESCRIPTION, language="en"), user="Friend")


@dataclass(frozen=True)
class Trial:
    """One adapter to train: a variant, and what is set otherwise than advised."""

    name: str
    variant: PlatoVariant
    changes: Mapping[str, float] = field(default_factory=dict)


def plato_trials(most: int) -> list[Trial]:
    """All nine variants, or the first `most`, trained as advised."""
    variants = [PlatoVariant(*one) for one in product(EXCHANGES, PREAMBLES)][:most]
    return [Trial(variant.name, variant) for variant in variants]


def setting_trials() -> list[Trial]:
    """Three settings on the variant in the middle: as advised, a quarter of the rank, a quarter of the rate."""
    variant = PlatoVariant(2, "statement")
    return [
        Trial("as advised", variant),
        Trial("rank 4", variant, {"rank": 4, "alpha": 8}),
        Trial("learning rate 5e-5", variant, {"learning_rate": 5e-5}),
    ]


def rows_of(files: Sequence[Path], variant: PlatoVariant, store: ModelStore) -> Iterator[Row]:
    """The rows of some dialogues, every dialogue with sessions of its own."""
    loaded = store.current()
    counter = token_counter(variant.prompt_config, loaded.tokenizer)
    recipe = replace(DEFAULT_RECIPE, turns=2 * variant.exchanges)
    for number, file in enumerate(files):
        made = prepare(read_log(file), PERSONA, counter=counter, budget=loaded.context, recipe=recipe)
        for row in (*made.train, *made.validation, *made.test):
            yield replace(row, session=number * 10_000 + row.session)


def info_of(variant: PlatoVariant) -> DataSetInfo:
    """What there is to say of a variant's data set."""
    return DataSetInfo(variant.name, PERSONA, DESCRIPTION, "", "plain", {}, 0, 0, 0, 0, 0.0, 0, BUNDLED, "",
                       user="Friend")  # fmt: skip


def held_out(file: Path, store: ModelStore) -> list[Row]:
    """The held-out dialogue in conversations of a few exchanges, each with what was said before as context."""
    whole = list(rows_of([file], PlatoVariant(2, "statement"), store))
    return [replace(row, session=at // (PER_CONVERSATION // 2)) for at, row in enumerate(whole)]


def train(trial: Trial, saved: SavedDataSet, store: ModelStore, jobs: Jobs, epochs: int) -> Adapter:
    """Train one trial with what is recommended, but for its changes."""
    loaded = store.current()
    config = replace(recommend(loaded.model.num_parameters(), saved.info.train_rows).config, samples=0, patience=0)
    config = replace(config, epochs=epochs or config.epochs, **trial.changes)
    prompt_config = replace(trial.variant.prompt_config, context_window=min(loaded.context, LONGEST_ROW))
    job = jobs.submit(OWNER, JobSpec(str(loaded.folder), saved.folder, prompt_config, config, saved.info.name))
    while (progress := jobs.progress(OWNER, job.id)).state in ("queued", "running"):
        time.sleep(1)
    if job.adapter is None:
        raise SystemExit(f"the training of {trial.name} ended as {progress.state}: {progress.error}")
    return Adapter.read(job.adapter)


def compare(
    files: Sequence[Path], validation: Path, home: Path, trials: Sequence[Trial], *, model: str = "", rows: int = 0,
    epochs: int = 0, replies: int = 40, asked_rows: int = 0,
) -> Leaderboard:  # fmt: skip
    """Train the trials and rank them with the base, on `asked_rows` of the held-out rows (0: all)."""
    workspace, store = Workspace(home), ModelStore(model) if model else ModelStore()
    store.start()
    if error := store.wait().error:
        raise error
    jobs, asked, data = Jobs(workspace), held_out(validation, store)[: asked_rows or None], None
    candidates = [Candidate(BASE)]
    try:
        for trial in trials:
            learned = list(rows_of(files, trial.variant, store))[: rows or None]
            info = replace(info_of(trial.variant), name=trial.name.replace(" ", "-"))
            saved = DataSets(workspace).import_rows(OWNER, info, {"train": learned, "validation": asked})
            data = data or EvaluationSet.of(saved, most_replies=replies)
            candidates.append(Candidate(trial.name, train(trial, saved, store, jobs, epochs)))
            print(f"{trial.name}: {len(learned)} rows", flush=True)
    finally:
        jobs.close()
    assert data
    measuring = Measuring(store, Engine(store), Measurements(home), OWNER)
    return leaderboard(data, [measuring.measure(one, data, lambda step: None) for one in candidates])


@dataclass(frozen=True)
class RankedLine:
    """One line of a leaderboard; `detection` is None where the texts are too few for it."""

    name: str
    bits_per_byte: float
    low: float
    high: float
    best: float
    specificity: float
    detection: float | None
    loops: float
    copied: float


def ranked_lines(board: Leaderboard) -> list[RankedLine]:
    """The lines, the best first."""
    return [
        RankedLine(
            line.measured.name or "not trained", line.ranked.value, line.ranked.low, line.ranked.high,
            line.ranked.best, line.specificity, None if math.isnan(line.style.detection) else line.style.detection,
            line.degeneration.loops, line.degeneration.copied,
        )
        for line in board.lines if line.ranked
    ]  # fmt: skip


def verdict(board: Leaderboard) -> str:
    """What is sure."""
    names = {line.measured.digest: line.measured.name or "the untrained model" for line in board.lines}
    ranking = board.ranking
    if ranking.too_few:
        return f"{ranking.conversations} conversations are too few to name a winner."
    if not ranking.recommended:
        return "None is recommended: all of them, untrained or not, go round in circles more often than is let pass."
    if ranking.winner:
        return f"{names[ranking.winner]} is the best beyond doubt."
    return f"There is no clear winner; the simplest of those that are about equal is {names[ranking.recommended]}."


def page(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """docs/compare.md: a part for every model in results/compare.json."""
    return "# Variants and settings, compared on Plato\n\nMade by `python -m benchmarks.compare`.\n" + "".join(
        _part(model, part) for model, part in parts.items()
    )


def _part(model: str, part: Mapping[str, Any]) -> str:
    def cell(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    lines = [
        f"| {one.name} | {one.bits_per_byte:.3f} [{one.low:.3f}, {one.high:.3f}] | {one.best:.0%} | "
        f"{one.specificity:+.2f} | {cell(one.detection)} | {one.loops:.0%} | {one.copied:.0%} |"
        for one in (RankedLine(**line) for line in part["lines"])
    ]
    table = "\n".join(["| | bits per byte (95 %) | best | specificity | detection AUC | loops | copied |",
                       "|---|---|---|---|---|---|---|", *lines])  # fmt: skip
    return (
        f"\n## {model}\n\n{part['about']}\n\n**{part['verdict']}** The unit is a conversation, of which there are "
        f"{part['conversations']}. A variant is named after the exchanges in a row and what the model is told of "
        f"Socrates.\n\n![Bits per byte with their intervals](pictures/{picture_name(model)})\n\n{table}\n"
    )


def picture_name(model: str) -> str:
    """The file of a model's picture."""
    return f"compare-{model.lower()}.svg"


def picture(lines: Sequence[RankedLine]) -> str:
    """The intervals on one axis, as SVG for both colour schemes."""
    low, high = min(one.low for one in lines), max(one.high for one in lines)

    def x(value: float) -> float:
        return 190 + 380 * (value - low) / (high - low)

    rows = "".join(
        f'<g transform="translate(0 {24 + 26 * n})">'
        f'<text x="180" y="5" text-anchor="end">{escape(one.name)}</text>'
        f'<line x1="{x(one.low):.1f}" x2="{x(one.high):.1f}"/><circle cx="{x(one.bits_per_byte):.1f}" r="5"/>'
        f'<text x="585" y="5">{one.bits_per_byte:.2f}</text></g>'
        for n, one in enumerate(lines)
    )
    style = (
        "text{font:14px sans-serif;fill:#24221f}line{stroke:#8aa6c4;stroke-width:4;stroke-linecap:round}"
        "circle{fill:#1f4e79}"
        "@media(prefers-color-scheme:dark){text{fill:#ece8e1}circle{fill:#6ea3d6}line{stroke:#54789c}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {26 * len(lines) + 24}" role="img" '
        f'aria-label="Bits per byte with 95 % intervals"><style>{style}</style>{rows}</svg>\n'
    )


def keep(model: str, board: Leaderboard, about: str) -> None:
    """Write a model's part of the results, its picture, and the page anew."""
    lines = ranked_lines(board)
    parts = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    parts[model] = {
        "about": about,
        "conversations": board.ranking.conversations,
        "verdict": verdict(board),
        "lines": [asdict(line) for line in lines],
    }
    RESULTS.write_text(json.dumps(parts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (PICTURES / picture_name(model)).write_text(picture(lines), encoding="utf-8")
    PAGE.write_text(page(parts), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="", help="a folder or a Hub id; without it, the model that comes along")
    parser.add_argument("--validation", default="Meno")
    parser.add_argument("--variants", type=int, default=9)
    parser.add_argument("--rows", type=int, default=0, help="training rows of each; 0 takes all")
    parser.add_argument("--asked", type=int, default=0, help="held-out rows; 0 takes all")
    parser.add_argument("--epochs", type=int, default=0, help="0 takes what is recommended")
    parser.add_argument("--replies", type=int, default=40)
    options = parser.parse_args()
    files = [file for file in sorted(options.folder.glob("*.txt")) if file.stem != options.validation]
    trials = setting_trials() if options.model else plato_trials(options.variants)
    begun, own = time.monotonic(), _processor_seconds()
    with tempfile.TemporaryDirectory() as home:
        board = compare(
            files, options.folder / f"{options.validation}.txt", Path(home), trials, model=options.model,
            rows=options.rows, epochs=options.epochs, replies=options.replies, asked_rows=options.asked,
        )  # fmt: skip
    minutes, own = (time.monotonic() - begun) / 60, (_processor_seconds() - own) / 60
    epochs = f"{options.epochs or 'the recommended'} epoch{'' if options.epochs == 1 else 's'}"
    about = (
        f"{len(trials)} trials on {len(files)} dialogues ({options.rows or 'all'} rows each, {epochs}); "
        f"held out: {options.validation} ({options.asked or 'all'} rows). It took {minutes:.0f} minutes on "
        f"{os.cpu_count()} cores that also did other work, {own:.0f} of processor time."
    )
    keep(Path(options.model).name or BUNDLED, board, about)
    print(verdict(board))


def _processor_seconds() -> float:
    """Of this process and the trainings that ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()
