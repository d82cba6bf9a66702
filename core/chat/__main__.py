"""Talk with a persona from a terminal or a pipe, without the page.

    python -m core.chat                                          the first built-in persona and the small model
    python -m core.chat --persona yui --model Qwen/Qwen3-0.6B --adapter path/to/adapter
    echo "こんにちは" | python -m core.chat --once --json
    python -m core.chat --persona yui --persona socrates --json --alone 6

In a terminal replies appear as they are written; Ctrl-C stops one, Ctrl-D ends. From a pipe every line is a message,
or with --once the whole text is one. With --json each reply is one line: the messages, and how they were made. With
several personas each line names its "speaker"; --order says who speaks next, and --alone lets them go on among
themselves after each message. Nothing is stored and nothing remembered. What cannot be used is one sentence on standard
error and exit status 2.
"""

import argparse
import json
import locale
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TextIO

from core.adapters.store import Adapter, Adapters
from core.chat.context import ChatContext, resolve_prompt_config
from core.chat.conversation import Conversation
from core.chat.engine import Engine, Reply
from core.chat.group import MOST_ALONE, ORDERS, Group, Member, next_speaker
from core.chat.service import ChatService
from core.chat.store import Conversations
from core.chat.viewpoint import said_in
from core.errors import AppError, InputError
from core.memory.memory import Memory
from core.memory.write.generate import write_texts
from core.models.loading import ModelStore
from core.personas import Persona, Personas, built_in
from core.personas.find import find_persona
from core.settings import Settings, wait_briefly
from core.text import speak_utf8
from core.workspace import Workspace

OWNER = "login-terminal"


def main(arguments: Sequence[str] | None = None) -> int:
    """Talk until the input ends; returns the exit status."""
    wait_briefly()
    speak_utf8(sys.stdin, sys.stdout, sys.stderr)
    options = _options(arguments)
    try:
        with tempfile.TemporaryDirectory() as nowhere:
            if len(options.persona) > 1:
                hold_group(*begin_group(options, Path(nowhere)), options)
            else:
                hold(*begin(options, Path(nowhere)), options)
    except AppError as error:
        print(error.text.in_language(options.language), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.chat", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--persona", action="append", default=[], metavar="PERSONA",
                        help="the id of a built-in one, or a card (PNG, JSON); several make a group")  # fmt: skip
    parser.add_argument("--order", choices=[order for order in ORDERS if order != "hand"], default="named",
                        help="who of a group speaks next: who was named, each in turn, an order that is drawn "
                             "with the seed anew for each round, or the more talkative ones")  # fmt: skip
    parser.add_argument("--interrupts", action="store_true", help="in a group others cut in now and then")
    parser.add_argument("--alone", type=int, default=0, metavar="N",
                        help=f"replies of a group among themselves after the first, at most {MOST_ALONE}")  # fmt: skip
    parser.add_argument("--model", default="", help="a Hub id or a folder; without it, the one that comes with the app")
    parser.add_argument("--adapter", type=Path, help="a folder of an adapter, asked as it was trained")
    parser.add_argument("--once", nargs="?", const="", metavar="TEXT",
                        help="one message, TEXT or all of the input, and one reply")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="each reply as one line of JSON")
    parser.add_argument("--seed", type=int, help="draw the same words again")
    japanese = (locale.getlocale()[0] or "").lower().startswith("ja")
    parser.add_argument("--language", choices=("ja", "en"), default="ja" if japanese else "en",
                        help="of the built-in personas and of what goes wrong")  # fmt: skip
    return parser.parse_args(arguments)


def begin(options: argparse.Namespace, nowhere: Path) -> tuple[ChatService, ChatContext, Conversation]:
    """Everything a talk needs. Raises AppError for a persona, an adapter or a model that cannot be used."""
    adapter = Adapter.read(options.adapter) if options.adapter else None
    persona = _seeded(persona_of("".join(options.persona[:1]), adapter, options.language), options.seed)
    talk = _service(options.model, nowhere)
    loaded, conversations = talk.models.current(), talk.conversations
    conversation = conversations.new(persona.id)
    expanded = persona.with_macros_expanded(conversation.id)
    prompt_config, differs = resolve_prompt_config(expanded, adapter, loaded.context)
    setting = ChatContext(OWNER, loaded, prompt_config, expanded.sampling, adapter, differs, lorebook=expanded.book,
                          placed=expanded.placed)  # fmt: skip
    return talk, setting, conversation.opened(expanded.greeting)


def begin_group(options: argparse.Namespace, nowhere: Path) -> tuple[ChatService, Conversation]:
    """Everything a talk of several needs. Raises AppError for personas or a model that cannot be used."""
    if options.adapter:
        raise InputError(
            f"--adapter {options.adapter} cannot be used with several personas. Leave it out, or name one persona.",
            f"複数の人格と話すときは --adapter（{options.adapter}）を使えません。外すか、人格を一つにしてください。",
        )
    found = [_seeded(find_persona(wanted, options.language), options.seed) for wanted in options.persona]
    talk, group = (
        _service(options.model, nowhere),
        Group(order=options.order, seed=options.seed or 0, interrupts=options.interrupts),
    )
    for persona in found:
        kept = talk.personas.save(OWNER, replace(persona, id=""))
        member = Member(kept.id, kept.name, talkativeness=persona.talkativeness)
        group = group.with_member(member, kept.user)
    return talk, talk.conversations.new(group.members[0].persona).with_group(group)


def _seeded(persona: Persona, seed: int | None) -> Persona:
    return persona if seed is None else replace(persona, sampling=replace(persona.sampling, seed=seed))


def _service(model: str, nowhere: Path) -> ChatService:
    models = ModelStore(Settings.from_env().model)
    models.start(model)
    _wait(models)
    workspace = Workspace(nowhere)
    return ChatService(models, Engine(models), Personas(workspace), Adapters(workspace), Conversations(workspace),
                       Memory(workspace, partial(write_texts, models)))  # fmt: skip


def _wait(models: ModelStore) -> None:
    """Until the model is there; a terminal shows how far it has come. Raises what went wrong."""
    while True:
        try:
            status = models.wait(0.5)
            break
        except TimeoutError:
            status = models.status
            if sys.stderr.isatty():
                done = "…" if status.fraction is None else f" {status.fraction:.0%}"
                print(f"\r{status.name}: {status.state}{done}   ", end="", file=sys.stderr, flush=True)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    if status.error:
        raise status.error


def persona_of(wanted: str, adapter: Adapter | None, language: str) -> Persona:
    """The persona of that id or card; the adapter's own where none is wanted; else the first built-in one."""
    if not wanted and adapter and adapter.prompt_config:
        own = adapter.prompt_config
        return Persona(own.persona, own.description, user=own.user, examples=own.examples)
    return find_persona(wanted, language) if wanted else built_in(language)[0]


def hold(talk: ChatService, setting: ChatContext, conversation: Conversation, options: argparse.Namespace) -> None:
    """Read messages and answer each, until there are no more."""
    live = sys.stdin.isatty() and options.once is None
    if live and conversation.turns and not options.json:
        print("\n".join(conversation.turns[-1].messages))
    for message in _messages(options.once, live, "" if options.json else "> "):
        asked = conversation.said("user", talk.rate_limiter.check(message))
        if asked is conversation:  # nothing was said
            continue
        stream = sys.stdout if sys.stdout.isatty() and not options.json else None
        try:
            words, line = _answered(talk, setting, asked, message, stream)
        except AppError as error:
            if not live:
                raise
            print(error.text.in_language(options.language), file=sys.stderr)
            continue
        conversation = asked.said("assistant", *words)
        if options.json:
            print(json.dumps(line, ensure_ascii=False), flush=True)
        elif stream is None:
            print("\n".join(words), flush=True)


def hold_group(talk: ChatService, conversation: Conversation, options: argparse.Namespace) -> None:
    """Read messages; after each, one of the group answers, and as many more as may go on among themselves."""
    live = sys.stdin.isatty() and options.once is None
    for message in _messages(options.once, live, "" if options.json else "> "):
        conversation = conversation.said("user", talk.rate_limiter.check(message))
        said = message
        for _ in range(1 + min(max(options.alone, 0), MOST_ALONE)):
            member = next_speaker(conversation.group, said_in(conversation))
            assert member, "an order by hand is not offered here"
            view = talk.seen_by(OWNER, conversation, member, options.language)
            setting = talk.context(OWNER, view, options.language, remembers=False)
            words, line = _answered(talk, setting, view, said)
            conversation = conversation.said("assistant", *words, name=member.name)
            if options.json:
                print(json.dumps({"speaker": member.name} | line, ensure_ascii=False), flush=True)
            else:
                print("\n".join(f"{member.name}: {text}" for text in words), flush=True)
            said = ""


def _answered(
    talk: ChatService, setting: ChatContext, asked: Conversation, said: str, stream: TextIO | None = None
) -> tuple[list[str], dict[str, object]]:
    """(a reply's messages, its line of JSON)."""
    began, prompt = time.monotonic(), talk.prompt(setting, asked)
    reply = _written(talk, setting, asked, stream)
    words = talk.messages_of(setting, reply.text)
    about = {"tokens": reply.tokens, "finished": reply.finished, "seed": reply.seed, "fault": reply.fault,
             "prompt_tokens": prompt.tokens_by_part(), "left_out": dict(prompt.left_out),
             "seconds": round(time.monotonic() - began, 3)}  # fmt: skip
    return words, {"said": said, "messages": words} | about


def _messages(once: str | None, live: bool, mark: str) -> Iterator[str]:
    """What is said, one message at a time."""
    if once is not None:
        yield once or sys.stdin.read()
    elif live:
        with suppress(EOFError):
            while True:
                yield input(mark)
    else:
        yield from (line.rstrip("\n") for line in sys.stdin)


def _written(talk: ChatService, setting: ChatContext, asked: Conversation, to: TextIO | None) -> Reply:
    """The whole reply; as it grows, it is written `to`. Ctrl-C ends it, and what is there stays."""
    stop, reply, shown = threading.Event(), Reply("", 0), ""

    def show(text: str) -> None:
        nonlocal shown
        if to and text != shown:
            # Another attempt begins anew, on a line of its own.
            to.write(text[len(shown) :] if text.startswith(shown) else f"\n{text}")
            to.flush()
            shown = text

    try:
        for reply in talk.reply(setting, asked, stop):
            show("\n".join(talk.messages_of(setting, reply.text)))
    except KeyboardInterrupt:
        stop.set()
        if to is None:
            raise
    if to:
        print(file=to)
    return reply


if __name__ == "__main__":
    sys.exit(main())
