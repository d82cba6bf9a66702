"""Who can be compared: the base model, what trainings left, adapters that were kept, and what was measured before."""

from collections.abc import Iterable
from dataclasses import dataclass

from core.adapters.store import Adapter
from core.errors import AppError, InputError
from core.evaluate.measure import BASE, Candidate, EvaluationSet, Measured, Measurements, fits
from core.models.loading import LoadedModel
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor

BASE_VALUE = "base"
MOST = 12  # candidates on one leaderboard


@dataclass(frozen=True)
class CandidateChoice:
    """Something to compare, as the page lists it."""

    value: str
    """ "base", "job:<id>", "adapter:<name>", or "known:<digest>" for what another model's measurement left."""
    label: str
    adapter: Adapter | None = None
    measured: Measured | None = None

    @property
    def candidate(self) -> Candidate:
        """To be measured."""
        return Candidate(BASE if self.adapter is None else self.label, self.adapter)


def measurements(services: Services, owner: str) -> Measurements:
    """What was measured for an owner."""
    return Measurements(services.workspace.folder(owner, "evaluations"))


def base_label(services: Services, language: str) -> str:
    """What the base model is called on the page."""
    return t(language, "compare.base", name=services.models.current().name)


def adapters_of(services: Services, owner: str) -> list[tuple[str, str, Adapter]]:
    """(value, name, adapter) of what trainings left and of kept adapters, the newest first, each once."""
    found: list[tuple[str, str, Adapter]] = []
    trainings: list[dict] = []
    for job in sorted(services.jobs.list_all(owner), key=lambda one: one.created, reverse=True):
        if job.adapter is None:
            continue
        try:
            adapter = Adapter.read(job.adapter)
        except AppError:  # half written, or damaged: the Train tab says so
            continue
        found.append((f"job:{job.id}", job.name, adapter))
        trainings.append(adapter.training)
    for adapter in services.adapters.list_all(owner):
        if adapter.training not in trainings:
            found.append((f"adapter:{adapter.name}", adapter.name, adapter))
    return found


def choices_of(services: Services, visitor: Visitor, data: EvaluationSet | None) -> list[CandidateChoice]:
    """All that can be compared on `data` with the model in memory. Raises ModelError while there is none."""
    loaded = services.models.current()
    found = [CandidateChoice(BASE_VALUE, base_label(services, visitor.language))]
    taken = {found[0].label}
    for value, name, adapter in adapters_of(services, visitor.owner):
        if fits(loaded, adapter):
            label = _free(name, taken)
            taken.add(label)
            found.append(CandidateChoice(value, label, adapter))
    if data is not None:
        found += _of_other_models(services, visitor, data, loaded, taken)
    return found


def _of_other_models(
    services: Services, visitor: Visitor, data: EvaluationSet, loaded: LoadedModel, taken: set[str]
) -> Iterable[CandidateChoice]:
    for one in measurements(services, visitor.owner).known(data):
        if one.base != loaded.name:
            label = _free(t(visitor.language, "compare.base", name=one.base) if one.is_base else one.name, taken)
            taken.add(label)
            yield CandidateChoice(f"known:{one.digest}", label, measured=one)


def _free(name: str, taken: set[str]) -> str:
    return next(one for n in range(1, len(taken) + 2) if (one := name if n == 1 else f"{name} ({n})") not in taken)


def preselected(choices: Iterable[CandidateChoice], dataset: str) -> list[str]:
    """The base, and the adapters that were trained on the data set; where there is none, all."""
    held = list(choices)
    own = [
        one.value for one in held if one.adapter and (one.adapter.training.get("dataset") or {}).get("name") == dataset
    ]
    chosen = [BASE_VALUE, *own] if own else [one.value for one in held]
    return chosen[:MOST]


def picked(choices: Iterable[CandidateChoice], values: Iterable[str]) -> list[CandidateChoice]:
    """The choices with these values. Raises InputError where they are fewer than two or too many."""
    wanted = set(values)
    found = [one for one in choices if one.value in wanted]
    if len(found) < 2:
        raise InputError("Choose at least two to compare. Train an adapter first if there is none.",
                         "比べるものを 2 つ以上選んでください。なければ、先に学習してください。")  # fmt: skip
    if len(found) > MOST:
        raise InputError(f"{len(found)} are too many for one leaderboard. Choose up to {MOST}.",
                         f"{len(found)} 個は多すぎます。{MOST} 個までにしてください。")  # fmt: skip
    return found
