"""Dialogues between models, made and judged by a real small one: how fast, how often readable, how far to be trusted.

    python -m benchmarks.dialogues [MODEL] [--dialogues 8] [--scored 40] [--minutes 60]

MODEL is a folder or a Hub id, the SmolLM2-135M-Instruct of `make real-models` unless another is given; "" is the
bundled model. The same plan
is run twice, eight turns of different dialogues in a batch and one by one; then the model judges what it made, and the
40 dialogues in `datasets/` that a person scored before any judge ran. Kappa is quadratic and weighted, with a 95 %
interval by bootstrap; a judging ends after --minutes with what it has. Seconds are counted as they pass and as this
process' own, which other work on the machine hardly changes. Writes results/dialogues.json, model by model.
"""

import argparse
import json
import os
import platform
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.startup import cpu_model
from core.models.loading import ModelStore
from core.settings import ROOT
from core.synth.agreement import agreement
from core.synth.backends import Backend
from core.synth.judge import JudgeVerdict, judge, read_verdicts
from core.synth.judge_answers import answers_of
from core.synth.plan import Plan, plan_from
from core.synth.prompts import Side, SpokenTurn
from core.synth.records import DialogueRecord, SynthFolder
from core.synth.run import DialogueRun
from core.synth.voices import DialogueVoice, RunInterrupted, voice_of
from models.real_models import FOLDER

RESULTS = Path(__file__).parent / "results" / "dialogues.json"
SCORED = ROOT / "datasets" / "dialogues_for_judging.ja.jsonl"
SIDES: dict[str, Side] = {"assistant": "persona", "user": "user"}


def made(plan: Plan, folder: Path, stores: dict[str, ModelStore]) -> tuple[dict[str, Any], list[DialogueRecord]]:
    """The figures of one run, and its dialogues."""
    voice: DialogueVoice = voice_of(plan.persona_backend, stores)
    run = SynthFolder(folder)
    folder.mkdir()
    began, own = time.monotonic(), time.process_time()
    DialogueRun(plan, run, {"persona": voice, "user": voice}).run()
    seconds, own = time.monotonic() - began, time.process_time() - own
    turns = [turn for said in run.read_turns().values() for turn in said]
    tokens, records = sum(turn.tokens for turn in turns), list(run.read_dialogues().values())
    figures = {
        "at_once": plan.persona_backend.at_once, "dialogues": len(records), "turns": len(turns), "tokens": tokens,
        "seconds": round(seconds, 1), "own_seconds": round(own, 1),
        "tokens_per_own_second": round(tokens / own, 1), "drawn_again": sum(len(turn.faults) for turn in turns),
        "ends": Counter(record.end for record in records),
    }  # fmt: skip
    return figures, records


def judged(
    plan: Plan, records: Sequence[DialogueRecord], folder: Path, stores: dict[str, ModelStore], minutes: float
) -> list[JudgeVerdict]:  # fmt: skip
    """The plan's judge on some dialogues, as far as it comes in `minutes`."""
    folder.mkdir()
    stop = threading.Event()
    timer = threading.Timer(60 * minutes, stop.set)
    timer.start()
    with suppress(RunInterrupted):
        judge(plan, SynthFolder(folder), records, answers_of(plan.judge_backend, stores, stop), stop)
    timer.cancel()
    return read_verdicts(SynthFolder(folder))


def readable(verdicts: Sequence[JudgeVerdict]) -> dict[str, Any]:
    """How answers were read."""
    return {
        "judged": len(verdicts), "read": sum(one.tone is not None for one in verdicts),
        "methods": Counter(one.parse_method for one in verdicts),
        **{name: Counter(f"{getattr(one, name)}" for one in verdicts) for name in ("tries", "tone", "coherence")},
    }  # fmt: skip


def scored_dialogues(count: int) -> list[tuple[DialogueRecord, dict[str, int]]]:
    """(dialogue, the person's scores), good and bad in turn as the file has them."""
    found: list[tuple[DialogueRecord, dict[str, int]]] = []
    for number, line in enumerate(SCORED.read_text(encoding="utf-8").splitlines()):
        value = json.loads(line)
        turns = tuple(SpokenTurn(SIDES[one["role"]], (one["content"],)) for one in value["messages"])
        record = DialogueRecord(
            value["id"], number, "ソクラテス", "相手", value["user"], "ordinary", value["opening"], value["opening"],
            0.0, "complete", 1, turns,
        )  # fmt: skip
        found.append((record, {"tone": value["tone"], "coherence": value["coherence"]}))
    every = max(1, len(found) // count)
    return found[::every][:count]


def agreed(scored: Sequence[tuple[DialogueRecord, dict[str, int]]], verdicts: Sequence[JudgeVerdict]) -> dict[str, Any]:
    """Kappa of the judge's scores, and of its expected scores rounded, with the person's."""
    by_cell = {one.cell: one for one in verdicts}
    result: dict[str, Any] = {}
    for name in ("tone", "coherence"):
        for kind in (name, f"expected_{name}"):
            given = ((scores[name], getattr(by_cell[record.cell], kind))
                     for record, scores in scored if record.cell in by_cell)  # fmt: skip
            pairs = [(person, value) for person, value in given if value is not None]
            found = agreement([person for person, _ in pairs], [round(value) for _, value in pairs]) if pairs else None
            result[kind] = {key: round(value, 3) for key, value in asdict(found).items()} if found else None
    return result


def write(entry: dict[str, Any]) -> None:
    """Put a model's figures in place of those it had."""
    before = json.loads(RESULTS.read_text(encoding="utf-8"))["models"] if RESULTS.is_file() else []
    models = [one for one in before if one["model"] != entry["model"]] + [entry]
    RESULTS.write_text(json.dumps({"models": models}, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(FOLDER / "SmolLM2-135M-Instruct"))
    parser.add_argument("--dialogues", type=int, default=8)
    parser.add_argument("--exchanges", type=int, default=2)
    parser.add_argument("--scored", type=int, default=40)
    parser.add_argument("--minutes", type=float, default=60)
    options = parser.parse_args()
    stores: dict[str, ModelStore] = {}

    def plan_at(at_once: int, language: str = "en") -> Plan:
        side = asdict(Backend(model=options.model, at_once=at_once))
        return plan_from(
            {"persona": "socrates", "language": language, "dialogues": options.dialogues, "first": "user",
             "exchanges": options.exchanges, "persona_backend": side, "user_backend": side, "judge_backend": side},
            ROOT,
        )  # fmt: skip

    import torch

    entry: dict[str, Any] = {
        "model": Path(options.model).name or "omokage-mini", "cpu": cpu_model(), "cores": os.cpu_count(),
        "threads": torch.get_num_threads(), "load": os.getloadavg()[0], "python": platform.python_version(),
        "torch": version("torch"), "transformers": version("transformers"),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }  # fmt: skip
    voice_of(plan_at(8).persona_backend, stores)  # loaded before the clock starts
    with tempfile.TemporaryDirectory() as work:
        entry["batched"], records = made(plan_at(8), Path(work) / "batched", stores)
        entry["single"], _ = made(plan_at(1), Path(work) / "single", stores)
        faster = entry["batched"]["tokens_per_own_second"] / entry["single"]["tokens_per_own_second"]
        write(entry | {"batched_is_faster": round(faster, 2)})
        entry["batched_is_faster"] = round(faster, 2)
        entry["judge_of_its_own"] = readable(judged(plan_at(8), records, Path(work) / "own", stores, options.minutes))
        write(entry)
        scored = scored_dialogues(options.scored)
        verdicts = judged(
            plan_at(8, "ja"), [record for record, _ in scored], Path(work) / "scored", stores, options.minutes
        )
    entry |= {"judge_of_scored": readable(verdicts), "kappa": agreed(scored, verdicts)}
    write(entry)
    print(json.dumps(entry, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
