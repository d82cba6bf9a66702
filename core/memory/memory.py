"""The memory's door: what a chat, a page and a script ask of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.adapters.store import Adapter
from core.memory.diary import Diary
from core.memory.documents import Documents
from core.memory.notes import MemoryNote, Notes, SaidBy
from core.memory.options import MemoryOptions, choose, load_options
from core.memory.retrieve.recall import Participants, VisibleTurns, known, retrieve_turns, standing_lines
from core.memory.store import MemoryStore
from core.memory.tasks import BackgroundTasks
from core.memory.turns import Turns
from core.memory.write.diary_writing import write_diary
from core.memory.write.note_taking import NoteRequest, Write, take_notes
from core.memory.write.operations import apply_operations
from core.memory.write.single_pass import SinglePassReply, single_pass
from core.messages import Turn
from core.models.loading import LoadedModel
from core.prompt import Prompt
from core.prompt.config import PromptConfig
from core.prompt.context import RetrievedContext
from core.stored import DamagedError
from core.workspace import Workspace

FILE = "memory.sqlite"


@dataclass(frozen=True)
class TurnContext:
    """A point in a talk: whose it is, with whom, and what was said so far."""

    owner: str
    participants: Participants
    conversation: str
    turns: tuple[Turn, ...]

    @property
    def words(self) -> str:
        """What the user said last."""
        return next(("\n".join(turn.messages) for turn in reversed(self.turns) if turn.role == "user"), "")


@dataclass(frozen=True)
class Memory:
    """Every owner's memory: a file each, nothing of which another owner or another persona gets to see."""

    workspace: Workspace
    generate: Write
    """How the model writes; `core.memory.write.generate.write`, bound to a ModelStore."""
    tasks: BackgroundTasks = field(default_factory=BackgroundTasks)
    clock: Callable[[], datetime] = datetime.now

    def store(self, owner: str) -> MemoryStore:
        """The owner's file."""
        return MemoryStore(self.workspace.place(owner, "memory", FILE))

    def options(self, owner: str, persona: str) -> MemoryOptions:
        """How this persona remembers; not at all while the owner's file is damaged: talking goes on."""
        try:
            return load_options(self.store(owner), persona)
        except DamagedError:
            return replace(MemoryOptions(), remembers=False, single_pass=False)

    def set_options(self, owner: str, persona: str, choices: MemoryOptions) -> None:
        """Have it remember so."""
        choose(self.store(owner), persona, choices)

    def retrieved_context(self, moment: TurnContext, window: int, make: Callable[[RetrievedContext], Prompt]) -> Prompt:
        """The prompt that `make` makes of what is remembered.

        It is made twice where old turns bear on the words just said: which turns the prompt shows anyway is known
        only when it is made.
        """
        store, now = self.store(moment.owner), self.clock()
        if not store.exists or not self.options(moment.owner, moment.participants.persona).remembers:
            return make(RetrievedContext())
        background = known(store, moment.participants, moment.words, window=window, now=now)
        prompt = make(background)
        first = prompt.turns_left_out
        shown = VisibleTurns(
            moment.conversation, first, frozenset("\n".join(turn.messages) for turn in moment.turns[first:])
        )
        lines = retrieve_turns(store, moment.participants, moment.words, shown=shown, window=window, now=now)
        return make(replace(background, recalled=lines)) if lines else prompt

    def after_turn(self, moment: TurnContext, loaded: LoadedModel, prompt_config: PromptConfig) -> None:
        """Keep the turns of a talk that has got its reply; in idle time take notes and write the diary."""
        store, persona = self.store(moment.owner), moment.participants.persona
        choices = self.options(moment.owner, persona)
        if not choices.remembers:
            return
        Turns(store).keep(persona, moment.conversation, moment.turns, self.clock().timestamp())
        if not choices.takes_notes(loaded.model.num_parameters()):
            return

        def notes(stop: threading.Event) -> None:
            asked = NoteRequest(
                loaded, prompt_config, moment.participants, moment.conversation, moment.turns[-2:], choices.samples
            )
            take_notes(asked, Notes(store, persona), self.generate, stop, self.clock().timestamp())

        def diary(stop: threading.Event) -> None:
            write_diary(
                Diary(store, persona), loaded, prompt_config, moment.participants, self.generate, stop, self.clock()
            )

        if moment.turns and not choices.single_pass:
            self.tasks.later(f"{moment.owner}/{moment.conversation}/notes", notes)
        self.tasks.later(f"{moment.owner}/{persona}/diary", diary)

    def listed(self, owner: str, persona: str, window: int) -> list[MemoryNote]:
        """The notes that every prompt carries, in the order they are numbered in."""
        store = self.store(owner)
        return standing_lines(Notes(store, persona).live(), window, self.clock()) if store.exists else []

    def single_pass(
        self,
        moment: TurnContext,
        loaded: LoadedModel,
        prompt_config: PromptConfig,
        prompt: Prompt,
        stop: threading.Event,
        *,
        adapter: Adapter | None,
        temperature: float,
    ) -> SinglePassReply:
        """Reply and notes in one answer; what it wants noted is done. Raises Interrupted when `stop` is set."""
        persona = moment.participants.persona
        listed = self.listed(moment.owner, persona, prompt_config.context_window)
        samples = max(self.options(moment.owner, persona).samples, 1)
        answer = single_pass(
            loaded,
            prompt_config,
            prompt,
            listed,
            self.generate,
            stop,
            adapter=adapter,
            samples=samples,
            temperature=temperature,
        )
        notes, now = Notes(self.store(moment.owner), persona), self.clock().timestamp()
        round = notes.begin_round(
            moment.conversation, parse_method=answer.parse_method, tries=1, samples=samples, model=loaded.name, now=now
        )
        exchange: dict[SaidBy, str] = {"user": moment.words, "assistant": answer.reply}
        remembered, forgotten = apply_operations(
            notes, answer.decided, exchange, conversation=moment.conversation, round=round, now=now
        )
        notes.end_round(round, remembered=remembered, forgotten=forgotten)
        return answer

    def forget_conversation(self, owner: str, conversation: str) -> None:
        """Remove a conversation's words for good. Notes and diary, which were drawn from it, stay on their page."""
        self.tasks.drop(f"{owner}/{conversation}/")
        store = self.store(owner)
        if store.exists:
            Turns(store).forget_conversation(conversation)

    def hide_conversation(self, owner: str, conversation: str) -> None:
        """Recall a conversation's words no more, until `show_conversation`."""
        self.tasks.drop(f"{owner}/{conversation}/")
        store = self.store(owner)
        if store.exists:
            Turns(store).hide_conversation(conversation)

    def show_conversation(self, owner: str, conversation: str) -> None:
        """The inverse of `hide_conversation`."""
        store = self.store(owner)
        if store.exists:
            Turns(store).show_conversation(conversation)

    def forget_persona(self, owner: str, persona: str) -> None:
        """Remove everything that is remembered with a persona for good: words, notes, diary, documents."""
        self.tasks.drop(f"{owner}/{persona}/")
        store = self.store(owner)
        if store.exists:
            Turns(store).forget_persona(persona)
            Notes(store, persona).delete_all()
            Diary(store, persona).delete_all()
            documents = Documents(store, persona)
            for document in documents.list_all():
                documents.delete(document.id)
