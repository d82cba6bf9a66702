"""The Chat tab's handlers: bursts get one reply, replies have versions, nothing that was said is lost."""

import re
import threading
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, fields, replace
from html import unescape
from pathlib import Path
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
from tabs.talk.acts import ActHandlers
from tabs.talk.bubbles import TYPING
from tabs.talk.fired import fired
from tabs.talk.handlers import TalkHandlers
from tabs.talk.note import AuthorsNoteHandlers
from tabs.talk.replies import Replies
from tabs.talk.transfer import TransferHandlers
from tabs.talk.view import OUTPUTS
from tabs.ui import heartbeat
from tabs.ui.services import Services
from tests.helpers.adapter_tiny import tiny_adapter
from tests.helpers.tab_tiny import KEY, OTHER, Models, owner, services_on, visit
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present, untyped

CANARY = "qzx-canary"
BUBBLE = re.compile(r'<div class="message (?:bot|user)[^"]*">(.*?)</div>', re.DOTALL)


def bubbles(html: str) -> list[str]:
    """The words of the bubbles in a part of the page."""
    return [unescape(re.sub(r"<[^>]+>", "", found)) for found in BUBBLE.findall(html)]


@dataclass(frozen=True)
class Scripted(ChatService):
    """Says its script, reply for reply, a letter at a time; `slow` letters wait for `gate`."""

    script: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def reply(self, setting, conversation, stop, *, prompt=None, go_on=False) -> Generator[Reply, None, None]:
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
    last: dict = field(default_factory=dict)
    opened: Any = None

    def __post_init__(self) -> None:
        replies = Replies(self.services)
        self.handlers = TalkHandlers(self.services, replies)
        self.acts = ActHandlers(self.services, replies, self.handlers)

    def run(self, stream: Iterator[tuple]) -> list[list[str]]:
        """The texts of the bubbles at each view of a stream."""
        views, chat, growing = [], "", ""
        for values in stream:
            if not views and self.pauses:
                self.call("pause")  # as the page does when nothing is typed any more
            shown = dict(zip(OUTPUTS, values, strict=False))
            self.last = {name: value for name, value in shown.items() if value != gr.skip()}
            chat, growing = self.last.get("chat", chat), self.last.get("growing", growing)
            if {"chat", "growing"} & set(self.last):
                views.append([*bubbles(chat), *bubbles(growing)])
        return views

    def send(self, text: str, human: bool = False) -> list[list[str]]:
        return self.run(self.handlers.send(self.key, self.conversation, text, human, visit()))

    def act(self, name: str, message: int = -1, words: str = "", human: bool = False) -> list[list[str]]:
        """Press a button of the chat; what the page shows then is `last`."""
        event = gr.EventData(None, {"act": name, "message": message, "words": words})
        opened = []

        def noted() -> Iterator[tuple]:
            for values in self.acts.act(self.key, self.conversation, human, event, visit()):
                opened.append(values[-1])
                yield values

        views = self.run(noted())
        self.opened = opened[-1]
        return views

    def call(self, name: str, *rest: object) -> Any:
        return getattr(self.handlers, name)(self.key, self.conversation, *rest, visit())

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
    assert views[0] == ["行こう <b>", TYPING] and views[-1] == ["行こう <b>", "うん", "いいよ"]
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
    page.call("pause")
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
    page.call("preview", "more to co")
    assert page.words() == ["hi"] and thread.is_alive()
    page.call("pause")
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
    page.call("stop")
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
        page.act("again")
    assert page.words() == ["hi", "three", "3"]
    page.act("older", -1)
    assert page.words() == ["hi", "two"] and "2 / 3" in page.last["chat"]
    page.act("newer", -1)
    page.act("newer", -1)
    assert page.words() == ["hi", "one"]
    page.act("older", 0)  # of the user's own words there is one version only
    assert page.words() == ["hi", "one"]


def test_ones_own_words_are_edited_into_a_branch(page: Page) -> None:
    page.chat.script[:] = ["one", "two"]
    page.send("hi")
    page.act("edit", 0)
    assert "<textarea" in page.last["chat"] and ">hi</textarea>" in page.last["chat"]
    page.act("keep", 0, "hello")
    assert page.words() == ["hello", "two"]
    page.act("older", 0)
    assert page.words() == ["hi", "one"]


def test_a_correction_keeps_the_original(page: Page) -> None:
    page.chat.script[:] = ["one\nmore"]
    page.send("hi")
    page.act("keep", 2, "m<b>")
    assert page.words() == ["hi", "one", "m<b>"] and page.talk.path[-1].original == ("one", "more")
    page.act("keep", 1, " ")
    assert "「消す」" in page.last["notice"] and page.words()[1] == "one"


def test_the_persona_goes_on(page: Page) -> None:
    page.chat.script[:] = ["one", " and on"]
    page.send("hi")
    views = page.act("go_on")
    assert page.words() == ["hi", "one and on"] == views[-1]
    assert all(TYPING not in view[-1:] for view in views[1:])


def test_branch_remove_thumb_and_undo(page: Page) -> None:
    page.chat.script[:] = ["one", "two"]
    page.send("hi")
    page.send("and?")
    page.act("branch", 1)
    assert page.opened != page.conversation
    branch = Page(page.services, page.opened)
    assert [t.messages for t in branch.talk.turns] == [("hi",), ("one",)]
    branch.call("open_talk", "")
    page.act("up", 1)
    assert page.talk.path[1].thumb == "up"
    page.act("up", 1)
    assert page.talk.path[1].thumb == ""
    page.act("remove", 2)
    assert page.words() == ["hi", "one", "two"] and "「and?」を消しました" in page.last["chat"]
    page.act("put_back")
    assert page.words() == ["hi", "one", "and?", "two"] and "put_back" not in page.last["chat"]
    page.act("undo")
    assert page.last["box"] == "and?" and page.words() == ["hi", "one"]
    page.chat.script[:] = ["three"]
    page.send("else")
    page.act("put_back")  # what was said since would be lost
    assert page.words() == ["hi", "one", "else", "three"]


def test_a_branch_leads_back_to_where_it_came_from(page: Page) -> None:
    page.chat.script[:] = ["one", "two"]
    page.send("hi")
    page.act("branch", 0)
    branch = Page(page.services, page.opened)
    branch.act("leave")
    assert "ここから分かれた会話" in branch.last["chat"]
    branch.act("origin")
    assert branch.opened == page.conversation
    page.services.conversations.delete(owner(page.services), page.conversation)
    branch.act("origin")
    assert branch.opened == gr.skip()


def test_two_tabs_of_one_person_agree(page: Page) -> None:
    page.chat.script[:] = ["one", "tw|o"]
    other = Page(page.services, page.conversation)
    drawn = dict(zip(OUTPUTS, other.call("open_talk", "")[2:], strict=True))["mark"]
    before = page.services.conversations.changes(owner(page.services))
    assert all(value == gr.skip() for value in page.call("refresh", drawn, ""))
    page.send("hi")
    assert page.services.conversations.changes(owner(page.services)) > before
    values = dict(zip(OUTPUTS, other.call("refresh", drawn, "")[1:], strict=True))
    assert bubbles(values["chat"]) == ["hi", "one"] and values["mark"] != drawn
    thread = in_thread(page.send, "more")
    until(lambda: len(page.chat.asked) == 2)
    assert all(value == gr.skip() for value in page.call("refresh", drawn, ""))  # its reply is on its way there
    page.chat.gate.set()
    thread.join(20)


def test_words_that_were_never_answered_say_so(page: Page) -> None:
    page.services.conversations.save(owner(page.services), page.talk.said("user", "hello?"))
    page.act("leave")
    assert "返事はまだありません" in page.last["chat"] and ">返事をもらう</button>" in page.last["chat"]
    page.chat.script[:] = ["here"]
    page.act("again")
    assert page.words() == ["hello?", "here"] and "返事はまだありません" not in page.last["chat"]


def test_a_reply_that_was_cut_says_so_and_can_go_on(page: Page) -> None:
    page.chat.script[:] = ["first\nsec|ond"]
    stream = page.handlers.send(KEY, page.conversation, "hi", False, visit())
    for _ in range(2):  # a sign that it is being written, and its first letter
        next(stream)
    untyped(stream).close()  # as Gradio does when the page is reloaded
    page.act("leave")
    assert "途中まで" in page.last["chat"] and ">続きを書く</button>" in page.last["chat"]


def test_another_model_than_before_is_named_in_the_head(page: Page) -> None:
    page.chat.script[:] = ["one"]
    page.send("hi")
    assert "other-model" not in page.call("show_head")
    made = replace(present(page.talk.path[-1].metadata), model="older-model")
    nodes = tuple(replace(node, metadata=made) if node.metadata else node for node in page.talk.nodes)
    page.services.conversations.save(owner(page.services), replace(page.talk, nodes=nodes))
    assert "モデルが older-model から base に変わっています" in page.call("show_head")


def test_time_tokens_and_speed_stand_in_the_bar(page: Page) -> None:
    page.chat.script[:] = ["one two"]
    page.send("hi")
    made = present(page.talk.path[-1].metadata)
    assert made.reply_tokens == 7 and made.seconds > 0
    assert "7 トークン</span>" in page.last["chat"] and "トークン/秒" in page.last["chat"]
    assert "data-time=" in page.last["chat"]


def test_who_is_new_is_welcomed_until_they_have_begun(page: Page) -> None:
    greeted = page.services.chat.open_conversation(owner(page.services), "ja", persona="yui")
    page.conversation = greeted.id
    page.act("leave")
    assert page.last["chat"].count('class="tile"') == 3 and "書いた例です" in page.last["chat"]
    page.chat.script[:] = ["one"]
    page.act("say", -1, "今日ひま？")
    assert page.words() == ["ねえ、今なにしてる？", "今日ひま？", "one"]
    page.conversation = page.services.chat.open_conversation(owner(page.services), "ja", persona="yui").id
    page.act("leave")
    assert "tile" not in page.last["chat"] and page.last["chat"].count('data-act="say"') == 3


def test_a_message_is_chosen_and_let_go(page: Page) -> None:
    page.chat.script[:] = ["one"]
    page.send("hi <i>")
    page.act("choose", 0)
    assert page.last["chosen"] == 0 and 'class="message user chosen">hi &lt;i&gt;' in page.last["chat"]
    page.act("choose", -1)
    assert page.last["chosen"] == -1 and "chosen" not in page.last["chat"]


def test_nothing_is_offered_that_is_not_possible(page: Page) -> None:
    def offered(message: int) -> set[str]:
        page.act("choose", message)
        return set(re.findall(r'data-act="(\w+)"', page.last["chat"]))

    page.chat.script[:] = ["one"]
    page.send("hi")
    assert offered(0) == {"edit", "undo", "branch", "remove", "copy"}
    assert offered(1) == {"again", "go_on", "edit", "remove", "copy", "read", "up", "down"}
    greeted = page.services.chat.open_conversation(owner(page.services), "ja", persona="yui")
    page.conversation = greeted.id
    assert offered(0) == {"edit", "remove", "copy", "read", "say"}


def test_an_empty_talk_has_nothing_to_act_on(page: Page) -> None:
    for name in ("older", "newer", "remove"):
        page.act(name, -1)
        assert "もうありません" in page.last["notice"]
    with pytest.raises(gr.Error, match="もうありません"):
        page.act("branch", -1)


@pytest.mark.parametrize("sent", [None, 3, {}, {"act": 5}, {"act": "remove", "message": "0"}, {"act": "delete"}])
def test_what_a_page_makes_up_changes_nothing(page: Page, sent: object) -> None:
    page.chat.script[:] = ["one"]
    page.send("hi")
    event = gr.EventData(None, sent)
    page.run(page.acts.act(KEY, page.conversation, False, event, visit()))
    assert page.words()[0] == "hi"


def test_a_strangers_talk_is_out_of_reach(page: Page) -> None:
    stranger = Page(page.services, page.conversation, key=OTHER)
    with pytest.raises(gr.Error):
        stranger.act("branch", -1)
    for name in ("older", "remove", "put_back"):
        stranger.act(name, -1)
        assert "もうありません" in stranger.last["notice"] and "chat" not in stranger.last
    stranger.send("hi")
    assert "もうありません" in stranger.last["notice"] and page.words() == []


def test_a_limit_is_told_before_anything_is_said(page: Page) -> None:
    page.services.chat.rate_limiter.replies.each = 1
    page.chat.script[:] = ["one"]
    page.send("hi")
    page.send("again")
    assert "1 分間の返事は 1 回" in page.last["notice"] and "data-back" in page.last["notice"]
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
        messages = bubbles(shown["chat"])
        return len(messages), messages[0], shown["earlier"].visible

    assert drawn(page.call("open_talk", "")[2:]) == (250, "m200", True)
    page.act("choose", 202)
    assert page.last["chosen"] == 202 and 'chosen">m202' in page.last["chat"]
    page.chat.script[:] = ["ok"]
    views = page.act("keep", 201, "edited")
    assert page.words()[-2:] == ["edited", "ok"] and len(page.words()) == 203 and views[-1][-1] == "ok"
    page.services.conversations.save(owner(page.services), talk)
    assert drawn(page.call("show_earlier")) == (450, "m0", False)


def test_everybody_of_a_group_is_named_above_their_words(page: Page) -> None:
    talk = page.talk.said("user", "hi").said("user", "me <b>too</b>", name="Tom").said("assistant", "hello")
    talk = page.services.conversations.save(owner(page.services), talk)
    page.act("leave")
    assert bubbles(page.last["chat"]) == ["hi", "me <b>too</b>", "hello"]
    assert '<small class="by">Tom</small>' in page.last["chat"] and page.last["chat"].count("user-row") == 1
    page.chat.script[:] = ["ok"]
    page.act("keep", 1, "me <b>too</b>!")
    assert [(node.name, node.messages) for node in page.talk.path[1:]] == [("Tom", ("me <b>too</b>!",)), ("", ("ok",))]


def test_a_note_is_kept_and_seen_while_a_reply_is_written(page: Page) -> None:
    notes = AuthorsNoteHandlers(page.services, page.handlers.replies)
    page.chat.script[:] = ["one"]
    stream = page.handlers.send(KEY, page.conversation, "hi", False, visit())
    next(stream)
    notes.keep(KEY, page.conversation, " It rains. ", 2, visit())
    page.run(stream)
    assert page.talk.note == AuthorsNote("It rains.", 2) and page.words() == ["hi", "one"]
    assert notes.show(KEY, page.conversation, "", 4, visit()) == ("It rains.", 2)
    left_alone = notes.show(KEY, page.conversation, "It rains. ", 2, visit())
    assert left_alone == (gr.skip(), gr.skip()), "somebody may be writing on by the time this arrives"
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
        seen += [theirs.call("open_talk", ""), theirs.talk, services.conversations.get(other, mine.conversation)]
        seen += [heartbeat.changes(services, other), services.adapters.list_all(other)]
        scripted(services).gate.set()
        sending.join(20)
    assert CANARY in repr(views) and CANARY in repr(services.adapters.list_all(me))
    assert CANARY not in repr(seen) and CANARY not in caplog.text
