"""Which way of making rows is best? Variants of Plato's dialogues, trained, compared and ranked in one go.

    python -m benchmarks.compare FOLDER [--validation Meno] [--variants 9] [--rows 0] [--epochs 1]

FOLDER holds Plato's dialogues as plain text (`SPEAKER: words`, Project Gutenberg). A variant is how many exchanges a
row has and what the model is told of the persona; all are trained on the same dialogues with the model that comes with
the app, and measured on the held-out one, of which every stretch of a few exchanges is a conversation.
Writes results/compare.json, docs/compare.md and its picture.
"""

import argparse
import json
import math
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import product
from pathlib import Path

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
PICTURE = ROOT / "docs" / "pictures" / "compare.svg"
OWNER, PERSONA = "login-benchmark", "SOCRATES"
EXCHANGES = (1, 2, 4)
PREAMBLES: tuple[PreambleKind, ...] = ("none", "address", "statement")
DESCRIPTION = "You are Socrates. You ask what things are, and follow the answers."
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


def plato_variants(most: int) -> list[PlatoVariant]:
    """All nine, or the first `most`."""
    return [PlatoVariant(*one) for one in product(EXCHANGES, PREAMBLES)][:most]


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
    return DataSetInfo(variant.name, PERSONA, DESCRIPTION, "", "plain", {}, 0, 0, 0, 0, 0.0, 0, "omokage-mini", "",
                       user="Friend")  # fmt: skip


def held_out(file: Path, store: ModelStore) -> list[Row]:
    """The held-out dialogue in conversations of a few exchanges, each with what was said before as context."""
    whole = list(rows_of([file], PlatoVariant(2, "statement"), store))
    return [replace(row, session=at // (PER_CONVERSATION // 2)) for at, row in enumerate(whole)]


def train(variant: PlatoVariant, saved: SavedDataSet, store: ModelStore, jobs: Jobs, epochs: int) -> Adapter:
    """Train one variant with what is recommended."""
    loaded = store.current()
    config = replace(recommend(loaded.model.num_parameters(), saved.info.train_rows).config, samples=0, patience=0)
    config = replace(config, epochs=epochs or config.epochs)
    prompt_config = replace(variant.prompt_config, context_window=loaded.context)
    job = jobs.submit(OWNER, JobSpec(str(loaded.folder), saved.folder, prompt_config, config, variant.name))
    while (progress := jobs.progress(OWNER, job.id)).state in ("queued", "running"):
        time.sleep(1)
    if job.adapter is None:
        raise SystemExit(f"the training of {variant.name} ended as {progress.state}: {progress.error}")
    return Adapter.read(job.adapter)


def compare(
    files: Sequence[Path], validation: Path, home: Path, *, most: int = 9, rows: int = 0, epochs: int = 0,
    replies: int = 40, asked_rows: int = 0,
) -> Leaderboard:  # fmt: skip
    """Train `most` variants and rank them with the base, on `asked_rows` of the held-out rows (0: all)."""
    workspace, store = Workspace(home), ModelStore()
    store.start()
    if error := store.wait().error:
        raise error
    jobs, asked, data = Jobs(workspace), held_out(validation, store)[: asked_rows or None], None
    candidates = [Candidate(BASE)]
    try:
        for variant in plato_variants(most):
            learned = list(rows_of(files, variant, store))[: rows or None]
            saved = DataSets(workspace).import_rows(OWNER, info_of(variant), {"train": learned, "validation": asked})
            data = data or EvaluationSet.of(saved, most_replies=replies)
            candidates.append(Candidate(variant.name, train(variant, saved, store, jobs, epochs)))
            print(f"{variant.name}: {len(learned)} rows", flush=True)
    finally:
        jobs.close()
    assert data
    measuring = Measuring(store, Engine(store), Measurements(home), OWNER)
    return leaderboard(data, [measuring.measure(one, data, lambda step: None) for one in candidates])


def figures(board: Leaderboard) -> list[dict[str, object]]:
    """The lines as plain values, the best first."""
    return [
        {
            "name": line.measured.name or "omokage-mini, not trained", "bits_per_byte": line.ranked.value,
            "low": line.ranked.low, "high": line.ranked.high, "best": line.ranked.best,
            "specificity": line.specificity, "detection": line.style.detection, "loops": line.degeneration.loops,
            "copied": line.degeneration.copied,
        }
        for line in board.lines if line.ranked
    ]  # fmt: skip


def verdict(board: Leaderboard) -> str:
    """What is sure."""
    names = {line.measured.digest: line.measured.name or "the untrained model" for line in board.lines}
    ranking = board.ranking
    if ranking.too_few:
        return f"{ranking.conversations} conversations are too few to name a winner."
    if ranking.winner:
        return f"{names[ranking.winner]} is the best beyond doubt."
    return f"There is no clear winner; the simplest of those that are about equal is {names[ranking.recommended]}."


def page(board: Leaderboard, about: str) -> str:
    """docs/compare.md."""

    def cell(value: object) -> str:
        return "" if isinstance(value, float) and math.isnan(value) else f"{value:.2f}"

    lines = [
        f"| {one['name']} | {one['bits_per_byte']:.3f} [{one['low']:.3f}, {one['high']:.3f}] | {one['best']:.0%} | "
        f"{one['specificity']:+.2f} | {cell(one['detection'])} | {one['loops']:.0%} | {one['copied']:.0%} |"
        for one in figures(board)
    ]
    table = "\n".join(["| variant | bits per byte (95 %) | best | specificity | detection AUC | loops | copied |",
                       "|---|---|---|---|---|---|---|", *lines])  # fmt: skip
    return (
        f"# Variants of Plato, compared\n\nMade by `python -m benchmarks.compare`. {about}\n\n"
        f"**{verdict(board)}** The unit is a conversation, of which there are {board.ranking.conversations}. "
        "A variant is named after the exchanges in a row and what the model is told of Socrates.\n\n"
        f"![Bits per byte of each variant with its interval](pictures/{PICTURE.name})\n\n{table}\n"
    )


def picture(board: Leaderboard) -> str:
    """The intervals on one axis, as SVG for both colour schemes."""
    shown = figures(board)
    low, high = min(one["low"] for one in shown), max(one["high"] for one in shown)  # type: ignore[type-var]

    def x(value: object) -> float:
        return 190 + 380 * (float(str(value)) - low) / (high - low)  # type: ignore[operator]

    rows = "".join(
        f'<g transform="translate(0 {24 + 26 * n})">'
        f'<text x="180" y="5" text-anchor="end">{escape(str(one["name"]))}</text>'
        f'<line x1="{x(one["low"]):.1f}" x2="{x(one["high"]):.1f}"/><circle cx="{x(one["bits_per_byte"]):.1f}" r="5"/>'
        f'<text x="585" y="5">{one["bits_per_byte"]:.2f}</text></g>'
        for n, one in enumerate(shown)
    )
    style = (
        "text{font:14px sans-serif;fill:#24221f}line{stroke:#8aa6c4;stroke-width:4;stroke-linecap:round}"
        "circle{fill:#1f4e79}"
        "@media(prefers-color-scheme:dark){text{fill:#ece8e1}circle{fill:#6ea3d6}line{stroke:#54789c}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {26 * len(shown) + 24}" role="img" '
        f'aria-label="Bits per byte with 95 % intervals"><style>{style}</style>{rows}</svg>\n'
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--validation", default="Meno")
    parser.add_argument("--variants", type=int, default=9)
    parser.add_argument("--rows", type=int, default=0, help="training rows of each variant; 0 takes all")
    parser.add_argument("--asked", type=int, default=0, help="held-out rows; 0 takes all")
    parser.add_argument("--epochs", type=int, default=0, help="0 takes what is recommended")
    parser.add_argument("--replies", type=int, default=40)
    options = parser.parse_args()
    files = [file for file in sorted(options.folder.glob("*.txt")) if file.stem != options.validation]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        board = compare(
            files, options.folder / f"{options.validation}.txt", Path(home), most=options.variants, rows=options.rows,
            epochs=options.epochs, replies=options.replies, asked_rows=options.asked,
        )  # fmt: skip
    minutes = (time.monotonic() - begun) / 60
    about = (
        f"{options.variants} variants of {len(files)} dialogues ({options.rows or 'all'} rows each, "
        f"{options.epochs or 'the recommended'} epochs), held out: {options.validation}; {minutes:.0f} minutes on "
        f"{platform.machine()}."
    )
    result = {
        "about": about,
        "conversations": board.ranking.conversations,
        "verdict": verdict(board),
        "lines": figures(board),
    }
    RESULTS.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PICTURE.write_text(picture(board), encoding="utf-8")
    PAGE.write_text(page(board, about), encoding="utf-8")
    print(verdict(board))


if __name__ == "__main__":
    main()
