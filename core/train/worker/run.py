"""The process that trains one adapter: `python -m core.train.worker RUN_FOLDER`.

It reads spec.json, goes on from the last complete checkpoint if there is one, tells events.jsonl what
happens, and leaves the adapter in RUN_FOLDER/adapter. Asked to stop (a file `stop`, SIGTERM) it ends after
the step at hand with a checkpoint and a usable adapter. Under torchrun or `accelerate launch` several of
them share every step (`core.train.worker.processes`); the first alone writes what counts. torch and transformers are
imported late, so that a second start on the same folder ends at once.
"""

import argparse
import logging
import sys
from dataclasses import asdict, replace
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from core.adapters.write import tidy, write_adapter
from core.errors import AppError
from core.hub.redact import public_name
from core.models.fingerprint import fingerprint_of
from core.prompt import ending
from core.settings import launched_rank
from core.train.config.run_file import Order, to_yaml
from core.train.events import Done, Failed, Halved, HeldOut, Note, Preferred, Started, Step, Stopped, append, read
from core.train.failures import check_room, explain, make_room
from core.train.spec import RunFolder
from core.train.worker.checkpoints import last_checkpoint
from core.train.worker.prepare import Work, load, rows_of, trainer_for
from core.workspace import read_json

if TYPE_CHECKING:
    from peft import PeftModel

    from core.train.worker.report import Stop
    from core.train.worker.trainer import PersonaTrainer

log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Run the folder named on the command line. 0: done or stopped; 1: failed; 3: somebody else runs it."""
    logging.basicConfig(level=logging.INFO)
    parser = argparse.ArgumentParser(prog="python -m core.train.worker")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--processes", type=int, help="how many have to train together, as torchrun starts them")
    given = parser.parse_args(arguments)
    folder = RunFolder(given.folder.resolve(), launched_rank())
    if folder.rank:
        return run(folder, listen=True, processes=given.processes)  # the first one holds the lock
    try:
        with FileLock(folder.path / ".lock", timeout=0):
            return run(folder, listen=True, processes=given.processes)
    except Timeout:
        log.error("another process already trains in %s", folder.path)
        return 3


def run(folder: RunFolder, *, listen: bool = False, processes: int | None = None) -> int:
    """Train, and tell every ending as an event. The edge of the process: nothing gets past it."""
    from core.train.worker.processes import join
    from core.train.worker.report import Stop

    stop = Stop(folder)
    if listen:
        stop.listen()
    try:
        join(processes)
        train(folder, stop)
    except Exception as error:  # whatever a library raised: the person gets a sentence, the log the traceback
        log.exception("failed")
        sentence = (error.en, error.ja) if isinstance(error, AppError) else explain(error, folder.path)
        if not folder.rank:
            make_room(folder)
        append(folder.events, Failed(*sentence))
        return 1
    return 0


def train(folder: RunFolder, stop: "Stop") -> None:
    """The whole run. Raises AppError for what a person can mend, and what the libraries raise."""
    from core.train.worker.processes import first_alone
    from core.train.worker.trainer import StopAsked

    with first_alone():
        tidy(folder.adapter)
        checkpoint = last_checkpoint(folder.checkpoints)
    try:
        with first_alone():  # the others find the rows encoded; they cannot ask together meanwhile
            work = load(folder, stop.heard)
        if stop.asked() and not checkpoint:
            raise StopAsked
        trainer, report = trainer_for(folder, work, stop)
    except StopAsked:  # before a model to keep is there
        append(folder.events, Stopped(0))
        return
    _fit_into_memory(folder, trainer)
    _tell_start(folder, work, trainer, step=checkpoint.step if checkpoint else 0)
    try:
        if checkpoint:
            trainer.seconds = checkpoint.seconds
            trainer.train(resume_from_checkpoint=str(checkpoint.path))
        else:
            _measure_start(folder, trainer)
            trainer.train()
        if not report.stopped:
            _measure_end(folder, trainer)
    except StopAsked:  # in the middle of a measure: the step before it is whole
        report.stopped = True
        if trainer.state.global_step:
            trainer.save_now()
    if not trainer.state.global_step:
        append(folder.events, Stopped(0))
        return
    _tell_kept(folder, trainer)
    metrics = _metrics(folder, trainer)
    if not folder.rank:
        _write(folder, work, trainer.model, metrics)
    append(folder.events, Stopped(trainer.state.global_step) if report.stopped else Done(metrics))


def _tell_start(folder: RunFolder, work: Work, trainer: "PersonaTrainer", *, step: int) -> None:
    append(folder.events, Started(
        step=step,
        steps=work.steps,
        rows=len(work.examples),
        heldout_rows=len(work.heldout.examples),
        learned_tokens=work.learned,
        parameters=work.base.parameters,
        trainable=trainer.model.num_parameters(only_trainable=True),
        device=str(trainer.args.device),
        precision=work.base.precision,
    ))  # fmt: skip


def _fit_into_memory(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    """Begin with what went through at once at last; tell when that has to be less."""
    halved = [event.micro_tokens for event in read(folder.events)[0] if isinstance(event, Halved)]
    trainer.micro_tokens = min([trainer.micro_tokens, *halved])

    def tell(tokens: int) -> None:
        append(folder.events, Halved(trainer.state.global_step, tokens))
        append(folder.events, Note(
            f"Memory ran out: {tokens:,} tokens go through the model at once from now on. Every step still learns "
            "from the same rows.",
            f"メモリーが足りなくなったので、一度に通すのを {tokens:,} トークンに減らして続けます。"
            "1 ステップで学ぶ行は変わりません。",
        ))  # fmt: skip

    trainer.on_out_of_memory = tell


def _measure_start(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    if trainer.args.eval_strategy != "no":
        found = trainer.measured()
        append(folder.events, HeldOut(0, found.loss, found.bpb))


def _tell_kept(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    last, kept = trainer.state.global_step, trainer.kept_step
    if kept < last:
        append(folder.events, Note(
            f"The held-out rows were best at step {kept} of {last}: the adapter of that step is kept.",
            f"検証データの値が最も良かったのはステップ {kept}（全 {last}）でした。その時点のアダプターを残します。",
        ))  # fmt: skip


def _measure_end(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    """See that the weights that are kept are measured; on the way they may not have been."""
    from core.train.worker.processes import any_says

    kept = trainer.kept_step
    if trainer.args.eval_strategy != "no" and any_says(kept not in _heldout(folder)):
        found = trainer.figures()
        append(folder.events, HeldOut(kept, found["loss"], found["bpb"]))
        if "accuracy" in found:
            append(folder.events, Preferred(kept, True, found["accuracy"], found["margin"]))


def _heldout(folder: RunFolder) -> dict[int, HeldOut]:
    """All measures so far by step, those of earlier processes included."""
    return {event.step: event for event in read(folder.events)[0] if isinstance(event, HeldOut)}


def _metrics(folder: RunFolder, trainer: "PersonaTrainer") -> dict:
    """Figures of the run, and its curves. A stopped run's "after" is its last measure."""
    events = read(folder.events)[0]
    steps = {event.step: event.loss for event in events if isinstance(event, Step)}
    preferred = {event.step: event for event in events if isinstance(event, Preferred) and event.heldout}
    found = preferred.get(trainer.kept_step) or preferred.get(max(preferred, default=0))
    heldout = _heldout(folder)
    before, after = heldout.get(0), heldout.get(trainer.kept_step) or heldout.get(max(heldout, default=0))
    last = [loss for _, loss in sorted(steps.items())][-max(1, len(steps) // 10) :]
    tokens, seconds = int(trainer.state.num_input_tokens_seen), trainer.total_seconds
    return {
        "steps": trainer.state.global_step,
        "kept_step": trainer.kept_step,
        "tokens": tokens,
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / seconds, 1),
        "peak_memory_bytes": _peak_memory(),
        "train_loss": sum(last) / len(last) if last else None,
        "heldout_loss_before": before and before.loss,
        "heldout_loss_after": after and after.loss,
        "heldout_bpb_before": before and before.bpb,
        "heldout_bpb_after": after and after.bpb,
        **({"heldout_pair_accuracy": found.accuracy, "heldout_pair_margin": found.margin} if found else {}),
        "history": {
            "loss": sorted(steps.items()),
            "heldout": [[event.step, event.loss, event.bpb] for _, event in sorted(heldout.items())],
            **({"preferred": [[e.step, e.accuracy, e.margin] for _, e in sorted(preferred.items())]} if found else {}),
        },
    }


def _peak_memory() -> int:
    """The most bytes this process held at once: of the GPU where it trains on one, else of RAM."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if sys.platform == "win32":
        import psutil

        return psutil.Process().memory_info().peak_wset
    if sys.platform == "linux":  # getrusage tells the parent's peak where that was higher: exec does not reset it
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _stops(work: Work) -> list[str]:
    """Texts that end the persona's turn, for programs that know nothing of this one's layouts."""
    tokenizer, ends = work.base.tokenizer, ending(work.contract, work.base.tokenizer)
    marks = [i for i in ends.token_ids if i != tokenizer.eos_token_id]
    return [*tokenizer.convert_ids_to_tokens(marks), *ends.strings]


def _provenance(folder: RunFolder, work: Work) -> dict:
    """What a run that goes on from an adapter, or that prefers replies, has to say beside its settings."""
    about: dict[str, object] = {}
    if (folder.start / "training.json").is_file():
        before = read_json(folder.start / "training.json")
        about["started_from"] = {
            k: before.get(k) for k in ("created", "dataset", "config", "started_from") if k in before
        }
    if work.spec.preference and work.pairs:
        counts = {"pairs": len(work.pairs.train), "heldout_pairs": len(work.pairs.heldout)}
        about["preference"] = work.spec.preference.to_json() | counts
    return about


def _write(folder: RunFolder, work: Work, model: "PeftModel", metrics: dict) -> None:
    described = rows_of(folder, work.spec) / "dataset.json"
    revision = work.spec.base_revision or work.base.revision
    training = {
        "base": work.spec.base,
        "base_revision": revision,
        "base_fingerprint": fingerprint_of(work.spec.base, revision),
        "dataset": read_json(described) if described.exists() else {},
        "config": asdict(work.spec.config),
        **_provenance(folder, work),
        "metrics": metrics,
        "stops": _stops(work),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
    }
    check_room(folder.path, sum(p.nbytes for p in model.parameters() if p.requires_grad))
    # It may travel: no path of this machine.
    spec = replace(work.spec, base=public_name(work.spec.base), dataset=Path(work.spec.dataset.name))
    config = to_yaml(Order(spec, Path(spec.adapter_name)))
    write_adapter(folder.adapter, model, work.contract, training=training, base=work.spec.base, revision=revision,
                  config=config)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
