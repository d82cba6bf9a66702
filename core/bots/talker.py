"""How a bot talks: it lets people finish, answers in bubbles, says that it is an AI, and remembers each for themselves.

A webhook has to be answered within a second or so, so what is heard only goes into the chat's own line here. One
thread a chat takes it from there, and ends when nothing more is waiting.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from core.bots.channel import BotEvent, Channel
from core.bots.store import Bot
from core.chat.conversation import Conversation
from core.chat.limits import replies_counter
from core.chat.service import ChatService
from core.errors import AppError, HubError
from core.files import remove_folder
from core.limits import Counter, TooOftenError
from core.owners import end_user
from core.serve.model_names import find_model
from core.text import Text, language_of

log = logging.getLogger(__name__)
REMEMBERED_EVENTS = 10_000
FORGET = ("/forget", "/忘れて")
AN_AI = Text(
    "I am an AI that talks as “{name}”, not a person. Send /forget and I forget all that you told me.",
    "わたしは「{name}」として話す AI で、本人ではありません。「/忘れて」と送ると、話したことをすべて忘れます。",
)
FORGOTTEN = Text("I have forgotten all that you told me.", "話してくれたことを、すべて忘れました。")
WORDS_ONLY = Text("I can read words only.", "ごめんなさい、読めるのは文字だけです。")
NOT_NOW = Text(
    "I cannot answer right now. Please try again later.", "いまは返事ができません。少ししてから、また送ってください。"
)


@dataclass
class _Line:
    """What is waiting in one chat."""

    waiting: list[BotEvent] = field(default_factory=list)
    last: float = 0.0
    working: bool = False


@dataclass
class BotTalker:
    """Hears and answers for all bots of the server."""

    talk: ChatService
    channel_of: Callable[[Bot], Channel]
    quiet: float = 2.5
    """Seconds without another message, after which somebody has finished."""
    longest_wait: float = 12.0
    pace: Callable[[float], None] = time.sleep
    """Waits as long as somebody would type."""
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _lines: dict[str, _Line] = field(default_factory=dict)
    _counters: dict[str, Counter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_idle(self) -> bool:
        """Whether everything that was heard is answered."""
        return not self._lines

    def hear(self, bot: Bot, heard: BotEvent) -> None:
        """Take up something heard, and return at once. What was delivered before is passed over."""
        if heard.group and heard.kind in ("text", "other") and not heard.to_bot:
            return  # what a group says among themselves is neither answered nor kept
        with self._lock:
            if f"{bot.id} {heard.event}" in self._seen:
                return
            self._seen[f"{bot.id} {heard.event}"] = None
            while len(self._seen) > REMEMBERED_EVENTS:
                self._seen.popitem(last=False)
            key = f"{bot.id} {heard.chat}"
            line = self._lines.setdefault(key, _Line())
            line.waiting.append(heard)
            line.last = time.monotonic()
            if line.working:
                return
            line.working = True
        threading.Thread(target=self._work, args=(bot, key, line), name=f"bot {bot.id}", daemon=True).start()

    def _work(self, bot: Bot, key: str, line: _Line) -> None:
        """Answer until nothing is waiting."""
        channel = self.channel_of(bot)
        while True:
            self._let_finish(line)
            with self._lock:
                batch, line.waiting = line.waiting, []
                if not batch:
                    del self._lines[key]
                    return
            try:
                self._answer(bot, channel, line, batch)
            except Exception:
                log.exception("a bot could not answer")

    def _let_finish(self, line: _Line) -> None:
        until = time.monotonic() + self.longest_wait
        while line.waiting and (left := min(line.last + self.quiet, until) - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def _answer(self, bot: Bot, channel: Channel, line: _Line, batch: list[BotEvent]) -> None:
        """One answer to all that was said in a row."""
        last = batch[-1]
        guest = end_user(bot.owner, f"bot {bot.id}", last.chat)
        said = [heard.text for heard in batch if heard.kind == "text" and heard.text]
        language = language_of(*said) if said else bot.language
        if last.kind == "left" or any(text.strip() in FORGET for text in said):
            self._forget(guest)
            if last.kind != "left":
                channel.reply(last, [FORGOTTEN.in_language(language)])
            return
        try:
            bubbles, pauses = self._bubbles(bot, channel, line, guest, said, last, language)
        except TooOftenError as error:
            bubbles, pauses = [error.text.in_language(language)], [0.0]
        except AppError as error:
            log.warning("a bot could not answer: %s", error.en)
            bubbles, pauses = [NOT_NOW.in_language(language)], [0.0]
        if bubbles:
            self._send(bot, channel, last, bubbles, pauses)

    def _bubbles(
        self, bot: Bot, channel: Channel, line: _Line, guest: str, said: list[str], last: BotEvent, language: str
    ) -> tuple[list[str], list[float]]:
        """(what is to be said, seconds before each); nothing where more was said meanwhile, which then is answered."""
        conversation, begins = self._conversation(bot, guest, language, greets=not said)
        setting = self.talk.context(bot.owner, conversation, language, guest=guest, remembers=bot.memory)
        name = setting.prompt_config.persona
        first = [AN_AI.in_language(language).format(name=name)] if begins else []
        if not said:
            greeting = [text for turn in conversation.turns for text in turn.messages] if begins else []
            more = [WORDS_ONLY.in_language(language)] if last.kind == "other" else greeting
            self.talk.conversations.save(guest, conversation)
            return [*first, *more], [0.0] * (len(first) + len(more))
        self._counters.setdefault(bot.id, replies_counter(bot.per_minute)).acquire(guest)
        self.talk.rate_limiter.acquire(bot.owner)
        with suppress(HubError):  # the reply matters more
            channel.show_typing(last)
        asked = conversation.said("user", *map(self.talk.rate_limiter.check, said), time=time.time())
        stop, text = threading.Event(), ""
        for reply in self.talk.reply(setting, asked, stop):
            text = reply.text
            if line.waiting:
                stop.set()
        if line.waiting:  # more was said meanwhile: all of it is answered together
            self._put_back(line, said, last)
            return [], []
        words = self.talk.messages_of(setting, text)
        answered = asked.said("assistant", *words, time=time.time())
        self.talk.conversations.save(guest, answered)
        self.talk.adapters.workspace.seen(guest)
        self.talk.adapters.workspace.seen(bot.owner)
        if bot.memory and words:
            self.talk.on_reply_saved(setting, answered)
        pauses = [setting.typing_speed.before(word) for word in words]
        return [*first, *words], [0.0] * len(first) + pauses

    def _put_back(self, line: _Line, said: list[str], last: BotEvent) -> None:
        with self._lock:
            line.waiting[:0] = [BotEvent("text", last.event, last.chat, text, last.group, True, last.reply_token)
                                for text in said]  # fmt: skip

    def _conversation(self, bot: Bot, guest: str, language: str, *, greets: bool) -> tuple[Conversation, bool]:
        """(the talk with this person, whether it begins now); another persona than before begins another talk."""
        model = find_model(self.talk, bot.owner, bot.model, language)
        for talk in self.talk.conversations.list_all(guest, most=20):
            if (talk.persona, talk.adapter) == (model.persona, model.adapter):
                return talk, False
        chosen = self.talk.persona(bot.owner, model.persona, model.adapter, language)
        talk = self.talk.conversations.new(model.persona, model.adapter)
        expanded = chosen.talking_with(self.talk.profiles.get(guest)).with_macros_expanded(talk.id)
        return talk.opened(expanded.greeting) if greets else talk, True

    def _send(self, bot: Bot, channel: Channel, last: BotEvent, bubbles: list[str], pauses: list[float]) -> None:
        if not bot.push or len(bubbles) == 1:
            return channel.reply(last, bubbles)
        channel.reply(last, bubbles[:1])
        for bubble, pause in zip(bubbles[1:], pauses[1:], strict=True):
            self.pace(pause)
            channel.push(last, bubble)

    def _forget(self, guest: str) -> None:
        """Remove all that is kept of somebody."""
        self.talk.memory.tasks.drop(f"{guest}/")
        if (folder := self.talk.adapters.workspace.owner_folder(guest)).is_dir():
            remove_folder(folder)
