"""What the form holds, as a request for a training."""

from dataclasses import dataclass
from pathlib import Path

from core.adapters.store import Adapter
from core.data.io.store import SavedDataSet, prompt_config_for
from core.errors import InputError
from core.files import check_name, safe_name
from core.personas import check_description
from core.prompt import PromptConfig
from core.train.config.run_file import RunRequest, going_on
from core.train.spec import JobSpec
from tabs.train.base import BaseModel, find_base
from tabs.train.settings import SettingsForm
from tabs.ui.form import Form
from tabs.ui.services import Services
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class FormValues(Form):
    """What is learned, on what, and who the persona is; how, is in SettingsForm."""

    dataset: str | None
    base: str
    start_from: str | None
    name: str
    persona: str
    description: str
    user: str


def request_of(services: Services, visitor: Visitor, form: FormValues, settings: SettingsForm) -> RunRequest:
    """The training that the form asks for. Raises AppError that says what cannot be used."""
    saved = chosen_dataset(services, visitor, form)
    config, found = settings.config(), find_base(services, form.base)
    adapter = services.adapters.get(visitor.owner, form.start_from) if form.start_from else None
    if adapter:
        config = going_on(config, adapter.folder, found.source)
    prompt_config = prompt_config_of(form, saved, found, adapter)
    named = (form.name or "").strip()
    name = check_name(named) if named else free_name(services, visitor.owner, saved.folder.name)
    spec = JobSpec(found.source, saved.folder, prompt_config, config, name, found.revision, trust=found.trust)
    return RunRequest(spec, Path(name), adapter and adapter.folder)


def chosen_dataset(services: Services, visitor: Visitor, form: FormValues) -> SavedDataSet:
    if not form.dataset:
        raise InputError("Choose a data set first. You can make one from a chat log in Data.",
                         "データセットを選んでください。なければ「記録」でトーク履歴から作れます。")  # fmt: skip
    return services.datasets.get(visitor.owner, form.dataset)


def prompt_config_of(
    form: FormValues, saved: SavedDataSet, base: BaseModel, adapter: Adapter | None = None
) -> PromptConfig:
    """The prompt config of the form, on that of the adapter that is gone on from."""
    return prompt_config_for(
        saved.info, context_window=base.window, persona=(form.persona or "").strip(),
        description=check_description(form.description or ""), user=(form.user or "").strip(),
        like=adapter.prompt_config if adapter else None,
    )  # fmt: skip


def free_name(services: Services, owner: str, dataset: str) -> str:
    """A name that neither a training nor a kept adapter of this owner has: "hanako-line-01", "-02", …"""
    taken = {job.name for job in services.jobs.list_all(owner)}
    taken |= set(services.workspace.names(owner, "adapters"))
    stem = safe_name(dataset, "adapter")
    return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-{n:02d}") not in taken)
