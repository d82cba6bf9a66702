"""The things all tabs share, made once."""

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import gradio as gr

from core.adapters.store import Adapters
from core.bots.line import LineChannel
from core.bots.store import Bots
from core.bots.talker import BotTalker
from core.chat.engine import Engine
from core.chat.limits import RateLimiter, replies_counter
from core.chat.service import ChatService
from core.chat.store import Conversations
from core.costs import MachineCosts
from core.data.io.open_logs import OpenLogs
from core.data.io.reading import Reading
from core.data.io.store import DataSets
from core.data.preferences import Preferences
from core.hub.client import whoami
from core.idle import IdleShutdown
from core.limits import Counter, Limits, uploads_counter
from core.memory.memory import Memory
from core.memory.write.generate import write_texts
from core.models.loading import ModelStore
from core.models.remote import RemoteModels
from core.own_files import OwnFiles
from core.owners import Owners
from core.personas import Personas
from core.serve.completion import PersonaApi
from core.serve.keys import ApiKeys
from core.settings import Settings
from core.synth.progress import newest_plan
from core.synth.store import PlanStore
from core.tokens.trained import TrainedTokenizers
from core.train.queue.jobs import Jobs
from core.train.queue.monitors import usable
from core.workspace import Workspace
from tabs.ui.share_link import ShareLink
from tabs.ui.visitor import Visitor, address_of, language_of
from tabs.ui.web.share_door import is_at_machine


@dataclass(eq=False)
class Services:
    """What handlers work with. Holds no visitor's state; only a share link that opens or ends changes it."""

    settings: Settings
    public: bool
    """Others than the person at this machine may reach the server: its own files and tokens are not for them. While a
    share link is open that was opened from the page, too."""
    workspace: Workspace
    uploads: Counter
    owners: Owners
    models: ModelStore
    personas: Personas
    adapters: Adapters
    conversations: Conversations
    chat: ChatService
    memory: Memory
    open_logs: OpenLogs
    datasets: DataSets
    preferences: Preferences
    dialogues: PlanStore
    jobs: Jobs
    api_keys: ApiKeys
    persona_api: PersonaApi
    bots: Bots
    bot_talker: BotTalker
    share: ShareLink
    costs: MachineCosts
    idle: IdleShutdown
    on_limits: list[Callable[[Limits], None]] = field(default_factory=list)
    """What is to know the limits when they change."""
    on_close: list[Callable[[], None]] = field(default_factory=list)
    """What tabs want done before the server ends."""

    def set_public(self, public: bool) -> None:
        """Be a server for strangers, or again one for the person at this machine: nothing in between is served."""
        settings = self.settings
        # Nothing is ever forgotten for a link that is open for some hours.
        limits = replace(settings.limits_for(public), expire_days=self.workspace.limits.expire_days)
        self.public = public
        self.workspace.limits = limits
        self.models.locked = public if settings.lock_model is None else settings.lock_model
        self.models.local_folders = not public
        self.models.remote_code = settings.remote_code and not public
        self.chat.remotes.public = public
        replies = self.chat.rate_limiter.replies
        replies.each, replies.total = limits.replies_per_minute, limits.replies_per_minute_total
        self.uploads.each = limits.uploads_per_hour
        for tell in self.on_limits:
            tell(limits)

    def close(self) -> None:
        """End well: replies are kept as far as they got, and no training is started any more; those that run go on."""
        self.idle.close()
        self.share.end()
        self.jobs.close()
        for call in self.on_close:
            call()

    def template(self, owner: str) -> str:
        """In which chat template the owner has the loaded model asked, as a prompt config names it."""
        return self.chat.templates.chosen(owner, self.models.status.in_use or self.models.status.name)

    @property
    def reading(self) -> Reading:
        """How logs and data sets are read here."""
        return Reading(self.workspace.limits)

    @property
    def trained_tokenizers(self) -> TrainedTokenizers:
        """The tokenizers that owners have trained."""
        return TrainedTokenizers(self.workspace)

    @property
    def own_files(self) -> OwnFiles:
        """What each owner has, over all stores."""
        return OwnFiles(
            self.workspace, self.personas, self.adapters, self.conversations, self.memory, self.datasets,
            self.trained_tokenizers, self.api_keys, self.bots, self.dialogues, self.jobs,
        )  # fmt: skip

    def visitor(self, key: str | None, request: gr.Request, token: gr.OAuthToken | None) -> Visitor:
        """Who calls a handler: the only way a handler learns whose things it may touch."""
        owner = self.owners.resolve_owner(
            login=getattr(request, "username", None), token=token.token if token else None, key=key
        )
        client = getattr(getattr(request, "client", None), "host", "") or ""
        here = is_at_machine(getattr(request, "headers", None) or {}, client)
        return Visitor(owner, language_of(request), key or "", token, here, address_of(request))

    def take_upload(self, visitor: Visitor, cached: str) -> Path:
        """An uploaded file, moved to its owner's store out of the cache that others could read.

        Raises InputError when it was not uploaded here, comes too soon after others, or takes too much room.
        """
        self.uploads.acquire(visitor.owner, visitor.address)
        return self.workspace.take_upload(visitor.owner, Path(cached), self.workspace.cache())


ENDED_UNUSED = "ended-unused"
"""A file in the home that is there after the app ended because nobody used it."""


def is_busy(services: Services) -> bool:
    """Whether something is under way that nobody has to be there for."""
    if services.jobs.any_under_way() or services.models.status.state in ("downloading", "loading"):
        return True
    if not services.bot_talker.is_idle:
        return True
    plans = (newest_plan(services.dialogues, owner) for owner in services.workspace.owners())
    return any(made and made.at_work for _, made in filter(None, plans))


def end_unused(home: Path) -> None:
    """End as a container's stop would (`app.end`), and leave word why: the machine may be switched off then."""
    (home / ENDED_UNUSED).touch()
    os.kill(os.getpid(), signal.SIGTERM)


def make_services(settings: Settings, *, public: bool = False) -> Services:
    """`public`: strangers may reach this server, so its folders and its Hub token are not for whoever asks."""
    public = public or settings.on_space
    limits = settings.limits_for(public)
    workspace = Workspace(settings.home, limits)
    locked = public if settings.lock_model is None else settings.lock_model
    models = ModelStore(
        settings.model, locked=locked, local_folders=not public, remote_code=settings.remote_code and not public
    )
    personas, adapters, conversations = Personas(workspace), Adapters(workspace), Conversations(workspace)
    memory = Memory(workspace, partial(write_texts, models))
    chat = ChatService(
        models,
        Engine(models),
        personas,
        adapters,
        conversations,
        memory,
        RateLimiter(settings.max_message, replies_counter(limits.replies_per_minute, limits.replies_per_minute_total)),
        RemoteModels(settings.remote_servers, public),
    )
    services = Services(
        settings=settings,
        public=public,
        workspace=workspace,
        uploads=uploads_counter(limits.uploads_per_hour),
        owners=Owners(settings.on_space, lambda token: whoami(token=token)),
        models=models,
        personas=personas,
        adapters=adapters,
        conversations=conversations,
        chat=chat,
        memory=memory,
        open_logs=OpenLogs(workspace),
        datasets=DataSets(workspace),
        preferences=Preferences(workspace),
        dialogues=PlanStore(workspace),
        jobs=Jobs(workspace, start=True, monitors=usable(settings.monitors)),
        api_keys=ApiKeys(workspace),
        persona_api=PersonaApi(chat),
        bots=Bots(workspace),
        bot_talker=BotTalker(chat, LineChannel),
        costs=MachineCosts(settings.price_per_hour, settings.currency, settings.cost_warning),
        idle=IdleShutdown(settings.idle_minutes * 60.0, lambda: is_busy(services), lambda: end_unused(settings.home)),
        share=ShareLink(lambda public: services.set_public(public)),
    )
    return services
