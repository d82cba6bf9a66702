"""The Chat tab's handlers: bursts get one reply, replies have versions, nothing that was said is lost."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from core.chat.conversation import AuthorsNote, Conversation
from core.chat.engine import Reply
from core.chat.service import ChatService
from core.messages import Turn
from core.personas.activation import activated_entries
from core.personas.lorebook import Lorebook, LorebookEntry
from tabs.talk import replies as replies_module
from tabs.talk.fired import fired
from tabs.talk.handlers import TalkHandlers
from tabs.talk.note import AuthorsNoteHandlers
from tabs.talk.replies import Replies
from tabs.talk.transfer import TransferHandlers
from tabs.talk.versions import VersionHandlers
from tabs.talk.view import NAME_END, OUTPUTS, TYPING, view
from tabs.ui import heartbeat
from tabs.ui.services import Services
from tests.helpers.adapter_tiny import tiny_adapter
from tests.helpers.tab_tiny import KEY, OTHER, Models, owner, services_on, visit
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present, untyped

CANARY = "qzx-canary"


@dataclass(frozen=True)
class Scripted(ChatService):
    """Says its script, reply for reply, a letter at a time; `slow` letters wait for `gate`."""

    script: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def reply(self, setting, conversation, stop, *, prompt=None, go_on=False) -> Iterator[Reply]:
        self.asked.append(present(prompt).text)
        text = self.script.pop(0)
        said, n = "\n".join(conversation.turns[-1].messages) if go_on else "", 0
        for n in range(1, len(text) + 1):
            while text[n - 1] == "|" and not (stop.is_set() or self.gate.wait(0.01)):
                pass
            if stop.is_set():
                yield Reply(said + text[: n - 1].replace("|", ""), n, seed=5)
                return
            yield Reply(said + text[:n].replace("|", ""), n, seed=5)
        yield Reply(said + text.replace("|", ""), n, finished=True, seed=5)

    def on_reply_saved(self, setting, conversation) -> None:
        """Nothing is remembered."""


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("tab-talk") / "base")


@pytest.fixture
def services(tmp_path: Path, base: Path) -> Services:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base)
    made = services_on(tmp_path, base, tokenizer)
    models = Models(base, tokenizer, window=4096)
    old = made.chat
    talk = Scripted(models, *(getattr(old, field.name) for field in fields(old) if field.name != "models"))
    return replace(made, models=models, chat=talk)


@dataclass
class Page:
    """The tab as one browser has it."""

    services: Services
    conversation: str
    key: str = KEY
    pauses: bool = True
    seen: list[dict] = field(default_factory=list)

    def __post_init__(self) -> None:
        replies = Replies(self.services)
        self.handlers, self.acts = TalkHandlers(self.services, replies), VersionHandlers(self.services, replies)

    def run(self, stream: Iterator[tuple]) -> list[list[str]]:
        """The texts of the bubbles at each view of a stream."""
        views = []
        for values in stream:
            if not views and self.pauses:
                self.act("pause")  # as the page does when nothing is typed any more
            shown = dict(zip(OUTPUTS, values, strict=True))
            if isinstance(shown["chat"], gr.Chatbot):
                views.append([part["text"] for message in shown["chat"].value for part in message["content"]])
            elif isinstance(shown["chat"], list):
                views.append([message["content"] for message in shown["chat"]])
        return views

    def send(self, text: str, human: bool = False) -> list[list[str]]:
        return self.run(self.handlers.send(self.key, self.conversation, text, human, visit()))

    def act(self, name: str, *rest: object) -> Any:
        where = self.acts if hasattr(self.acts, name) else self.handlers
        return getattr(where, name)(self.key, self.conversation, *rest, visit())

    @property
    def talk(self) -> Conversation:
        return present(self.services.conversations.get(owner(self.services, self.key), self.conversation))

    @property
    def chat(self) -> Scripted:
        return scripted(self.services)

    def words(self) -> list[str]:
        return [text for turn in self.talk.turns for text in turn.messages]


def scripted(services: Services) -> Scripted:
    assert isinstance(services.chat, Scripted)
    return services.chat


@pytest.fixture
def page(services: Services) -> Page:
    conversation = services.conversations.save(owner(services), services.conversations.new("yui"))
    return Page(services, conversation.id)


def in_thread(work, *args) -> threading.Thread:
    thread = threading.Thread(target=work, args=args)
    thread.start()
    return thread


def until(met, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


def test_a_reply_streams_and_is_kept_with_all_that_made_it(page: Page) -> None:
    page.chat.script[:] = ["うん\nいいよ"]
    views = page.send("行こう <b>")
    assert views[0] == ["行こう <\u2060b>", TYPING] and views[-1] == ["行こう <\u2060b>", "うん", "いいよ"]
    node = page.talk.path[-1]
    metadata = present(node.metadata)
    assert (metadata.model, metadata.seed, metadata.finished) == ("base", 5, True)
    assert present(metadata.sampling)["temperature"] == 0.6
    kept = page.services.conversations.prompt_of(owner(page.services), page.conversation, node.id)
    assert "行こう" in str(kept) and page.chat.asked[0]


def test_several_messages_in_a_row_get_one_reply(page: Page) -> None:
    page.pauses = False
    page.chat.script[:] = ["one", "two", "three"]
    seen: list[list[list[str]]] = [[], [], []]

    def send(n: int) -> None:
        seen[n] = page.send(f"m{n}", human=True)

    threads = []
    for n in range(3):
        threads.append(in_thread(send, n))
        until(lambda n=n: len(page.words()) == n + 1)
    until(lambda: not page.chat.script)
    page.act("pause")
    for thread in threads:
        thread.join(20)
    assert page.words() == ["m0", "m1", "m2", "three"]
    assert all("one" not in view and "two" not in view for views in seen for view in views)
    assert [turn.role for turn in page.talk.turns] == ["user", "assistant"]


def test_a_reply_is_held_until_the_page_reports_a_pause(page: Page) -> None:
    page.pauses = False
    page.chat.script[:] = ["answer"]
    views: list[list[list[str]]] = []
    thread = in_thread(lambda: views.append(page.send("hi", True)))
    until(lambda: page.chat.asked)
    page.act("preview", "more to co")
    assert page.words() == ["hi"] and thread.is_alive()
    page.act("pause")
    thread.join(20)
    assert page.words() == ["hi", "answer"] and views[0][0] == ["hi", TYPING]


def test_a_page_that_never_reports_a_pause_gets_the_reply_in_the_end(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.pauses = False
    monkeypatch.setattr(replies_module, "LONGEST_WAIT", 0.3)
    page.chat.script[:] = ["answer"]
    page.send("hi", human=True)
    assert page.words() == ["hi", "answer"]


def test_who_goes_on_keeps_whole_messages_and_drops_the_half(page: Page) -> None:
    page.chat.script[:] = ["first\nsec|ond", "ok"]
    thread = in_thread(page.send, "hi")
    until(lambda: page.handlers.replies.writing)
    until(lambda: page.chat.asked)
    time.sleep(0.3)
    page.send("wait")
    thread.join(10)
    assert page.words() == ["hi", "first", "wait", "ok"]


def test_stop_keeps_what_is_to_be_seen(page: Page) -> None:
    page.chat.script[:] = ["first\nsec|ond"]
    thread = in_thread(page.send, "hi")
    until(lambda: page.chat.asked)
    time.sleep(0.3)
    page.act("stop")
    thread.join(10)
    assert page.words() == ["hi", "first", "sec"] and not present(page.talk.path[-1].metadata).finished


def test_messages_of_a_reply_come_one_after_another(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies_module, "REDRAW", 0.01)
    page.chat.script[:] = ["a\nb"] * 2
    began = time.monotonic()
    views = page.send("hi", human=True)
    assert time.monotonic() - began > 0.4 and ["hi", "a", TYPING] in views and views[-1] == ["hi", "a", "b"]
    assert ["hi", "a", TYPING] not in page.send("again", human=False)[1:]


def test_another_try_is_a_version_and_arrows_turn_them(page: Page) -> None:
    page.chat.script[:] = ["one", "two", "three\n3"]
    page.send("hi")
    for _ in range(2):
        page.run(page.handlers.retry(KEY, page.conversation, True, visit()))
    assert page.words() == ["hi", "three", "3"]
    values = dict(zip(OUTPUTS, page.act("older", -1), strict=True))
    assert page.words() == ["hi", "two"] and "2 / 3" in values["versions"]
    page.act("newer", -1)
    page.act("newer", -1)
    assert page.words() == ["hi", "one"]
    page.act("older", 0)  # of the user's own words there is one version only
    assert page.words() == ["hi", "one"]


def test_ones_own_words_are_edited_into_a_branch(page: Page) -> None:
    page.chat.script[:] = ["one", "two"]
    page.send("hi")
    event = SimpleNamespace(index=0, value="hello")
    page.run(page.handlers.edit(KEY, page.conversation, False, event, visit()))
    assert page.words() == ["hello", "two"]
    page.act("older", 0)
    assert page.words() == ["hi", "one"]


def test_a_correction_keeps_the_original(page: Page) -> None:
    page.chat.script[:] = ["one\nmore"]
    page.send("hi")
    event = SimpleNamespace(index=(2, 0), value="m<\u2060b>")
    page.run(page.handlers.edit(KEY, page.conversation, False, event, visit()))
    assert page.words() == ["hi", "one", "m<b>"] and page.talk.path[-1].original == ("one", "more")
    with pytest.raises(gr.Error):
        list(page.handlers.edit(KEY, page.conversation, False, SimpleNamespace(index=1, value=" "), visit()))


def test_the_persona_goes_on(page: Page) -> None:
    page.chat.script[:] = ["one", " and on"]
    page.send("hi")
    views = page.run(page.handlers.continue_(KEY, page.conversation, visit()))
    assert page.words() == ["hi", "one and on"] == views[-1]
    assert all(TYPING not in view[-1:] for view in views[1:])


def test_branch_remove_thumb_and_undo(page: Page) -> None:
    page.chat.script[:] = ["one", "two"]
    page.send("hi")
    page.send("and?")
    branch = page.act("branch", 1)
    assert branch != page.conversation
    assert [t.messages for t in present(page.services.conversations.get(owner(page.services), branch)).turns] == [
        ("hi",),
        ("one",),
    ]
    page.acts.thumb(KEY, page.conversation, SimpleNamespace(index=1, liked="Like", value=""), visit())
    assert page.talk.path[1].thumb == "up"
    page.acts.thumb(KEY, page.conversation, SimpleNamespace(index=1, liked="", value=""), visit())
    assert page.talk.path[1].thumb == ""
    page.act("remove", 2)
    assert page.words() == ["hi", "one", "two"]
    values = dict(zip(OUTPUTS, page.act("undo"), strict=True))
    assert values["box"] == "hi" and page.words() == []


def test_a_message_is_chosen_and_let_go(page: Page) -> None:
    page.chat.script[:] = ["one"]
    page.send("hi <i>")
    event = SimpleNamespace(index=0)
    values = dict(zip(OUTPUTS, page.acts.choose(KEY, page.conversation, -1, event, visit()), strict=True))
    assert values["chosen"] == 0 and "hi &lt;i&gt;" in values["versions"]
    values = dict(zip(OUTPUTS, page.acts.choose(KEY, page.conversation, 0, event, visit()), strict=True))
    assert values["chosen"] == -1 and values["versions"] == ""


def test_an_empty_talk_has_nothing_to_act_on(page: Page) -> None:
    for name in ("older", "newer", "remove", "branch"):
        with pytest.raises(gr.Error, match="もうありません"):
            page.act(name, -1)


def test_a_strangers_talk_is_out_of_reach(page: Page) -> None:
    stranger = Page(page.services, page.conversation, key=OTHER)
    for name in ("older", "branch", "remove"):
        with pytest.raises(gr.Error):
            stranger.act(name, -1)
    with pytest.raises(gr.Error):
        stranger.send("hi")


def test_a_limit_is_told_before_anything_is_said(page: Page) -> None:
    page.services.chat.rate_limiter.replies.each = 1
    page.chat.script[:] = ["one"]
    page.send("hi")
    with pytest.raises(gr.Error, match="1 分間の返事は 1 回"):
        page.send("again")
    assert page.words() == ["hi", "one"]


def test_a_chat_is_saved_and_brought_back(page: Page, services: Services) -> None:
    page.chat.script[:] = ["one\ntwo"]
    page.send("hi")
    files = TransferHandlers(page.services)
    for write in (files.as_text, files.as_lines, files.as_messages):
        path = Path(write(KEY, page.conversation, visit()))
        upload = services.workspace.cache() / path.name
        upload.write_bytes(path.read_bytes())
        found = Page(page.services, files.bring(KEY, page.conversation, str(upload), visit()))
        assert found.conversation != page.conversation and found.words() == ["hi", "one", "two"]


def test_of_a_long_talk_the_end_is_drawn_and_the_rest_when_asked(page: Page) -> None:
    talk = page.talk
    for n in range(450):
        talk = talk.said("user" if n % 2 else "assistant", f"m{n}")
    page.services.conversations.save(owner(page.services), talk)

    def drawn(values: tuple[Any, ...]) -> tuple[int, str, bool]:
        shown = dict(zip(OUTPUTS, values, strict=True))
        messages = [part["text"] for message in shown["chat"].value for part in message["content"]]
        return len(messages), messages[0], shown["earlier"].visible

    assert drawn(page.handlers.open_talk(KEY, page.conversation, visit())[2:]) == (250, "m200", True)
    page.acts.thumb(KEY, page.conversation, SimpleNamespace(index=2, liked=True), visit())  # counted from what is drawn
    assert page.talk.node_at(202)[0].thumb == "up" and page.talk.node_at(2)[0].thumb == ""
    chosen = dict(zip(OUTPUTS, page.acts.choose(KEY, page.conversation, -1, SimpleNamespace(index=2), visit()),
                      strict=True))  # fmt: skip
    assert chosen["chosen"] == 202 and "m202" in chosen["versions"]
    page.chat.script[:] = ["ok"]
    event = SimpleNamespace(index=1, value="edited")
    views = page.run(page.handlers.edit(KEY, page.conversation, False, event, visit()))
    assert page.words()[-2:] == ["edited", "ok"] and len(page.words()) == 203 and views[-1][-1] == "ok"
    page.services.conversations.save(owner(page.services), talk)
    assert drawn(page.act("show_earlier")) == (450, "m0", False)


def test_everybody_of_a_group_is_named_above_their_words(page: Page) -> None:
    talk = page.talk.said("user", "hi").said("user", "me <b>too</b>", name="Tom").said("assistant", "hello")
    talk = page.services.conversations.save(owner(page.services), talk)
    shown = untyped(view(talk))
    assert [message["role"] for message in shown] == ["user", "assistant", "assistant"]
    assert shown[1]["content"].startswith(f"Tom{NAME_END}me <") and "<b" not in shown[1]["content"]
    page.chat.script[:] = ["ok"]
    edited = SimpleNamespace(index=1, value=shown[1]["content"] + "!")
    page.run(page.handlers.edit(KEY, page.conversation, False, edited, visit()))
    assert [(node.name, node.messages) for node in page.talk.path[1:]] == [("Tom", ("me <b>too</b>!",)), ("", ("ok",))]


def test_a_note_is_kept_and_seen_while_a_reply_is_written(page: Page) -> None:
    notes = AuthorsNoteHandlers(page.services, page.handlers.replies)
    page.chat.script[:] = ["one"]
    stream = page.handlers.send(KEY, page.conversation, "hi", False, visit())
    next(stream)
    notes.keep(KEY, page.conversation, " It rains. ", 2, visit())
    page.run(stream)
    assert page.talk.note == AuthorsNote("It rains.", 2) and page.words() == ["hi", "one"]
    assert notes.show(KEY, page.conversation, visit()) == ("It rains.", 2)
    assert notes.keep(KEY, page.conversation, "", None, visit()) is not None and not page.talk.note.text


def test_what_came_to_mind_is_told_with_its_reason() -> None:
    book = Lorebook((LorebookEntry(("<b>tea",), "x", name="Tea"), LorebookEntry((), "Always <i>here", constant=True)))
    html = fired(activated_entries(book, [Turn("user", ("<b>tea",))]), "en")
    assert "<b>Tea</b>" in html and "“&lt;b&gt;tea” came up" in html and "Always &lt;i&gt;here" in html
    assert fired((), "ja") == ""


# Other people


def test_a_reply_on_its_way_and_adapters_names_reach_nobody_else(
    services: Services, base: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Planted by one, looked for in all that another sees meanwhile and after, and in what the server logs."""
    caplog.set_level("DEBUG")
    tiny_adapter(services.workspace.place(owner(services, KEY), "adapters", CANARY), base)
    scripted(services).script[:] = [f"{CANARY} now|{CANARY} later"]
    mine, theirs = (
        Page(services, services.chat.open_conversation(owner(services, key), "en").id, key) for key in (KEY, OTHER)
    )
    views: list[list[list[str]]] = []
    sending = threading.Thread(target=lambda: views.append(mine.send("hello")))
    sending.start()
    deadline = time.monotonic() + 20
    while not scripted(services).asked and time.monotonic() < deadline:
        time.sleep(0.01)
    me, other, seen = owner(services, KEY), owner(services, OTHER), []
    for _ in range(3):
        seen += [theirs.act("open_talk"), theirs.talk, services.conversations.get(other, mine.conversation)]
        seen += [heartbeat.changes(services, other), services.adapters.list_all(other)]
        scripted(services).gate.set()
        sending.join(20)
    assert CANARY in repr(views) and CANARY in repr(services.adapters.list_all(me))
    assert CANARY not in repr(seen) and CANARY not in caplog.text
