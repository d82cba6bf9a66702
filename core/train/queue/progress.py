"""How a run stands, read from its event log a few new lines at a time."""

from dataclasses import dataclass, field
from typing import Literal

from core.text import Text
from core.train.events import (
    Done,
    Encoding,
    Event,
    Failed,
    Generating,
    Launched,
    Notice,
    PreferenceEval,
    Sample,
    Saved,
    Started,
    Step,
    Stopped,
    ValidationLoss,
    read_timed,
)
from core.train.spec import RunFolder

RunState = Literal["queued", "running", "stopping", "stopped", "done", "failed", "killed"]


@dataclass(frozen=True)
class Progress:
    """What the page shows of a run."""

    state: RunState
    step: int = 0
    steps: int = 0
    """0 until the model is loaded."""
    seconds_left: float | None = None
    tokens_per_second: float | None = None
    losses: tuple[tuple[int, float], ...] = ()
    """(step, training loss in nats per token), by step."""
    validation: tuple[tuple[int, float, float], ...] = ()
    """(step, bits per byte, loss in nats per token), by step."""
    samples: tuple[Sample, ...] = ()
    """Sample replies, by step and opening."""
    generating: tuple[int, int] | None = None
    """Before preference tuning: (own replies made, all of them)."""
    preference_eval: tuple[PreferenceEval, ...] = ()
    """Of preference tuning, by step; validation ones after the others of a step."""
    notes: tuple[Text, ...] = ()
    """(English, Japanese), in order, none twice."""
    error: Text | None = None
    """Why it failed, (English, Japanese)."""
    started: Started | None = None
    """Sizes, device and precision of the latest start."""
    metrics: dict | None = None
    """Final figures, when done."""
    ahead: int = 0
    """Runs before it, while it is queued."""
    encoding: tuple[int, int] | None = None
    """(rows read, of), while that takes a while."""

    @property
    def fraction(self) -> float:
        """Share of the steps that are done, 0–1."""
        return self.step / self.steps if self.steps else 0.0


@dataclass
class EventFollower:
    """Follows one event log. What was read is kept; `follow` reads what was appended since."""

    folder: RunFolder
    launches: int = 0
    tries: int = 0
    """As the latest launch says."""
    ending: Literal["stopped", "done", "failed"] | None = None
    """How the latest launch ended, if it told."""
    saved: int = 0
    """Step of the newest checkpoint that was reported."""
    saved_at_launch: int = 0
    """The same, when the latest launch began."""
    step: int = 0
    """Steps done, as far as told."""
    _offset: int = 0
    _spans: list[tuple[float, float]] = field(default_factory=list)
    _reading: tuple[int, int] | None = None
    _latest: Step | None = None
    _losses: dict[int, float] = field(default_factory=dict)
    _validation: dict[int, tuple[float, float]] = field(default_factory=dict)
    _samples: dict[tuple[int, int], Sample] = field(default_factory=dict)
    _answering: tuple[int, int] | None = None
    _preferred: dict[tuple[int, bool], PreferenceEval] = field(default_factory=dict)
    _notes: dict[Text, None] = field(default_factory=dict)
    _error: Text | None = None
    _started: Started | None = None
    _metrics: dict | None = None
    _shown: Progress | None = None

    def follow(self) -> None:
        """Take in the whole lines that were appended since the last call."""
        events, self._offset = read_timed(self.folder.events, self._offset)
        for at, event in events:
            if isinstance(event, Launched) or not self._spans:
                self._spans.append((at, at))
            self._spans[-1] = (self._spans[-1][0], max(at, self._spans[-1][1]))
            self._take(event)
        if events:
            self._shown = None

    def seconds_since(self, moment: float) -> float:
        """How long its processes have run since `moment` (seconds since 1970), from launch to the last event."""
        return sum(max(0.0, end - max(start, moment)) for start, end in self._spans)

    @property
    def pace(self) -> float:
        """Seconds a step takes, measures and checkpoints included; 0 while unknown."""
        latest = self._latest
        return latest.seconds_left / (latest.steps - latest.step) if latest and latest.step < latest.steps else 0.0

    def show(self, state: RunState, ahead: int = 0) -> Progress:
        """What is known, under the state that only the queue and the process can tell."""
        shown = self._shown
        if shown is None or (shown.state, shown.ahead) != (state, ahead):
            running, latest = state == "running", self._latest
            shown = self._shown = Progress(
                state=state,
                step=self.step,
                steps=self._started.steps if self._started else 0,
                encoding=self._reading,
                seconds_left=latest.seconds_left if latest and running else None,
                tokens_per_second=latest.tokens_per_second if latest and running else None,
                losses=tuple(sorted(self._losses.items())),
                validation=tuple((step, bpb, loss) for step, (bpb, loss) in sorted(self._validation.items())),
                samples=tuple(sample for _, sample in sorted(self._samples.items())),
                generating=self._answering if not self.step else None,
                preference_eval=tuple(event for _, event in sorted(self._preferred.items())),
                notes=tuple(self._notes),
                error=self._error,
                started=self._started,
                metrics=self._metrics,
                ahead=ahead,
            )
        return shown

    def _take(self, event: Event) -> None:
        match event:
            case Launched():
                self.launches, self.tries = self.launches + 1, event.tries
                self.ending = self._error = self._latest = None
                self.saved_at_launch, self._reading = self.saved, None
            case Encoding():
                self._reading = (event.rows, event.of)
            case Started():
                self._started, self.step, self._reading = event, event.step, None
            case Step():
                self._latest, self.step = event, event.step
                self._losses[event.step] = event.loss
            case ValidationLoss():
                self._validation[event.step] = (event.bpb, event.loss)
            case Sample():
                self._samples[event.step, event.number] = event
            case Generating():
                self._answering = (event.done, event.of)
            case PreferenceEval():
                self._preferred[event.step, event.validation] = event
            case Notice():
                self._notes[Text(event.en, event.ja)] = None
            case Saved():
                self.saved = event.step
            case Done():
                self.ending, self._metrics, self._error = "done", event.metrics, None
            case Stopped():
                self.ending, self._metrics, self._error = "stopped", None, None
            case Failed():
                self.ending, self._metrics, self._error = "failed", None, Text(event.en, event.ja)
