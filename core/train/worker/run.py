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

from core.adapters.write import write_adapter
from core.errors import AppError
from core.files import read_json, recover_folder
from core.hub.redact import public_name
from core.models.fingerprint import fingerprint_of
from core.prompt import stop_criteria
from core.settings import launched_rank
from core.train.config.run_file import RunRequest, to_yaml
from core.train.events import (
    Done,
    Failed,
    MicroBatchShrunk,
    Notice,
    PreferenceEval,
    Started,
    Step,
    Stopped,
    ValidationLoss,
    append,
    read,
)
from core.train.failures import check_room, explain_failure, free_disk_space
from core.train.spec import RunFolder
from core.train.worker.checkpoints import last_checkpoint
from core.train.worker.prepare import TrainingSetup, encode_dataset, load, trainer_for
from core.workspace import DATASET_INFO, TRAINING_FILE

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
        sentence = error.text if isinstance(error, AppError) else explain_failure(error, folder.path)
        if not folder.rank:
            free_disk_space(folder)
        append(folder.events, Failed(*sentence))
        return 1
    return 0


def train(folder: RunFolder, stop: "Stop") -> None:
    """The whole run. Raises AppError for what a person can mend, and what the libraries raise."""
    from accelerate import PartialState

    from core.train.worker.trainer import StopRequested

    with PartialState().main_process_first():
        recover_folder(folder.adapter)
        checkpoint = last_checkpoint(folder.checkpoints)
    try:
        with PartialState().main_process_first():  # the others find the rows encoded; they cannot ask meanwhile
            work = load(folder, stop.heard)
        if stop.should_stop() and not checkpoint:
            raise StopRequested
        trainer, report = trainer_for(folder, work, stop)
    except StopRequested:  # before a model to keep is there
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
    except StopRequested:  # in the middle of a measure: the step before it is whole
        report.stopped = True
        if trainer.state.global_step:
            trainer.save_now()
    if not trainer.state.global_step:
        append(folder.events, Stopped(0))
        return
    _tell_kept(folder, trainer)
    metrics = _metrics(folder, trainer)
    if not folder.rank:
        _write(folder, work, trainer.adapted, metrics)
    append(folder.events, Stopped(trainer.state.global_step) if report.stopped else Done(metrics))


def _tell_start(folder: RunFolder, work: TrainingSetup, trainer: "PersonaTrainer", *, step: int) -> None:
    append(folder.events, Started(
        step=step,
        steps=work.steps,
        rows=len(work.examples),
        validation_rows=len(work.validation.examples),
        loss_tokens=work.loss_tokens,
        parameters=work.base.parameters,
        trainable=trainer.adapted.get_nb_trainable_parameters()[0],
        device=str(trainer.args.device),
        precision=work.base.precision,
        loss_bytes=work.loss_bytes,
    ))  # fmt: skip


def _fit_into_memory(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    """Begin with what went through at once at last; tell when that has to be less."""
    halved = [event.tokens_per_micro_batch for event in read(folder.events)[0] if isinstance(event, MicroBatchShrunk)]
    trainer.tokens_per_micro_batch = min([trainer.tokens_per_micro_batch, *halved])

    def tell(tokens: int) -> None:
        append(folder.events, MicroBatchShrunk(trainer.state.global_step, tokens))
        append(folder.events, Notice(
            f"Memory ran out: {tokens:,} tokens go through the model at once from now on. Every step still learns "
            "from the same rows.",
            f"メモリが足りなくなったので、一度に計算するのを {tokens:,} トークンに減らして続けます。"
            "1 ステップで学ぶ行は変わりません。",
        ))  # fmt: skip

    trainer.on_out_of_memory = tell


def _measure_start(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    if trainer.args.eval_strategy != "no":
        found = trainer.measured()
        append(folder.events, ValidationLoss(0, found.loss, found.bpb))


def _tell_kept(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    last, kept = trainer.state.global_step, trainer.kept_step
    if kept < last:
        append(folder.events, Notice(
            f"The validation rows were best at step {kept} of {last}: the adapter of that step is kept.",
            f"検証データの値が最も良かったのはステップ {kept}（全 {last}）でした。その時点のアダプターを残します。",
        ))  # fmt: skip


def _measure_end(folder: RunFolder, trainer: "PersonaTrainer") -> None:
    """See that the weights that are kept are measured; on the way they may not have been."""
    from core.train.worker.processes import any_process

    kept = trainer.kept_step
    if trainer.args.eval_strategy != "no" and any_process(kept not in _validation(folder)):
        found = trainer.figures()
        append(folder.events, ValidationLoss(kept, found["loss"], found["bpb"]))
        if "accuracy" in found:
            append(folder.events, PreferenceEval(kept, True, found["accuracy"], found["margin"]))


def _validation(folder: RunFolder) -> dict[int, ValidationLoss]:
    """All measures so far by step, those of earlier processes included."""
    return {event.step: event for event in read(folder.events)[0] if isinstance(event, ValidationLoss)}


def _metrics(folder: RunFolder, trainer: "PersonaTrainer") -> dict:
    """Figures of the run, and its curves. A stopped run's "after" is its last measure."""
    events = read(folder.events)[0]
    steps = {event.step: event.loss for event in events if isinstance(event, Step)}
    preferred = {event.step: event for event in events if isinstance(event, PreferenceEval) and event.validation}
    found = preferred.get(trainer.kept_step) or preferred.get(max(preferred, default=0))
    validation = _validation(folder)
    before, after = validation.get(0), validation.get(trainer.kept_step) or validation.get(max(validation, default=0))
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
        "validation_loss_before": before and before.loss,
        "validation_loss_after": after and after.loss,
        "validation_bpb_before": before and before.bpb,
        "validation_bpb_after": after and after.bpb,
        **({"validation_pair_accuracy": found.accuracy, "validation_pair_margin": found.margin} if found else {}),
        "history": {
            "loss": sorted(steps.items()),
            "validation": [[event.step, event.loss, event.bpb] for _, event in sorted(validation.items())],
            **(
                {"preference_eval": [[e.step, e.accuracy, e.margin] for _, e in sorted(preferred.items())]}
                if found
                else {}
            ),
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


def _stops(work: TrainingSetup) -> list[str]:
    """Texts that end the persona's turn, for programs that know nothing of this one's templates."""
    tokenizer, ends = work.base.tokenizer, stop_criteria(work.prompt_config, work.base.tokenizer)
    marks = [i for i in ends.token_ids if i != tokenizer.eos_token_id]
    return [*tokenizer.convert_ids_to_tokens(marks), *ends.strings]


def _provenance(folder: RunFolder, work: TrainingSetup) -> dict:
    """What a run that goes on from an adapter, or that prefers replies, has to say beside its settings."""
    about: dict[str, object] = {}
    if (folder.start / TRAINING_FILE).is_file():
        before = read_json(folder.start / TRAINING_FILE)
        about["started_from"] = {
            k: before.get(k) for k in ("created", "dataset", "config", "started_from") if k in before
        }
    if work.spec.preference and work.pairs:
        counts = {"pairs": len(work.pairs.train), "validation_pairs": len(work.pairs.validation)}
        about["preference"] = work.spec.preference.to_json() | counts
    return about


def _write(folder: RunFolder, work: TrainingSetup, model: "PeftModel", metrics: dict) -> None:
    described = encode_dataset(folder, work.spec) / DATASET_INFO
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
    config = to_yaml(RunRequest(spec, Path(spec.adapter_name)))
    write_adapter(folder.adapter, model, work.prompt_config, training=training, base=work.spec.base, revision=revision,
                  config=config)  # fmt: skip
