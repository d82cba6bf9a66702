"""A conversation meets a model: the contract it is held under, the prompt it makes, the reply it gets."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from core.adapters.store import Adapter, Adapters
from core.chat.conversation import Conversation, Made
from core.chat.engine import Engine, Reply
from core.chat.guards import ASIDE, Hidden, line, wants_another_part
from core.chat.limits import Limits
from core.chat.reply_filter import ATTEMPTS, Watch, hotter, watched
from core.chat.store import Conversations
from core.chat.typing_speed import Rhythm
from core.errors import InputError
from core.memory.memory import Memory, Moment
from core.memory.retrieve.recall import Who
from core.memory.write.generate import Interrupted
from core.memory.write.single_pass import with_format
from core.models.loading import LoadedModel, ModelStore
from core.models.remote import RemoteModel, RemoteModels, stream
from core.personas import Persona, Personas, Sampling
from core.personas.lorebook import NO_BOOK, Book
from core.prompt import Prompt, PromptContract, begun, ending, render
from core.prompt.context import Background

REMOTE_TEMPLATE = "chatml"  # only to count and to show: a server lays its messages out itself
LAST_REPLIES = 3  # which a new one is not to repeat


@dataclass(frozen=True)
class Setting:
    """What a conversation is held with."""

    owner: str
    loaded: LoadedModel
    contract: PromptContract
    sampling: Sampling
    adapter: Adapter | None
    differs: bool
    """The adapter was trained on another persona than the one talked with."""
    remote: RemoteModel | None = None
    """The server's model that answers; the tokenizer of this machine's then only estimates what fits."""
    at_once: bool = False
    """One structured answer holds the reply and what to remember."""
    book: Book = NO_BOOK
    """What comes to the persona's mind at certain words."""
    rhythm: Rhythm = field(default_factory=Rhythm)
    """How its messages follow each other."""


@dataclass(frozen=True)
class Talk:
    """Everything a chat needs, for the page and for scripts."""

    models: ModelStore
    engine: Engine
    personas: Personas
    adapters: Adapters
    conversations: Conversations
    memory: Memory
    limits: Limits = field(default_factory=Limits)
    remotes: RemoteModels = field(default_factory=RemoteModels)

    def open(self, owner: str, language: str, *, persona: str = "", adapter: str = "") -> Conversation:
        """A new, stored conversation with a persona, or with an adapter as it was trained (persona "")."""
        chosen = self.persona(owner, persona, adapter, language)
        conversation = self.conversations.new(chosen.id, adapter)
        told = chosen.told(conversation.id)
        return self.conversations.save(owner, conversation.opened(told.greeting, *told.greetings))

    def persona(self, owner: str, persona: str, adapter: str, language: str) -> Persona:
        """The persona talked with: the chosen one, else the adapter's own, else the first built-in."""
        if persona:
            return self.personas.get(owner, persona, language)
        contract = self.adapters.get(owner, adapter).contract if adapter else None
        if contract is None:
            return self.personas.list(owner, language)[0]
        return Persona(contract.persona, contract.description, user=contract.user, examples=contract.examples)

    def setting(self, owner: str, conversation: Conversation, language: str) -> Setting:
        """Raises ModelError while no model is loaded, InputError when persona or adapter are gone."""
        loaded, remote = self.models.current(), self.remotes.of(owner)
        adapter = self.adapters.get(owner, conversation.adapter) if conversation.adapter else None
        persona = self.persona(owner, conversation.persona, conversation.adapter, language).told(conversation.id)
        rhythm = Rhythm.of(persona.typing)
        if remote:
            plain = persona.contract(remote.context, template=REMOTE_TEMPLATE)
            return Setting(
                owner, loaded, plain, persona.sampling, None, False, remote, book=persona.book, rhythm=rhythm
            )  # fmt: skip
        contract, differs = held_under(persona, adapter, loaded.context)
        who = remembered_as(conversation)
        at_once = self.memory.choices(owner, who).at_once
        if at_once:
            contract = with_format(contract, self.memory.listed(owner, who, contract.context_window))
        return Setting(
            owner, loaded, contract, persona.sampling, adapter, differs, at_once=at_once, book=persona.book,
            rhythm=rhythm,
        )  # fmt: skip

    def prompt(self, setting: Setting, conversation: Conversation, draft: str = "") -> Prompt:
        """What the model is given for the next reply, with what is remembered; with `draft`, as if that were sent."""
        talk = conversation.said("user", draft)

        come_to_mind = setting.book.brought_up(talk.turns)

        def made(background: Background) -> Prompt:
            told = replace(background, knowledge=(*come_to_mind, *background.knowledge))
            return render(setting.contract, talk.turns, setting.loaded.tokenizer, background=told)

        if not setting.contract.parts:
            return made(Background())
        return self.memory.told(moment_of(setting, talk), setting.contract.context_window, made)

    def reply(
        self,
        setting: Setting,
        conversation: Conversation,
        stop: threading.Event,
        *,
        prompt: Prompt | None = None,
        go_on: bool = False,
    ) -> Iterator[Reply]:
        """Stream the persona's next turn. The conversation is not changed; who shows it stores it.

        `prompt` is what `prompt` returned, where that is known already. With `go_on` the persona's last turn
        is continued: the texts begin with it, and the prompt is that of what was said before. What goes wrong
        is tried again (`core.chat.reply_filter`); who wants the persona to drop its part gets an answer without the
        model. Raises InputError where a server would have to go on: it can only answer.
        """
        if go_on and setting.remote:
            raise InputError(
                "A model on another server cannot go on with a reply. Ask for another one instead.",
                "ほかのサーバーのモデルは返事を続けられません。代わりにもう一度返事をもらってください。",
            )
        last = conversation.turns[-1] if go_on else None
        conversation = conversation.without_reply() if go_on else conversation
        asked = _last_words(conversation)
        if wants_another_part(asked):
            yield Reply(line(ASIDE, asked, len(conversation.turns)), 0, finished=True, fault="aside")
            return
        tokenizer = setting.loaded.tokenizer
        prompt = prompt or self.prompt(setting, conversation)
        said = begun(setting.contract, last, tokenizer) if last else ()
        room = setting.contract.context_window - len(prompt.ids) - len(said)
        sampling = replace(setting.sampling, max_new_tokens=max(1, min(setting.sampling.max_new_tokens, room)))
        seed = sampling.seed if sampling.seed >= 0 else secrets.randbelow(2**31 - ATTEMPTS)
        ends = ending(setting.contract, tokenizer)

        def draw(attempt: int) -> Iterator[Reply]:
            drawn = hotter(sampling, attempt)
            if setting.remote:
                return _from_afar(setting.remote, prompt, drawn, stop, sampling.seed)
            if setting.at_once and not go_on:
                return self._at_once(setting, conversation, prompt, drawn, stop)
            return self.engine.stream(
                setting.loaded, prompt.ids, drawn, ends,
                adapter=setting.adapter, stop=stop, owner=setting.owner, seed=seed + attempt,
                begun=said,
            )  # fmt: skip

        before = [turn for turn in conversation.turns if turn.role == "assistant"][-LAST_REPLIES:]
        texts = tuple(setting.contract.separator.join(turn.messages) for turn in before)
        with self.memory.work.giving_way():
            yield from watched(draw, Watch(texts, Hidden(setting.contract.description), asked), stop)

    def _at_once(
        self, setting: Setting, conversation: Conversation, prompt: Prompt, sampling: Sampling, stop: threading.Event
    ) -> Iterator[Reply]:
        """A reply out of a structured answer: whole at once, or nothing when it was stopped."""
        try:
            answer = self.memory.answer_at_once(
                moment_of(setting, conversation), setting.loaded, setting.contract, prompt, stop,
                adapter=setting.adapter, temperature=sampling.temperature,
            )  # fmt: skip
        except Interrupted:
            return
        tokens = len(setting.loaded.tokenizer.encode(answer.reply, add_special_tokens=False))
        yield Reply(answer.reply, tokens, finished=True)

    def settle(self, setting: Setting, conversation: Conversation) -> None:
        """To be called once a reply is stored: what was said is remembered."""
        self.memory.look_back(moment_of(setting, conversation), setting.loaded, setting.contract)

    def delete(self, owner: str, conversation: str) -> None:
        """Remove a conversation for good, and its words from the memory."""
        self.conversations.delete(owner, conversation)
        self.memory.forget_conversation(owner, conversation)

    def made(self, setting: Setting, reply: Reply) -> Made:
        """How a reply came about, to be kept with it."""
        adapter = setting.adapter.name if setting.adapter else ""
        name = setting.remote.name if setting.remote else setting.loaded.name
        return Made(name, adapter, reply.seed, asdict(setting.sampling), reply.fault, reply.finished)

    def messages_of(self, setting: Setting, reply: str) -> list[str]:
        """A reply as the messages it is meant to be."""
        plain, written = setting.contract.separator, ending(setting.contract, setting.loaded.tokenizer).separator
        parts = (reply.replace(written, plain) if written else reply).split(plain)
        return [part.strip() for part in parts if part.strip()]


def held_under(persona: Persona, adapter: Adapter | None, context: int) -> tuple[PromptContract, bool]:
    """The contract of a talk with this persona on a model with that window, and whether the adapter's differs.

    An adapter is asked as it was trained; with another persona than its own, at least in the same shape.
    """
    contract = persona.contract(context)
    if adapter is None or adapter.contract is None:
        return contract, False
    trained = adapter.contract
    differs = (persona.name, persona.description) != (trained.persona, trained.description)
    if differs:
        shape = {name: getattr(trained, name) for name in ("template", "separator", "opening", "parts")}
        asked = replace(contract, **shape)
    else:
        asked = trained
    window = min(trained.context_window, context)
    return replace(asked, context_window=window, reply_reserve=min(contract.reply_reserve, window // 2)), differs


def _from_afar(
    model: RemoteModel, prompt: Prompt, sampling: Sampling, stop: threading.Event, seed: int
) -> Iterator[Reply]:
    """A server's reply as it grows, then once more when it is finished."""
    text, ended, tokens = "", "", 0
    for tokens, (text, ended) in enumerate(  # noqa: B007 - a chunk is a token with every server that was tried
        stream(model, prompt.messages, sampling, (), stop=stop, seed=seed if seed >= 0 else None), start=1
    ):
        yield Reply(text.strip(), tokens)
    yield Reply(text.strip(), tokens, finished=ended == "stop")


def _last_words(conversation: Conversation) -> str:
    """What the user said last, if nothing was said since."""
    last = conversation.turns[-1:]
    return "\n".join(last[0].messages) if last and last[0].role == "user" else ""


def remembered_as(conversation: Conversation) -> str:
    """Whose talks the memory files a conversation with: its persona's, or its adapter's."""
    return conversation.persona or f"adapter:{conversation.adapter}"


def moment_of(setting: Setting, conversation: Conversation) -> Moment:
    """A conversation as the memory sees it."""
    who = Who(remembered_as(conversation), setting.contract.persona, setting.contract.user)
    return Moment(setting.owner, who, conversation.id, conversation.turns)
