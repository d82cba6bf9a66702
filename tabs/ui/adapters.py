"""Adapters in their owner's store: the result of a training, kept once, and a talk with one."""

import threading
from pathlib import Path

from core.adapters.attach import UnsureBaseError, check_base
from core.adapters.store import Adapter
from core.catalogue.bundled import NAME as EMBEDDED
from core.errors import AppError, InputError, ModelError
from core.files import read_json
from core.train.queue.jobs import Job
from core.workspace import TRAINING_FILE
from tabs.ui.services import Services
from tabs.ui.toasts import inform, warn
from tabs.ui.visitor import Visitor

_keeping = threading.Lock()  # two clicks at once make one copy


def kept(services: Services, owner: str, job_id: str) -> Adapter:
    """What the training `job_id` left, stored: the copy that is there, or a new one under the adapter's name.

    One copy a result: a training that went on after it was stopped is kept again under the next free
    name. Raises InputError while there is no adapter, NotAllowedError for somebody else's training.
    """
    job = services.jobs.get(owner, job_id)
    if job.adapter is None:
        raise InputError("This training has left no adapter yet. Wait for its end, or stop it.",
                         "この学習には、まだアダプターがありません。終わるのを待つか、止めてください。")  # fmt: skip
    training = read_json(job.adapter / TRAINING_FILE)
    with _keeping:
        for adapter in services.adapters.list_all(owner):
            if adapter.training == training:
                return adapter
        return services.adapters.keep(owner, job.name, job.adapter)


def base_in_memory(services: Services, adapter: Adapter) -> str | None:
    """Where the base lies, if it is the model in memory: the same model may be elsewhere on another machine."""
    if services.models.status.state != "ready":
        return None
    loaded = services.models.current()
    try:
        check_base(loaded, adapter)
    except AppError:
        return None
    return str(loaded.folder)


def kept_names(services: Services, owner: str, job: Job) -> list[str]:
    """The names under which the result of `job`, as it is now, stands in its owner's store."""
    if job.adapter is None:
        return []
    training = read_json(job.adapter / TRAINING_FILE)
    return [adapter.name for adapter in services.adapters.list_all(owner) if adapter.training == training]


def begin_talk(services: Services, visitor: Visitor, adapter: Adapter) -> str:
    """Open a conversation with `adapter` as it was trained: its id. The adapter's base is loaded where it is not."""
    talk = services.chat.open_conversation(visitor.owner, visitor.language, adapter=adapter.name)
    try:
        if name := load_for(services, adapter):
            inform(visitor.language, "train.loading_base", name=name)
    except AppError as error:  # the talk stands all the same, and says what it waits for
        warn(error, visitor.language)
    return talk.id


def load_for(services: Services, adapter: Adapter) -> str | None:
    """Begin to load the model that `adapter` was trained on, unless it is the one in memory.

    Returns its name when a load began. Raises ModelError while another load runs, InputError for a base
    that cannot be loaded from here, NotAllowedError where the server keeps its one model.
    """
    try:
        check_base(services.models.current(), adapter)
        return None
    except ModelError as error:
        here = services.models.local_folders and Path(adapter.base).is_dir()
        if isinstance(error, UnsureBaseError) and not here:  # whether it is another model, a person has to say
            raise
        own = Path(adapter.base).name == EMBEDDED
        services.models.start(EMBEDDED if own else adapter.base)
        return services.models.status.name
