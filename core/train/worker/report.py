"""What the training process tells while it trains, and how it hears that it should stop.

Imports transformers: only the training process imports this module.
"""

import signal
import time
from dataclasses import dataclass, field

from transformers import TrainerCallback
from transformers import TrainerControl as Control
from transformers import TrainerState as State
from transformers import TrainingArguments as Args

from core.train.events import PreferenceEval, Saved, Step, ValidationLoss, append
from core.train.spec import RunFolder
from core.train.worker.processes import any_process


@dataclass
class Stop:
    """Whether the run was asked to stop: by the file `stop` in its folder, or by a signal."""

    folder: RunFolder
    signalled: bool = False

    def listen(self) -> None:
        """Take SIGTERM, which a computer sends before it shuts down, as a wish to stop. Main thread only."""

        def note(*_: object) -> None:
            self.signalled = True

        signal.signal(signal.SIGTERM, note)

    def should_stop(self) -> bool:
        """Of several processes, all have to ask at the same time."""
        return any_process(self.heard())

    def heard(self) -> bool:
        """The same, as far as this process alone knows."""
        return self.signalled or self.folder.stop.exists()


@dataclass
class Report(TrainerCallback):
    """Turns what Trainer calls back with into events, and ends the training when asked to stop."""

    folder: RunFolder
    stop: Stop
    stopped: bool = False
    """The training ended because it was asked to, before its last step."""
    _first_step: int = 0
    _began: float = field(default_factory=time.monotonic)
    _step_began: float = 0.0
    _step_seconds: float = 0.0
    _tokens: int = 0

    def on_train_begin(self, args: Args, state: State, control: Control, **_: object) -> None:
        self._first_step, self._began, self._tokens = state.global_step, time.monotonic(), state.num_input_tokens_seen

    def on_step_begin(self, args: Args, state: State, control: Control, **_: object) -> None:
        self._step_began = time.monotonic()

    def on_step_end(self, args: Args, state: State, control: Control, **_: object) -> None:
        self._step_seconds += time.monotonic() - self._step_began
        if state.global_step == state.max_steps:
            control.should_log = True
        elif self.stop.should_stop():
            # Not earlier: half a step would have moved the random generators, and a resume would not be exact.
            self.stopped = True
            control.should_training_stop = control.should_save = control.should_log = True

    def on_log(
        self,
        args: Args,
        state: State,
        control: Control,
        logs: dict[str, float] | None = None,
        **_: object,
    ) -> None:
        if not logs or "loss" not in logs:
            return
        done = state.global_step - self._first_step
        pace = (time.monotonic() - self._began) / max(done, 1)
        append(self.folder.events, Step(
            step=state.global_step,
            steps=state.max_steps,
            epoch=round(state.epoch or 0.0, 4),
            loss=logs["loss"],
            learning_rate=logs["learning_rate"],
            tokens=state.num_input_tokens_seen,
            tokens_per_second=round((state.num_input_tokens_seen - self._tokens) / max(self._step_seconds, 1e-9), 1),
            seconds_left=round((state.max_steps - state.global_step) * pace, 1),
        ))  # fmt: skip
        self._tokens, self._step_seconds = state.num_input_tokens_seen, 0.0
        self._tell_preferred(state.global_step, logs, "", validation=False)

    def _tell_preferred(self, step: int, found: dict[str, float], prefix: str, *, validation: bool) -> None:
        if f"{prefix}accuracy" in found:
            measured = PreferenceEval(step, validation, found[f"{prefix}accuracy"], found[f"{prefix}margin"])
            append(self.folder.events, measured)

    def on_evaluate(
        self,
        args: Args,
        state: State,
        control: Control,
        *,
        metrics: dict[str, float],
        **_: object,
    ) -> None:
        append(self.folder.events, ValidationLoss(state.global_step, metrics["eval_loss"], metrics["eval_bpb"]))
        self._tell_preferred(state.global_step, metrics, "eval_", validation=True)

    def on_save(self, args: Args, state: State, control: Control, **_: object) -> None:
        append(self.folder.events, Saved(state.global_step))
