"""LINE's webhook and a stand-in of its endpoints: what is heard, when it is answered, and with what."""

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from core.bots import talker as talker_module
from core.bots.line import LineChannel, heard_in, is_signed
from core.bots.store import Bot
from core.bots.talker import BotTalker
from core.errors import HubError, InputError
from core.memory.turns import Turns
from core.owners import end_user
from core.personas import Persona, Sampling
from tabs.connect import line_routes
from tabs.ui.services import Services
from tests.helpers.api_served import ME, OTHER, services_with
from tests.helpers.train_tiny import tiny_base

SECRET, TOKEN = "0123456789abcdef" * 2, "t" * 172
ANN, BEN, GROUP = "U" + "a" * 32, "U" + "b" * 32, "C" + "c" * 32


class FakeLine(ThreadingHTTPServer):
    """The endpoints that a bot uses. It holds a request to LINE's own rules, and notes it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _LineHandler)
        self.asked: list[tuple[str, dict]] = []
        self.used: set[str] = set()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def said(self) -> list[str]:
        return [one["text"] for _, body in self.asked for one in body.get("messages", ())]

    def fault(self, path: str, body: dict) -> str:
        if path == "/v2/bot/chat/loading/start":
            fits = body["chatId"].startswith("U") and body["loadingSeconds"] in range(5, 61, 5)
            return "" if fits else "chatId or loadingSeconds"
        messages = body.get("messages", [])
        if not 1 <= len(messages) <= 5:
            return "messages"
        if not all(
            one["type"] == "text" and 1 <= len(one["text"].encode("utf-16-le")) // 2 <= 5000 for one in messages
        ):
            return "messages/text"
        if path == "/v2/bot/message/reply":
            token = body["replyToken"]
            fresh = token.startswith("r") and token not in self.used
            self.used.add(token)
            return "" if fresh else "Invalid reply token"
        return "" if path == "/v2/bot/message/push" and body["to"][0] in "UC" else "path"


class _LineHandler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, FakeLine)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wrong = "token" if self.headers["Authorization"] != f"Bearer {TOKEN}" else server.fault(self.path, body)
        if not wrong:
            server.asked.append((self.path.removeprefix("/v2/bot/"), body))
        data = json.dumps({"message": wrong} if wrong else {}).encode()
        self.send_response(400 if wrong else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Services:
    folder = tmp_path_factory.mktemp("line")
    made = services_with(tiny_base(folder / "base"), folder / "home")
    made.chat.rate_limiter.replies.each = 0
    sampling = Sampling(temperature=1.5, seed=3, max_new_tokens=12)
    made.personas.save(ME, Persona("Soc", "Asks.", greeting="What is courage?", sampling=sampling))
    return made


@pytest.fixture
def line() -> Iterator[FakeLine]:
    made = FakeLine()
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def bot(services: Services) -> Iterator[Bot]:
    made = services.bots.create(ME, "Soc", SECRET, TOKEN, language="en", memory=True, push=False)
    yield made
    services.bots.remove(ME, made.id)


@pytest.fixture
def talker(services: Services, line: FakeLine) -> BotTalker:
    return BotTalker(services.chat, lambda bot: LineChannel(bot, line.url), quiet=0.2, longest_wait=2)


@pytest.fixture
def send(services: Services, talker: BotTalker, bot: Bot) -> Callable[..., int]:
    """Deliver events as LINE does; returns the status."""
    app = FastAPI()
    line_routes.add_routes(app, services.bots, talker)
    client = TestClient(app)

    def deliver(*events: dict, secret: str = SECRET, to: str = "", tampered: bool = False) -> int:
        body = json.dumps({"destination": "U0", "events": events}).encode()
        signature = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()
        body = body.replace(b"U0", b"U1") if tampered else body
        return client.post(f"/line/{to or bot.id}", content=body, headers={"x-line-signature": signature}).status_code

    return deliver


_number = iter(range(10**6))


def says(text: str, who: str = ANN, **more: object) -> dict:
    n = next(_number)
    source = {"type": "group", "groupId": GROUP, "userId": who} if more.pop("group", None) else None
    message = {"type": "text", "id": f"{n}", "text": text} | (
        {"mention": m} if (m := more.pop("mention", None)) else {}
    )
    return {"type": "message", "webhookEventId": f"e{n}", "replyToken": f"r{n}", "mode": "active",
            "source": source or {"type": "user", "userId": who}, "message": message} | more  # fmt: skip


def wait_for(true: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def idle(talker: BotTalker) -> None:
    wait_for(lambda: talker.is_idle)


def guest_of(bot: Bot, chat: str = ANN) -> str:
    return end_user(ME, f"bot {bot.id}", chat)


def test_only_what_line_signed_is_heard(send: Callable[..., int], line: FakeLine, talker: BotTalker) -> None:
    assert send() == 200, "LINE's own check of the address"
    assert send(says("hi"), secret="f" * 32) == 400 and send(says("hi"), tampered=True) == 400
    assert send(says("hi"), to="0" * 16) == 404 and send(says("hi"), to="..") == 404
    assert not is_signed(b"{}", "", SECRET) and not is_signed(b"{}", "é", SECRET)
    assert talker.is_idle and not line.asked


def test_several_messages_get_one_answer_from_an_ai_that_remembers(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services
) -> None:
    first, second = says("hello there"), says("are you in?")
    held = threading.Event()
    services.models.run(held.wait)
    assert send(first, second) == 200 and not line.said(), "the answer to LINE does not wait for the model"
    held.set()
    idle(talker)
    paths = [path for path, _ in line.asked]
    assert paths == ["chat/loading/start", "message/reply"] and line.asked[1][1]["replyToken"] == second["replyToken"]
    assert line.said()[0].startswith("I am an AI that talks as “Soc”") and len(line.said()) > 1
    (talk,) = services.conversations.list_all(guest_of(bot))
    assert talk.turns[0].messages == ("hello there", "are you in?") and talk.turns[1].role == "assistant"
    assert services.conversations.list_all(ME) == []
    soc = talk.persona
    assert Turns(services.memory.store(guest_of(bot))).count(soc) == 2 and not services.memory.store(ME).exists
    send(says("and now?"))
    idle(talker)
    assert sum(text.startswith("I am an AI") for text in line.said()) == 1
    (again,) = services.conversations.list_all(guest_of(bot))
    assert again.id == talk.id and len(again.turns) > len(talk.turns)


def test_what_is_said_while_a_reply_is_written_is_answered_with_it(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services
) -> None:
    held = threading.Event()
    services.models.run(held.wait)
    send(says("hello there"))
    wait_for(lambda: line.asked)  # it is being answered
    send(says("are you in?"))
    held.set()
    idle(talker)
    (talk,) = services.conversations.list_all(guest_of(bot))
    assert [turn.role for turn in talk.turns] == ["user", "assistant"]
    assert talk.turns[0].messages == ("hello there", "are you in?")
    assert [path for path, _ in line.asked].count("message/reply") == 1


def test_each_person_is_remembered_alone(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services
) -> None:
    send(says("I like pears", ANN), says("I like plums", BEN))
    idle(talker)
    for who, words in ((ANN, "I like pears"), (BEN, "I like plums")):
        (talk,) = services.conversations.list_all(guest_of(bot, who))
        assert talk.turns[0].messages == (words,)


def test_what_is_delivered_twice_is_answered_once(send: Callable[..., int], line: FakeLine, talker: BotTalker) -> None:
    event = says("hello")
    send(event)
    send(event | {"deliveryContext": {"isRedelivery": True}})
    idle(talker)
    send(event | {"deliveryContext": {"isRedelivery": True}})
    idle(talker)
    assert [path for path, _ in line.asked].count("message/reply") == 1


def test_a_redelivery_of_what_never_arrived_is_answered(
    send: Callable[..., int], line: FakeLine, talker: BotTalker
) -> None:
    send(says("hello") | {"deliveryContext": {"isRedelivery": True}, "replyToken": "expired"})
    idle(talker)
    assert [path for path, _ in line.asked][-1] == "message/push", "its reply token is good no more"


def test_bubbles_come_at_the_pace_of_typing(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    waits: list[float] = []
    talker.pace = waits.append
    monkeypatch.setattr(talker_module.ChatService, "messages_of", lambda *_: ["one", "two two", "three"])
    monkeypatch.setattr(type(services.bots), "find", lambda self, _: replace(bot, push=True))
    send(says("hello"))
    idle(talker)
    assert line.said()[1:] == ["one", "two two", "three"] and len(waits) == 3 and min(waits) > 0
    assert [path for path, _ in line.asked] == ["chat/loading/start", "message/reply", *["message/push"] * 3]


def test_seven_bubbles_are_five_for_line(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(talker_module.ChatService, "messages_of", lambda *_: [f"{n}" for n in range(7)])
    send(says("hello"))
    idle(talker)
    assert line.said()[1:] == ["0", "1", "2", "3\n4\n5\n6"]


def test_in_a_group_only_who_speaks_to_the_bot_is_heard(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services
) -> None:
    send(says("see you at nine", group=True))
    mine = {"mentionees": [{"index": 0, "length": 4, "type": "user", "isSelf": True}]}
    send(says("@Soc what is courage?", group=True, mention=mine))
    idle(talker)
    (talk,) = services.conversations.list_all(guest_of(bot, GROUP))
    assert talk.turns[0].messages == ("what is courage?",)
    assert [path for path, _ in line.asked] == ["message/reply"], "groups have no loading indicator"


def test_who_adds_the_bot_is_greeted_and_who_leaves_is_forgotten(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services
) -> None:
    source = {"source": {"type": "user", "userId": ANN}}
    send({"type": "follow", "webhookEventId": "f1", "replyToken": "rf1"} | source)
    idle(talker)
    assert line.said()[0].startswith("I am an AI") and line.said()[1] == "What is courage?"
    send(says("hello"))
    idle(talker)
    folder = services.workspace.owner_folder(guest_of(bot))
    assert folder.is_dir()
    send({"type": "unfollow", "webhookEventId": "f2"} | source)
    idle(talker)
    assert not folder.exists()
    send(says("hello"))
    idle(talker)
    send(says("/forget"))
    idle(talker)
    assert not folder.exists() and line.said()[-1].startswith("I have forgotten")


def test_limits_and_errors_are_said_in_the_talk(
    send: Callable[..., int], line: FakeLine, talker: BotTalker, bot: Bot, services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(type(services.bots), "find", lambda self, _: replace(bot, per_minute=1))
    send(says("one"))
    idle(talker)
    send(says("two"))
    idle(talker)
    assert "1 replies a minute are allowed" in line.said()[-1]
    send(says("three", BEN) | {"message": {"type": "image", "id": "1"}})
    idle(talker)
    assert line.said()[-1] == "I can read words only."
    monkeypatch.setattr(type(services.bots), "find", lambda self, _: replace(bot, model="gone"))
    send(says("four", BEN))
    idle(talker)
    assert line.said()[-1] == "I cannot answer right now. Please try again later."


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"events": 5}', b"\xff"])
def test_what_is_no_webhook(body: bytes) -> None:
    with pytest.raises(ValueError):
        heard_in(body)


def test_odd_events_are_passed_over() -> None:
    odd = [5, {}, {"type": "message"}, {"type": "message", "source": {"userId": 5}, "message": {"type": "text"}},
           {"type": "postback", "source": {"userId": ANN}}, {"type": "message", "source": {"userId": ANN},
                                                             "message": {"type": "sticker"}}]  # fmt: skip
    assert heard_in(json.dumps({"events": odd}).encode()) == []


def test_a_bot_is_its_owner_s_and_its_secrets_are_not_shown(services: Services, bot: Bot, home: Path) -> None:
    assert services.bots.list_all(OTHER) == [] and services.bots.find(bot.id) == bot
    assert SECRET not in repr(bot) and TOKEN not in repr(bot)
    services.bots.remove(OTHER, bot.id)
    assert services.bots.find(bot.id)
    for secret, token in (("x", TOKEN), (SECRET, "short"), (SECRET.upper(), TOKEN)):
        with pytest.raises(InputError):
            services.bots.create(ME, "Soc", secret, token, language="en", memory=True, push=False)


def test_without_line_nothing_breaks(bot: Bot, services: Services) -> None:
    with pytest.raises(HubError, match="cannot be reached"):
        LineChannel(bot, "http://127.0.0.1:9").reply(heard_in(json.dumps({"events": [says("x")]}).encode())[0], ["y"])
