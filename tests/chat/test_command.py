"""`python -m core.chat`: a persona that answers from a terminal, a pipe, or a script."""

import io
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.adapters.store import Adapter
from core.chat import __main__ as command
from core.chat.context import resolve_prompt_config
from core.chat.conversation import Conversation
from core.chat.engine import Reply
from core.chat.limits import RateLimiter
from core.files import write_json
from core.personas import Persona
from core.prompt import Prompt, PromptConfig, Segment

MIKA = PromptConfig("Mika", "You are Mika.", user="Ken", template="chatml", context_window=128, reply_reserve=16)


class Echo:
    """A Talk whose persona repeats what is said, in two messages; "again" makes it try twice, "stop" interrupts."""

    rate_limiter = RateLimiter(longest=50)

    def prompt(self, setting: object, conversation: Conversation) -> Prompt:
        texts = [text for turn in conversation.turns for text in turn.messages]
        pieces = tuple(Segment("turns", text, n, n + 1) for n, text in enumerate(texts))
        return Prompt(tuple(range(len(texts))), (False,) * len(texts), pieces, 64)

    def reply(self, setting: object, conversation: Conversation, stop: threading.Event) -> Iterator[Reply]:
        words = conversation.turns[-1].messages[-1]
        if words == "again":
            yield Reply("aaaa", 1)
        yield Reply("you", 1)
        yield Reply("you said", 2)
        if words == "stop":
            raise KeyboardInterrupt
        yield Reply(f"you said\n{words}", 3, finished=True, seed=7)

    def messages_of(self, setting: object, reply: str) -> list[str]:
        return reply.split("\n")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs the command with `text` as its input: (status, output, errors)."""

    def run(text: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))
        status = command.main([*arguments, "--language", "en"])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command talks with Echo, which greets."""
    greeted = Conversation("1-1", "", "").opened("welcome")
    monkeypatch.setattr(command, "begin", lambda options, nowhere: (Echo(), SimpleNamespace(), greeted))


def terminal(text: str) -> io.StringIO:
    """A stream at which a person sits."""
    stream = io.StringIO(text)
    stream.isatty = lambda: True
    return stream


@pytest.mark.usefixtures("echo")
def test_every_line_of_a_pipe_is_answered(said) -> None:
    assert said("hello\n\nand you?\n") == (0, "you said\nhello\nyou said\nand you?\n", "")
    status, out, _ = said("hello\n\nand you?\n", "--json")
    first, second = map(json.loads, out.splitlines())
    assert status == 0 and (first["said"], first["messages"]) == ("hello", ["you said", "hello"])
    assert (first["tokens"], first["finished"], first["seed"]) == (3, True, 7)
    assert (first["prompt_tokens"]["turns"], second["prompt_tokens"]["turns"]) == (2, 5)  # the talk goes on


@pytest.mark.usefixtures("echo")
def test_once_takes_all_of_the_input_or_the_text_given(said) -> None:
    answers = said("one\ntwo\n", "--json", "--once")[1].splitlines()
    assert [json.loads(answer)["said"].split() for answer in answers] == [["one", "two"]]
    assert said("not read", "--once", "hi") == (0, "you said\nhi\n", "")


@pytest.mark.usefixtures("echo")
def test_what_may_not_be_said_is_one_sentence(said) -> None:
    status, out, err = said("x" * 60)
    assert status == 2 and not out and err.count("\n") == 1 and "60 characters" in err


@pytest.mark.usefixtures("echo")
def test_a_terminal_sees_the_reply_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = terminal("")
    monkeypatch.setattr(sys, "stdin", terminal("hi\nagain\nstop\n"))
    monkeypatch.setattr(sys, "stdout", shown)
    assert command.main(["--language", "en"]) == 0
    assert shown.getvalue() == (
        "welcome\n> you said\nhi\n"
        "> aaaa\nyou said\nagain\n"  # another attempt stands on a line of its own
        "> you said\n"  # stopped: what is there stays, and the talk goes on
        "> "
    )


def test_an_adapter_is_asked_as_it_was_trained(tmp_path: Path) -> None:
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        (tmp_path / name).write_text("{}", encoding="utf-8")
    write_json(tmp_path / "prompt_config.json", MIKA.to_json())
    adapter = Adapter.read(tmp_path)
    persona = command.persona_of("", adapter, "en")
    prompt_config, differs = resolve_prompt_config(persona, adapter, 1024)
    assert not differs and (prompt_config.template, prompt_config.context_window, prompt_config.parts) == (
        "chatml",
        128,
        (),
    )
    other, differs = resolve_prompt_config(Persona("Rin", "Rin is short."), adapter, 64)
    assert differs and (other.persona, other.template, other.context_window, other.parts) == ("Rin", "chatml", 64, ())


def test_a_character_card_is_a_persona(tmp_path: Path) -> None:
    card = {"name": "Rin", "description": "Rin is short.", "personality": "", "scenario": "", "first_mes": "",
            "mes_example": ""}  # fmt: skip
    (tmp_path / "rin.json").write_text(json.dumps(card), encoding="utf-8")
    assert command.persona_of(str(tmp_path / "rin.json"), None, "en").name == "Rin"
    assert command.persona_of("socrates", None, "ja").name == "ソクラテス"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(("--persona", "nobody"), "“nobody” is neither a persona nor a file"), (("--adapter", "nowhere"), "“nowhere”"),
     (("--model", "no model at all"), "no model at all")],
)  # fmt: skip
def test_what_cannot_be_used_is_one_sentence(said, arguments: tuple[str, str], sentence: str) -> None:
    status, out, err = said("hi", *arguments)
    assert status == 2 and not out and sentence in err and "Traceback" not in err


@pytest.mark.slow
def test_the_model_of_the_app_answers(said) -> None:
    status, out, _ = said("hello there", "--once", "--json", "--seed", "3")
    answer = json.loads(out)
    assert status == 0 and answer["seed"] in (3, 4, 5) and answer["messages"]
    assert answer["prompt_tokens"]["persona"] > 0


def test_an_adapter_answers_for_one_persona_only(said) -> None:
    status, out, err = said("hi", "--persona", "yui", "--persona", "socrates", "--adapter", "some/folder")
    assert status == 2 and not out and "some/folder cannot be used with several personas" in err


@pytest.mark.slow
def test_a_group_goes_on_among_itself(said) -> None:
    group = ("--persona", "yui", "--persona", "socrates", "--persona", "helper")
    status, out, _ = said("hello there", "--once", "--json", "--seed", "3", "--order", "round", "--alone", "5", *group)
    lines = list(map(json.loads, out.splitlines()))
    assert status == 0 and len(lines) == 6 and lines[0]["said"] == "hello there"
    speakers = [line["speaker"] for line in lines]
    assert speakers[:3] == speakers[3:] and len(set(speakers)) == 3
    assert all(line["prompt_tokens"]["persona"] > 0 for line in lines)
