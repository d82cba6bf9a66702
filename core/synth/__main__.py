"""Dialogues of a persona with simulated people, from a plan to data sets, without the page.

    python -m core.synth plan.yaml dry-run         what it takes: generations, tokens, time and cost
    python -m core.synth plan.yaml run             makes what is missing; Ctrl-C stops, the same command goes on
    python -m core.synth plan.yaml judge           scores of tone and coherence, 0 to 4, with a comment
    python -m core.synth plan.yaml variants        the nine data sets of what is kept, with a table of their figures
    python -m core.synth plan.yaml diversity       how varied it is

Everything lies in a folder beside the plan, by its name, or in --out. `run --first N` makes only the first N
dialogues, which are a fair sample; a dry run after it knows how fast it goes. What cannot be used is one sentence on
standard error and exit status 2.
"""

import argparse
import json
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from core.catalogue.bundled import NAME
from core.data.io.store import prompt_config_for, write_set
from core.data.log_rows import LARGEST_BUDGET
from core.data.rows import Row
from core.errors import AppError, InputError
from core.files import new_folder, write_json
from core.models.loading import ModelStore
from core.prompt import token_counter
from core.prompt.encoder import encoder_for
from core.settings import wait_briefly
from core.synth.diversity import diversity
from core.synth.estimate import estimate
from core.synth.judge import judge
from core.synth.judge_answers import answers_of
from core.synth.plan import Plan, read_plan
from core.synth.prompts import Side
from core.synth.records import DialogueRecord, SynthFolder, check_out, paces
from core.synth.review import judges_itself, kept_records, reviewed
from core.synth.rows import PREAMBLES, DialogueVariant, dialogue_variants
from core.synth.run import LOOK, DialogueRun
from core.synth.voices import DialogueVoice, RunInterrupted, bundled_tokenizer, voice_of
from core.text import speak_utf8
from core.train import events
from core.workspace import Split

COLUMNS = ("dialogues", "samples", "tokens", "mean", "shortest", "longest", "user_mean", "persona_mean")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked for; returns the exit status: 0 done, 2 it cannot be done, 3 stopped before the end."""
    wait_briefly()
    speak_utf8(sys.stdout, sys.stderr)
    options = _options(arguments)
    try:
        plan = read_plan(options.plan)
        if options.first:
            plan = first_of(plan, options.first)
        folder = check_out(options.out or options.plan.with_suffix(""))
    except AppError as error:
        print(error.en, file=sys.stderr)
        return 2
    works = options.command in ("run", "judge")
    try:
        if works:  # before a model is loaded, which takes a while
            folder.stop.unlink(missing_ok=True)
        return COMMANDS[options.command](plan, folder, options)
    except AppError as error:
        if works:
            events.append(folder.events, events.Failed(error.en, error.ja))
        print(error.en, file=sys.stderr)
        return 2


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.synth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("plan", type=Path, metavar="PLAN.yaml")
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), default="run", help="default: %(default)s")
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the run (default: beside the plan, by its name)"
    )
    parser.add_argument("--first", type=int, metavar="N", help="of the plan's dialogues only the first N")
    parser.add_argument(
        "--system", action="store_true", help="with variants: a fourth preamble, the persona's text as system text"
    )
    parser.add_argument(
        "--budget", type=int, default=LARGEST_BUDGET, metavar="N", help="with variants: tokens a row may have"
    )
    parser.add_argument("--keep", type=int, default=0, metavar="SCORE",
                        help="with variants, diversity: what was judged so in both")  # fmt: skip
    return parser.parse_args(arguments)


def first_of(plan: Plan, count: int) -> Plan:
    """The same plan, of which only the first dialogues are made."""
    if not 1 <= count <= plan.count:
        raise InputError(
            f"--first is {count}; the plan has {plan.count} dialogues.",
            f"--first が {count} です。計画の対話は {plan.count} 件です。",
        )
    return replace(plan, only_first=count)


def dry_run(plan: Plan, folder: SynthFolder, options: argparse.Namespace) -> int:
    """Print what the dialogues that are missing take."""
    tokenizer = bundled_tokenizer()  # the encoder does not keep it
    done = sum(cell.id in folder.read_dialogues() for cell in plan.cells)
    turns = [record for turns in folder.read_turns().values() for record in turns]
    windows: dict[Side, int] = {"persona": plan.persona_backend.tokens(), "user": plan.user_backend.tokens()}
    found = estimate(plan, encoder_for(tokenizer).size, windows, done=done, measured=paces(turns))
    print(json.dumps(asdict(found) | {"done": done, "models": [plan.persona_backend.name, plan.user_backend.name]}))
    return 0


def run(plan: Plan, folder: SynthFolder, options: argparse.Namespace) -> int:
    """Make what is missing, and print every turn as it is said."""
    stores: dict[str, ModelStore] = {}
    persona: DialogueVoice = voice_of(plan.persona_backend, stores)
    user = persona if plan.user_backend == plan.persona_backend else voice_of(plan.user_backend, stores)
    made = DialogueRun(plan, folder, {"persona": persona, "user": user}, said=lambda text: print(text, flush=True))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: made.stop())
    result = made.run()
    if result.error:
        print(result.error.en, file=sys.stderr)
    print(f"{result.state}: {result.dialogues} of {len(plan.cells)} dialogues in {folder.dialogues}", file=sys.stderr)
    return {"done": 0, "stopped": 3}.get(result.state, 2)


def variants(plan: Plan, folder: SynthFolder, options: argparse.Namespace) -> int:
    """Write a data set of each variant, and print their figures as a table."""
    tokenizer = bundled_tokenizer()
    config = prompt_config_for(None, context_window=options.budget, persona=plan.persona.name, description="")
    made = dialogue_variants(
        _records(plan, folder, options.keep), counter=token_counter(config, tokenizer), budget=options.budget,
        count=encoder_for(tokenizer).size, who=plan.who, description=plan.persona.description, language=plan.language,
        preambles=(*PREAMBLES, "system") if options.system else PREAMBLES, name=folder.path.name,
    )  # fmt: skip
    print("\t".join(("variant", *COLUMNS)))
    for variant in made:
        target = folder.path / "variants" / variant.name
        with new_folder(target, replace=True) as tmp:
            prepared = variant.prepared
            rows: dict[Split, Sequence[Row]] = {
                "train": prepared.train,
                "validation": prepared.validation,
                "test": prepared.test,
            }
            write_set(tmp, variant.info(variant.name, plan.persona.description, NAME), rows)
            write_json(tmp / "dialogues.json", {"cells": variant.cells, "statistics": asdict(variant.statistics)})
        print(_line(variant), flush=True)
    return 0


def _line(variant: DialogueVariant) -> str:
    values = (getattr(variant.statistics, column) for column in COLUMNS)
    return "\t".join((variant.name, *(f"{value:.2f}" if isinstance(value, float) else str(value) for value in values)))


def print_diversity(plan: Plan, folder: SynthFolder, options: argparse.Namespace) -> int:
    """Print the figures of diversity."""
    print(json.dumps(asdict(diversity(_records(plan, folder, options.keep)))))
    return 0


def judged(plan: Plan, folder: SynthFolder, options: argparse.Namespace) -> int:
    """Have every dialogue judged that was not, and print how the scores are spread."""
    if judges_itself(plan):
        print("The judge is a model that also speaks in the dialogues: it will like its own words.", file=sys.stderr)
    stop, records = threading.Event(), _records(plan, folder)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=_watch, args=(folder, stop), daemon=True).start()
    events.append(folder.events, events.Launched(0))
    try:
        verdicts = judge(plan, folder, records, answers_of(plan.judge_backend, {}, stop), stop)
    except RunInterrupted:
        verdicts = []
    if stop.is_set():
        events.append(folder.events, events.Stopped(len(verdicts)))
        return 3
    events.append(folder.events, events.Done({"verdicts": len(verdicts)}))
    scores = {name: dict(sorted(Counter(str(getattr(one, name)) for one in verdicts).items()))
              for name in ("tone", "coherence", "parse_method")}  # fmt: skip
    print(json.dumps({"dialogues": len(records), "judged": len(verdicts)} | scores))
    return 0


def _watch(folder: SynthFolder, stop: threading.Event) -> None:
    """Set `stop` once the folder's stop file appears."""
    while not folder.stop.exists():
        time.sleep(LOOK)
    stop.set()


def _records(plan: Plan, folder: SynthFolder, keep: int = 0) -> list[DialogueRecord]:
    """The dialogues of the plan that are there, in its order; with `keep`, those that were kept at that threshold."""
    ended = folder.read_dialogues()
    if not keep:
        return [ended[cell.id] for cell in plan.cells if cell.id in ended]
    judged_ones = [one for one in reviewed(plan, folder) if one.verdict or one.person.keep is not None]
    return kept_records(judged_ones, keep, keep)


COMMANDS: dict[str, Callable[[Plan, SynthFolder, argparse.Namespace], int]] = {
    "dry-run": dry_run, "run": run, "judge": judged, "variants": variants, "diversity": print_diversity,
}  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
