"""LINE: what it sends, signed, and how it is answered."""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from core.bots.channel import BotEvent, BotEventKind
from core.bots.store import Bot
from core.errors import HubError
from core.files import parse_json

API = "https://api.line.me"
MOST_BUBBLES = 5  # of one reply
LONGEST_BUBBLE = 5_000  # characters as LINE counts them, in UTF-16
TYPING_SECONDS = 60
ADDED_OR_LEFT: Mapping[str, BotEventKind] = {"follow": "joined", "join": "joined", "unfollow": "left", "leave": "left"}
TIMEOUT = 15.0  # seconds


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Whether the raw `body` was signed by LINE, as its header X-Line-Signature says."""
    own = base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(own, signature.encode(errors="replace"))


def heard_in(body: bytes) -> list[BotEvent]:
    """What a webhook's body tells, in its order; events of kinds that a bot has no use for are left out.

    Raises ValueError where it is no webhook. LINE's own check sends no events.
    """
    value = parse_json(body)
    events = value.get("events") if isinstance(value, Mapping) else None
    if not isinstance(events, list):
        raise ValueError("there is no list of events")
    return [heard for event in events if isinstance(event, Mapping) for heard in _heard(event)]


def _heard(event: Mapping[str, Any]) -> Iterator[BotEvent]:
    source, message = _object(event, "source"), _object(event, "message")
    group = source.get("type") in ("group", "room")
    chat = source.get("groupId") or source.get("roomId") or source.get("userId")
    kind = ADDED_OR_LEFT.get(str(event.get("type")))
    if event.get("type") == "message" and message.get("type") != "sticker":
        kind = "text" if message.get("type") == "text" else "other"
    if not isinstance(chat, str) or kind is None or event.get("mode") == "standby":
        return
    text = message.get("text") if isinstance(message.get("text"), str) else ""
    own = [one for one in _mentioned(message) if one.get("isSelf") is True]
    yield BotEvent(
        kind=kind, event=str(event.get("webhookEventId") or secrets.token_hex(8)), chat=chat,
        text=_without(str(text), own), group=group, to_bot=not group or bool(own),
        reply_token=str(event.get("replyToken") or ""),
    )  # fmt: skip


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if isinstance(found, Mapping) else {}


def _mentioned(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = _object(message, "mention").get("mentionees")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _without(text: str, mentions: Sequence[Mapping[str, Any]]) -> str:
    """`text` without the places where the bot's own name is mentioned; LINE counts them in UTF-16."""
    units = text.encode("utf-16-le", "replace")
    for one in sorted(mentions, key=lambda one: -int(one.get("index") or 0)):
        start, length = int(one.get("index") or 0), int(one.get("length") or 0)
        units = units[: 2 * start] + units[2 * (start + length) :]
    return units.decode("utf-16-le", "replace").strip()


@dataclass(frozen=True)
class LineChannel:
    """Answers for one bot over LINE's Messaging API."""

    bot: Bot
    base: str = API

    def show_typing(self, heard: BotEvent) -> None:
        """LINE has it for talks between two only."""
        if not heard.group:
            self._post("chat/loading/start", {"chatId": heard.chat, "loadingSeconds": TYPING_SECONDS})

    def reply(self, heard: BotEvent, bubbles: Sequence[str]) -> None:
        """With the token of what was heard, which costs nothing; where that has expired, as a message of its own."""
        messages = [_message(text) for text in _at_most(bubbles)]
        try:
            self._post("message/reply", {"replyToken": heard.reply_token, "messages": messages})
        except HubError:
            self._post("message/push", {"to": heard.chat, "messages": messages})

    def push(self, heard: BotEvent, bubble: str) -> None:
        self._post("message/push", {"to": heard.chat, "messages": [_message(bubble)]})

    def _post(self, path: str, body: Mapping[str, object]) -> None:
        headers = {"Authorization": f"Bearer {self.bot.token}"}
        if path == "message/push":
            headers["X-Line-Retry-Key"] = str(uuid.uuid4())
        try:
            answer = httpx2.post(f"{self.base}/v2/bot/{path}", json=body, headers=headers, timeout=TIMEOUT)
        except httpx2.HTTPError as error:
            raise HubError(f"LINE cannot be reached ({type(error).__name__}).",
                           f"LINE につながりません（{type(error).__name__}）。") from error  # fmt: skip
        if answer.status_code >= 400:
            reason = answer.text[:200]
            raise HubError(f"LINE refused {path} ({answer.status_code}: {reason}).",
                           f"LINE が {path} を断りました（{answer.status_code}: {reason}）。")  # fmt: skip


def _message(text: str) -> dict[str, str]:
    units = text.encode("utf-16-le", "replace")[: 2 * LONGEST_BUBBLE]
    return {"type": "text", "text": units.decode("utf-16-le", "ignore")}


def _at_most(bubbles: Sequence[str]) -> list[str]:
    """Five at most: those beyond come in the last one."""
    kept, beyond = bubbles[: MOST_BUBBLES - 1], bubbles[MOST_BUBBLES - 1 :]
    return [*kept, "\n".join(beyond)] if beyond else [*kept]
