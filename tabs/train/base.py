"""Which model a training stands on: the loaded one, or another that is named in the form."""

from dataclasses import dataclass
from pathlib import Path

from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as EMBEDDED
from core.errors import InputError
from core.models.loading import HUB_ID, LARGEST_WINDOW, LoadedModel
from core.models.options import NO_REMOTE_CODE, Trust
from tabs.ui.services import Services


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
    """The loaded model as a base: by its Hub id and commit where it has them, else by its folder."""
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
