"""What the form holds, as a request for a training: the base, the data set, who the persona is."""

from dataclasses import dataclass
from pathlib import Path

from core.adapters.store import Adapter
from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as EMBEDDED
from core.data.io.store import SavedDataSet, prompt_config_for
from core.errors import InputError
from core.files import check_name, safe_name
from core.models.loading import HUB_ID, LoadedModel
from core.models.model_errors import only_talks
from core.models.options import NO_REMOTE_CODE, Trust
from core.models.sizing.dims import LARGEST_WINDOW
from core.personas import check_description
from core.prompt import PromptConfig
from core.prompt.template_names import AUTO
from core.train.config.run_file import RunRequest, going_on
from core.train.spec import JobSpec
from tabs.train.settings import SettingsForm
from tabs.ui.form import Form
from tabs.ui.services import Services
from tabs.ui.visitor import Visitor


@dataclass(frozen=True)
class BaseModel:
    """A base as a training needs it. `parameters` is None for a model that is not loaded."""

    name: str
    source: str
    """Hub id, or folder of this machine."""
    revision: str | None
    window: int
    """Tokens of context; the most there can be for a model that is not loaded."""
    parameters: int | None = None
    trust: Trust = NO_REMOTE_CODE
    """What the person allowed when they loaded it."""


def base_of(loaded: LoadedModel, parameters: int | None = None) -> BaseModel:
    """The loaded model as a base: by its Hub id and commit where it has them, else by its folder.

    Raises InputError for a GGUF file.
    """
    if loaded.gguf:
        raise only_talks(loaded.name)
    on_hub = HUB_ID.fullmatch(loaded.name)
    revision = loaded.folder.name if on_hub and loaded.folder.parent.name == "snapshots" else None
    source = loaded.name if on_hub else str(loaded.folder)
    return BaseModel(loaded.name, source, revision, loaded.context, parameters, loaded.options.trust)


def find_base(services: Services, typed: str) -> BaseModel:
    """The model that `typed` names; "" is the loaded one.

    Raises ModelError while no model is loaded, InputError for what is neither a Hub id nor a model's
    folder; where strangers may reach the server, also what `check_visitor_may_use` does.
    """
    wanted = (typed or "").strip()
    models = services.models
    if not wanted or wanted == models.status.name:
        return base_of(models.current(), models.status.parameters or None)
    models.check_visitor_may_use(wanted)
    if wanted == EMBEDDED:
        return BaseModel(EMBEDDED, str(FOLDER), None, LARGEST_WINDOW)
    folder = Path(wanted).expanduser()
    local = folder.is_dir() or wanted.startswith((".", "/", "~"))
    if local and models.local_folders:
        if not (folder / "config.json").is_file():
            raise InputError(
                f"“{wanted[:120]}” is not a model's folder: it has no config.json. Choose the folder that holds it.",
                f"「{wanted[:120]}」はモデルのフォルダーではありません（config.json がありません）。",
            )
        return BaseModel(folder.resolve().name, str(folder.resolve()), None, LARGEST_WINDOW)
    if local or not HUB_ID.fullmatch(wanted):
        raise InputError(
            f"“{wanted[:120]}” is neither a Hub id such as Qwen/Qwen3-0.6B nor a folder with a model.",
            f"「{wanted[:120]}」は Hub の ID（例: Qwen/Qwen3-0.6B）でも、モデルのフォルダーでもありません。",
        )
    return BaseModel(wanted, wanted, None, LARGEST_WINDOW)


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
    template = services.chat.templates.chosen(visitor.owner, found.name)
    prompt_config = prompt_config_of(form, saved, found, adapter, template=template)
    named = (form.name or "").strip()
    name = check_name(named) if named else free_name(services, visitor.owner, saved.folder.name)
    spec = JobSpec(found.source, saved.folder, prompt_config, config, name, found.revision, trust=found.trust)
    return RunRequest(spec, Path(name), adapter and adapter.folder)


def chosen_dataset(services: Services, visitor: Visitor, form: FormValues) -> SavedDataSet:
    if not form.dataset:
        raise InputError("Choose a data set first. You can make one from a chat log in Data.",
                         "データセットを選んでください。なければ「データ」でトーク履歴から作れます。")  # fmt: skip
    return services.datasets.get(visitor.owner, form.dataset)


def prompt_config_of(
    form: FormValues, saved: SavedDataSet, base: BaseModel, adapter: Adapter | None = None, *, template: str = AUTO
) -> PromptConfig:
    """The prompt config of the form, on that of the adapter that is gone on from."""
    return prompt_config_for(
        saved.info, context_window=base.window, persona=(form.persona or "").strip(),
        description=check_description(form.description or ""), user=(form.user or "").strip(),
        like=adapter.prompt_config if adapter else None, template=template,
    )  # fmt: skip


def free_name(services: Services, owner: str, dataset: str) -> str:
    """A name that neither a training nor a kept adapter of this owner has: "hanako-line-01", "-02", …"""
    taken = {job.name for job in services.jobs.list_all(owner)}
    taken |= set(services.workspace.names(owner, "adapters"))
    stem = safe_name(dataset, "adapter")
    return next(name for n in range(1, len(taken) + 2) if (name := f"{stem}-{n:02d}") not in taken)
