"""The same words to several columns, which differ by model, adapter, persona, prompt template or sampling."""

import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from core.chat.conversation import Conversation
from core.chat.engine import Reply
from core.chat.service import REMOTE_TEMPLATE, ChatContext, ChatService, resolve_prompt_config
from core.data.preferences import Pair, words
from core.errors import InputError
from core.messages import Turn
from core.models.sampling import PRESETS

MOST_COLUMNS = 4
REMOTE = "remote"


@dataclass(frozen=True)
class SideColumn:
    """Who answers in one column, and how they are asked."""

    speaker: str = ""
    """Name of an adapter, "" for the base model, REMOTE for the server's model that the visitor connected."""
    persona: str = ""
    """Id of a persona; "" for that of the adapter, or of the first adapter beside it."""
    template: str = ""
    """Name of a chat template; "" for the one it was trained with, or the model's own."""
    mood: str = ""
    """One of PRESETS; "" for the persona's own sampling."""


@dataclass(frozen=True)
class SaidInColumn:
    """What a column says, so far or at last."""

    column: int
    messages: tuple[str, ...]
    finished: bool = False


def speak(
    chat: ChatService, owner: str, language: str, columns: Sequence[SideColumn], asked: str, stop: threading.Event
) -> Generator[SaidInColumn, None, None]:
    """The replies as they grow, column after column: one model speaks at a time. Memory has no part in it.

    Raises InputError for no words or wrong columns, and what a model raises.
    """
    text = chat.rate_limiter.check(asked)
    if not text:
        raise InputError("Write something first.", "先に何か書いてください。")
    if not 2 <= len(columns) <= MOST_COLUMNS:
        raise InputError(f"Choose 2 to {MOST_COLUMNS} columns.", f"列は 2 〜 {MOST_COLUMNS} つ選んでください。")
    if len(set(columns)) < len(columns):
        raise InputError("Two columns are the same. Change one of them.",
                         "同じ列があります。どちらかを変えてください。")  # fmt: skip
    for number, column in enumerate(columns):
        context = context_of(chat, owner, language, column, like=spoken_like(columns))
        conversation = Conversation("side by side", column.persona).said("user", text)
        last = Reply("", 0)
        for last in chat.reply(context, conversation, stop):
            yield SaidInColumn(number, tuple(chat.messages_of(context, last.text)))
            if stop.is_set():
                return
        yield SaidInColumn(number, tuple(chat.messages_of(context, last.text)), finished=True)


def spoken_like(columns: Sequence[SideColumn]) -> str:
    """The adapter whose persona the columns without one of their own have: the first; "" where there is none."""
    return next((one.speaker for one in columns if one.speaker not in ("", REMOTE)), "")


def context_of(chat: ChatService, owner: str, language: str, column: SideColumn, *, like: str = "") -> ChatContext:
    """What a column is held with; `like` is an adapter whose persona it has where nothing else says one.

    Raises InputError where its adapter or its server is gone.
    """
    loaded = chat.models.current()
    adapter = chat.adapters.get(owner, column.speaker) if column.speaker not in ("", REMOTE) else None
    chosen = chat.persona(owner, column.persona, adapter.name if adapter else like, language)
    persona = chosen.talking_with(chat.profiles.get(owner)).with_macros_expanded("side by side")
    sampling = PRESETS.get(column.mood, persona.sampling)
    if column.speaker == REMOTE:
        remote = chat.remotes.of(owner)
        if remote is None:
            raise InputError("No server is connected any more. Connect it in Chat.",
                             "サーバーがつながっていません。「話す」でつないでください。")  # fmt: skip
        config = persona.prompt_config(remote.context, template=column.template or REMOTE_TEMPLATE)
        return ChatContext(owner, loaded, replace(config, parts=()), sampling, None, False, remote)
    config, differs = resolve_prompt_config(persona, adapter, loaded.context)
    if column.template:
        config = replace(config, template=column.template)
    return ChatContext(owner, loaded, replace(config, parts=()), sampling, adapter, differs)


def preferred(
    columns: Sequence[SideColumn], said: Sequence[Sequence[str]], chosen: int, asked: str, personas: Sequence[str]
) -> list[Pair]:
    """The pairs that a choice gives: the chosen reply before every other that differs and is of the same persona.

    A pair is kept for each adapter that spoke in it; `personas` are the names of who spoke in each column.
    """
    pairs = []
    for number, other in enumerate(said):
        if number == chosen or words(other) in ("", words(said[chosen])) or personas[number] != personas[chosen]:
            continue
        speakers = {columns[at].speaker for at in (chosen, number)} - {"", REMOTE}
        pairs += [
            Pair((Turn("user", (asked,)),), tuple(said[chosen]), tuple(other), adapter=name, persona=personas[chosen])
            for name in sorted(speakers) or [""]
        ]
    return pairs
