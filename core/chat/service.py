"""A conversation meets a model: the prompt config it is held under, the prompt it makes, the reply it gets."""

import secrets
import threading
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import cached_property

from core.adapters.store import Adapters
from core.chat.context import ChatContext, in_group, remembered_as, resolve_prompt_config, turn_context
from core.chat.conversation import Conversation, ReplyMetadata
from core.chat.engine import Engine, Reply
from core.chat.group import Member, next_speaker
from core.chat.guards import DEFLECTIONS, HiddenText, deflection, is_prompt_injection
from core.chat.limits import RateLimiter
from core.chat.reply_filter import (
    ATTEMPTS,
    ReplyFilter,
    generate_with_retries,
    raise_temperature,
    with_room_to_think,
)
from core.chat.store import Conversations
from core.chat.typing_speed import TypingSpeed
from core.chat.viewpoint import own_words, said_in, seen_by, speaker_of
from core.memory.memory import Memory
from core.memory.write.generate import Interrupted
from core.memory.write.single_pass import with_format
from core.models.loading import ModelStore
from core.models.remote import RemoteModel, RemoteModels, cannot_go_on, stream
from core.models.remote_costs import RemoteCosts
from core.models.remote_reply import RemoteText, Usage
from core.models.sampling import BOUNDS
from core.personas import Persona, Personas, Sampling
from core.personas.activation import Activated
from core.personas.placing import known_entries, known_texts
from core.personas.user_profile import UserProfiles
from core.prompt import PlacedText, Prompt, PromptConfig, continuation_ids, render, stop_criteria
from core.prompt.context import RetrievedContext
from core.prompt.encoder import encoder_for
from core.prompt.own_templates import OwnTemplates
from core.thoughts import begun_by

REMOTE_TEMPLATE = "chatml"  # only to count and to show: a server lays its messages out itself
LONGEST_THOUGHTS = 20_000  # characters that are kept beside a reply
LAST_REPLIES = 3  # which a new one is not to repeat


@dataclass(frozen=True)
class ChatService:
    """Everything a chat needs, for the page and for scripts."""

    models: ModelStore
    engine: Engine
    personas: Personas
    adapters: Adapters
    conversations: Conversations
    memory: Memory
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)
    remotes: RemoteModels = field(default_factory=RemoteModels)

    @cached_property
    def costs(self) -> RemoteCosts:
        """What talks with other servers take."""
        return RemoteCosts(self.adapters.workspace)

    @cached_property
    def templates(self) -> OwnTemplates:
        """In which chat template each owner has a model asked."""
        return OwnTemplates(self.adapters.workspace)

    @cached_property
    def profiles(self) -> UserProfiles:
        """Who those are that talk."""
        return UserProfiles(self.adapters.workspace)

    def open_conversation(self, owner: str, language: str, *, persona: str = "", adapter: str = "") -> Conversation:
        """A new, stored conversation with a persona, or with an adapter as it was trained (persona "")."""
        chosen = self.persona(owner, persona, adapter, language)
        conversation = self.conversations.new(chosen.id, adapter)
        expanded = chosen.talking_with(self.profiles.get(owner)).with_macros_expanded(conversation.id)
        return self.conversations.save(owner, conversation.opened(expanded.greeting, *expanded.greetings))

    def persona(self, owner: str, persona: str, adapter: str, language: str) -> Persona:
        """The persona talked with: the chosen one, else the adapter's own, else the first built-in."""
        if persona:
            return self.personas.get(owner, persona, language)
        prompt_config = self.adapters.get(owner, adapter).prompt_config if adapter else None
        if prompt_config is None:
            return self.personas.get(owner, self.personas.entries(owner, language)[0].id, language)
        return Persona(
            prompt_config.persona, prompt_config.description, user=prompt_config.user, examples=prompt_config.examples
        )

    def context(
        self, owner: str, conversation: Conversation, language: str, *, guest: str = "", remembers: bool = True
    ) -> ChatContext:
        """What the talk is held with; `guest` talks in the owner's place, with a profile and memories of their own.

        Raises ModelError while no model is loaded, InputError when persona or adapter are gone.
        """
        loaded, remote = self.models.current(), self.remotes.of(owner)
        adapter = self.adapters.get(owner, conversation.adapter) if conversation.adapter else None
        chosen = self.persona(owner, conversation.persona, conversation.adapter, language)
        chosen = replace(chosen, name=conversation.speaker) if conversation.speaker else chosen
        persona = chosen.talking_with(self.profiles.get(guest or owner)).with_macros_expanded(
            conversation.id, timedelta(seconds=conversation.silence)
        )
        others = tuple(name for name in (*conversation.group.names, persona.user) if name != conversation.speaker)
        others = others if conversation.speaker else ()
        rhythm = TypingSpeed.of(persona.typing or (adapter.typing if adapter else 0.0))
        placed = (*persona.placed, _note_of(conversation, persona))
        if remote and adapter:
            remote = self.remotes.adapters.answering(remote, adapter.name, adapter.folder, adapter.base)
        if remote:
            plain = in_group(persona.prompt_config(remote.context, template=REMOTE_TEMPLATE), others)
            return ChatContext(
                owner, loaded, plain, persona.sampling, None, False, remote, lorebook=persona.book, placed=placed,
                typing_speed=rhythm, guest=guest, remembers=remembers, others=others,
            )  # fmt: skip
        prompt_config, differs = resolve_prompt_config(
            persona, adapter, loaded.context, template=self.templates.chosen(owner, loaded.name)
        )
        prompt_config, who = in_group(prompt_config, others), remembered_as(conversation)
        at_once = remembers and not others and self.memory.options(guest or owner, who).single_pass
        if at_once:
            listed = self.memory.listed(guest or owner, who, prompt_config.context_window)
            prompt_config = with_format(prompt_config, listed)
        return ChatContext(
            owner,
            loaded,
            prompt_config,
            persona.sampling,
            adapter,
            differs,
            single_pass=at_once,
            lorebook=persona.book,
            placed=placed,
            typing_speed=rhythm,
            guest=guest,
            remembers=remembers,
            others=others,
        )

    def seen_by(self, owner: str, conversation: Conversation, member: Member, language: str) -> Conversation:
        """A group's talk through a member's eyes: what `context`, `prompt` and `reply` take for its next words.

        Where it spoke last, somebody else says the opening before it speaks again, as templates want it.
        """
        seen = seen_by(conversation, member, self.user_of(owner, member, language))
        again = bool(seen.path) and seen.path[-1].role == "assistant"
        return seen.said("user", PromptConfig(member.name).opening) if again else seen

    def user_of(self, owner: str, member: Member, language: str) -> str:
        """The name of the one who talks, as a member of a group calls them."""
        persona = self.persona(owner, member.persona, member.adapter, language)
        return persona.talking_with(self.profiles.get(owner)).user

    def before_reply(self, owner: str, conversation: Conversation, language: str, speaker: str = "") -> Conversation:
        """The talk as whoever speaks next sees it, which is itself in a talk of two.

        That is the member called `speaker`, else who it is by the group's rule, else, where it is chosen by hand,
        who stands next in the list.
        """
        group = conversation.group
        if not group or conversation.speaker:
            return conversation
        said = said_in(conversation)
        member = group.member(speaker) or next_speaker(group, said) or next_speaker(replace(group, order="round"), said)
        return self.seen_by(owner, conversation, member or group.members[0], language)

    def after_reply(self, owner: str, conversation: Conversation, language: str) -> Conversation:
        """The talk as who spoke last sees it: what its reply is continued and remembered with."""
        last = conversation.path[-1:]
        member = conversation.group.member(speaker_of(conversation, last[0])) if last else None
        return seen_by(conversation, member, self.user_of(owner, member, language)) if member else conversation

    def prompt(self, setting: ChatContext, conversation: Conversation, draft: str = "") -> Prompt:
        """What the model is given for the next reply, with what is remembered; with `draft`, as if that were sent."""
        talk = conversation.said("user", draft)
        known = known_texts(setting.placed, self.entries(setting, talk))

        def made(background: RetrievedContext) -> Prompt:
            retrieved = replace(background, knowledge=(*known.knowledge, *background.knowledge))
            return render(
                setting.prompt_config, talk.turns, setting.loaded.tokenizer, background=retrieved, placed=known.placed
            )

        if not (setting.remembers and setting.prompt_config.parts):
            return made(RetrievedContext())
        return self.memory.retrieved_context(turn_context(setting, talk), setting.prompt_config.context_window, made)

    def entries(self, setting: ChatContext, conversation: Conversation) -> tuple[Activated, ...]:
        """The entries of the character book that the next reply should know, in the order in which they stand."""
        size = encoder_for(setting.loaded.tokenizer).size
        return known_entries(setting.lorebook, conversation.turns, size, seed=conversation.id)

    def reply(
        self,
        setting: ChatContext,
        conversation: Conversation,
        stop: threading.Event,
        *,
        prompt: Prompt | None = None,
        go_on: bool = False,
    ) -> Generator[Reply, None, None]:
        """Stream the persona's next turn. The conversation is not changed; who shows it stores it.

        `prompt` is what `prompt` returned, where that is known already. With `go_on` the persona's last turn
        is continued: the texts begin with it, and the prompt is that of what was said before. What goes wrong
        is tried again (`core.chat.reply_filter`), and so is, with more room, what was all thought; who wants the
        persona to drop its part gets an answer without the model. Raises InputError where a server cannot go on,
        or the month's limit is reached.
        """
        if go_on and setting.remote and not setting.remote.dialect.prefill:
            raise cannot_go_on(setting.remote)
        last = conversation.turns[-1] if go_on else None
        conversation = conversation.without_reply() if go_on else conversation
        asked = _last_words(conversation)
        if is_prompt_injection(asked):
            yield Reply(deflection(DEFLECTIONS, asked, len(conversation.turns)), 0, finished=True, fault="aside")
            return
        tokenizer = setting.loaded.tokenizer
        prompt = prompt or self.prompt(setting, conversation)
        said = continuation_ids(setting.prompt_config, last, tokenizer) if last else ()
        room = setting.prompt_config.context_window - len(prompt.ids) - len(said)
        sampling = replace(setting.sampling, max_new_tokens=max(1, min(setting.sampling.max_new_tokens, room)))
        seed = sampling.seed if sampling.seed >= 0 else secrets.randbelow(2**31 - ATTEMPTS)
        ends = stop_criteria(setting.prompt_config, tokenizer)

        prefill = setting.prompt_config.separator.join(last.messages) if last else ""
        spent: list[float] = []

        def draw_in(attempt: int, most: int) -> Generator[Reply, None, None]:
            drawn = replace(raise_temperature(sampling, attempt), max_new_tokens=most)
            if setting.remote:
                return self._from_server(setting, setting.remote, prompt, drawn, stop, prefill, spent)
            if setting.single_pass and not go_on:
                return self._single_pass(setting, conversation, prompt, drawn, stop)
            drawing = self.engine.stream(
                setting.loaded, prompt.ids, drawn, ends,
                adapter=setting.adapter, stop=stop, owner=setting.owner, seed=seed + attempt,
                continuation_ids=said,
            )  # fmt: skip
            return _behind(begun_by(prompt.text), drawing) if not go_on else drawing

        def draw(attempt: int) -> Generator[Reply, None, None]:
            longest = max(sampling.max_new_tokens, min(room, int(BOUNDS["max_new_tokens"][2])))
            drawn = with_room_to_think(lambda most: draw_in(attempt, most), sampling.max_new_tokens, longest, stop)
            return own_words(drawn, setting.prompt_config.persona, setting.others) if setting.others else drawn

        before = [turn for turn in conversation.turns if turn.role == "assistant"][-LAST_REPLIES:]
        texts = tuple(setting.prompt_config.separator.join(turn.messages) for turn in before)
        with self.memory.tasks.paused():
            yield from generate_with_retries(
                draw, ReplyFilter(texts, HiddenText(setting.prompt_config.description), asked), stop
            )

    def _from_server(
        self,
        setting: ChatContext,
        model: RemoteModel,
        prompt: Prompt,
        sampling: Sampling,
        stop: threading.Event,
        prefill: str,
        spent: list[float],
    ) -> Generator[Reply, None, None]:
        """A server's reply as it grows, then once more when it is finished; what it took is counted in any case.

        `spent` gets what this request cost behind what the ones before it did.
        """
        self.costs.check(setting.owner)
        now, asked = RemoteText(""), False
        seed = sampling.seed if sampling.seed >= 0 else None
        opening = setting.prompt_config.opening
        try:
            with closing(
                stream(model, prompt.messages, sampling, (), stop=stop, seed=seed, prefill=prefill, opening=opening)
            ) as parts:
                for now in parts:
                    asked = True
                    yield _reply_of(now, prefill)
        finally:
            # A server that was stopped does not tell what it took: then the estimates stand.
            used = now.usage or Usage(len(prompt.ids), now.chunks)
            spent.append(self.costs.add(setting.owner, model, *used) if asked else 0.0)
        yield replace(
            _reply_of(now, prefill),
            finished=now.ended == "stop",
            prompt_tokens=used.prompt,
            tokens=used.reply,
            cost=sum(spent),
        )

    def _single_pass(
        self,
        setting: ChatContext,
        conversation: Conversation,
        prompt: Prompt,
        sampling: Sampling,
        stop: threading.Event,
    ) -> Generator[Reply, None, None]:
        """A reply out of a structured answer: whole at once, or nothing when it was stopped."""
        try:
            answer = self.memory.single_pass(
                turn_context(setting, conversation), setting.loaded, setting.prompt_config, prompt, stop,
                adapter=setting.adapter, temperature=sampling.temperature,
            )  # fmt: skip
        except Interrupted:
            return
        tokens = len(setting.loaded.tokenizer.encode(answer.reply, add_special_tokens=False))
        yield Reply(answer.reply, tokens, finished=True)

    def on_reply_saved(self, setting: ChatContext, conversation: Conversation) -> None:
        """To be called once a reply is stored: what was said is remembered."""
        self.memory.after_turn(turn_context(setting, conversation), setting.loaded, setting.prompt_config)

    def remove(self, owner: str, conversation: str) -> None:
        """Take a conversation out of sight and its words out of what is recalled, until it is put back or purged."""
        self.conversations.remove(owner, conversation)
        self.memory.hide_conversation(owner, conversation)

    def put_back(self, owner: str, conversation: str) -> Conversation | None:
        """A removed conversation and what was remembered of it; None where it was purged meanwhile."""
        found = self.conversations.put_back(owner, conversation)
        if found:
            self.memory.show_conversation(owner, conversation)
        return found

    def delete(self, owner: str, conversation: str) -> None:
        """Remove a conversation for good, and its words from the memory."""
        self.conversations.delete(owner, conversation)
        self.memory.forget_conversation(owner, conversation)

    def reply_metadata(self, setting: ChatContext, reply: Reply, seconds: float = 0.0) -> ReplyMetadata:
        """How a reply came about, to be kept with it; `seconds`: how long the model took."""
        adapter = setting.adapter.name if setting.adapter else ""
        name = setting.remote.name if setting.remote else setting.loaded.name
        return ReplyMetadata(
            name, adapter, reply.seed, asdict(setting.sampling), reply.fault, reply.finished,
            thoughts=reply.thoughts[:LONGEST_THOUGHTS], thought_tokens=reply.thought_tokens,
            prompt_tokens=reply.prompt_tokens, reply_tokens=reply.tokens, seconds=round(seconds, 3), cost=reply.cost,
        )  # fmt: skip

    def messages_of(self, setting: ChatContext, reply: str) -> list[str]:
        """A reply as the messages it is meant to be."""
        plain, written = (
            setting.prompt_config.separator,
            stop_criteria(setting.prompt_config, setting.loaded.tokenizer).separator,
        )
        parts = (reply.replace(written, plain) if written else reply).split(plain)
        return [part.strip() for part in parts if part.strip()]


def _behind(mark: str, replies: Generator[Reply, None, None]) -> Generator[Reply, None, None]:
    """The same replies, behind the mark of a thought that their prompt has begun."""
    with closing(replies):
        for reply in replies:
            yield replace(reply, text=mark + reply.text) if mark else reply


def _reply_of(now: RemoteText, prefill: str) -> Reply:
    """What a server has written so far, behind what it was to go on with."""
    return Reply(f"{prefill}{now.text}".strip(), now.chunks, thoughts=now.thoughts)


def _note_of(conversation: Conversation, persona: Persona) -> PlacedText:
    """The conversation's note, with the macros that a persona's texts may hold."""
    text = persona.macros(conversation.id, timedelta(seconds=conversation.silence)).expand(conversation.note.text)
    return PlacedText("note", text, depth=conversation.note.depth)


def _last_words(conversation: Conversation) -> str:
    """What the user said last, if nothing was said since."""
    last = conversation.turns[-1:]
    return "\n".join(last[0].messages) if last and last[0].role == "user" else ""
