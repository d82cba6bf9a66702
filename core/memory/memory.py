"""The memory's door: what a chat, a page and a script ask of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.adapters.store import Adapter
from core.memory.diary import Diary
from core.memory.documents import Documents
from core.memory.notes import Note, Notes, Speaker
from core.memory.options import Choices, choices_of, choose
from core.memory.retrieve.recall import Shown, Who, known, recalled, standing
from core.memory.store import Store
from core.memory.tasks import IdleWork
from core.memory.turns import Turns
from core.memory.write.diary_writing import write_diary
from core.memory.write.note_taking import Asked, Write, take_notes
from core.memory.write.operations import carry_out
from core.memory.write.single_pass import Answer, answer_at_once
from core.messages import Turn
from core.models.loading import LoadedModel
from core.prompt import Prompt
from core.prompt.config import PromptContract
from core.prompt.context import Background
from core.workspace import Workspace

FILE = "memory.sqlite"


@dataclass(frozen=True)
class Moment:
    """A point in a talk: whose it is, with whom, and what was said so far."""

    owner: str
    who: Who
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
    write: Write
    """How the model writes; `core.memory.write.generate.write`, bound to a ModelStore."""
    work: IdleWork = field(default_factory=IdleWork)
    clock: Callable[[], datetime] = datetime.now

    def store(self, owner: str) -> Store:
        """The owner's file."""
        return Store(self.workspace.place(owner, "memory", FILE))

    def choices(self, owner: str, persona: str) -> Choices:
        """How this persona remembers."""
        return choices_of(self.store(owner), persona)

    def choose(self, owner: str, persona: str, choices: Choices) -> None:
        """Have it remember so."""
        choose(self.store(owner), persona, choices)

    def told(self, moment: Moment, window: int, make: Callable[[Background], Prompt]) -> Prompt:
        """The prompt that `make` makes of what is remembered.

        It is made twice where old turns bear on the words just said: which turns the prompt shows anyway is known
        only when it is made.
        """
        store, now = self.store(moment.owner), self.clock()
        if not store.exists or not choices_of(store, moment.who.persona).remembers:
            return make(Background())
        background = known(store, moment.who, moment.words, window=window, now=now)
        prompt = make(background)
        first = prompt.turns_left_out
        shown = Shown(moment.conversation, first, frozenset("\n".join(turn.messages) for turn in moment.turns[first:]))
        lines = recalled(store, moment.who, moment.words, shown=shown, window=window, now=now)
        return make(replace(background, recalled=lines)) if lines else prompt

    def look_back(self, moment: Moment, loaded: LoadedModel, contract: PromptContract) -> None:
        """Keep the turns of a talk that has got its reply; in idle time take notes and write the diary."""
        store, persona = self.store(moment.owner), moment.who.persona
        choices = choices_of(store, persona)
        if not choices.remembers:
            return
        Turns(store).keep(persona, moment.conversation, moment.turns, self.clock().timestamp())
        if not choices.takes_notes(loaded.model.num_parameters()):
            return

        def notes(stop: threading.Event) -> None:
            asked = Asked(loaded, contract, moment.who, moment.conversation, moment.turns[-2:], choices.samples)
            take_notes(asked, Notes(store, persona), self.write, stop, self.clock().timestamp())

        def diary(stop: threading.Event) -> None:
            write_diary(Diary(store, persona), loaded, contract, moment.who, self.write, stop, self.clock())

        if moment.turns and not choices.at_once:
            self.work.later(f"{moment.owner}/{moment.conversation}/notes", notes)
        self.work.later(f"{moment.owner}/{persona}/diary", diary)

    def listed(self, owner: str, persona: str, window: int) -> list[Note]:
        """The notes that every prompt carries, in the order they are numbered in."""
        store = self.store(owner)
        return standing(Notes(store, persona).live(), window, self.clock()) if store.exists else []

    def answer_at_once(
        self,
        moment: Moment,
        loaded: LoadedModel,
        contract: PromptContract,
        prompt: Prompt,
        stop: threading.Event,
        *,
        adapter: Adapter | None,
        temperature: float,
    ) -> Answer:
        """Reply and notes in one answer; what it wants noted is done. Raises Interrupted when `stop` is set."""
        persona = moment.who.persona
        listed = self.listed(moment.owner, persona, contract.context_window)
        samples = max(self.choices(moment.owner, persona).samples, 1)
        answer = answer_at_once(loaded, contract, prompt, listed, self.write, stop, adapter=adapter, samples=samples,
                                temperature=temperature)  # fmt: skip
        notes, now = Notes(self.store(moment.owner), persona), self.clock().timestamp()
        round = notes.begin_round(
            moment.conversation, rung=answer.rung, tries=1, samples=samples, model=loaded.name, now=now
        )
        exchange: dict[Speaker, str] = {"user": moment.words, "assistant": answer.reply}
        remembered, forgotten = carry_out(
            notes, answer.decided, exchange, conversation=moment.conversation, round=round, now=now
        )
        notes.end_round(round, remembered=remembered, forgotten=forgotten)
        return answer

    def forget_conversation(self, owner: str, conversation: str) -> None:
        """Remove a conversation's words for good. Notes and diary, which were drawn from it, stay on their page."""
        self.work.drop(f"{owner}/{conversation}/")
        store = self.store(owner)
        if store.exists:
            Turns(store).forget_conversation(conversation)

    def forget_persona(self, owner: str, persona: str) -> None:
        """Remove everything that is remembered with a persona for good: words, notes, diary, documents."""
        self.work.drop(f"{owner}/{persona}/")
        store = self.store(owner)
        if store.exists:
            Turns(store).forget_persona(persona)
            Notes(store, persona).delete_all()
            Diary(store, persona).delete_all()
            documents = Documents(store, persona)
            for document in documents.list():
                documents.delete(document.id)
