"""A conversation as HTML: bubbles with faces, and one bar of what can be done, at the chosen message or the last.

Every text is escaped. The buttons name what they do in `data-act`; chat.js tells it to the server.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from core.chat.conversation import Conversation, Node, ReplyMetadata
from tabs.talk.faces import Face
from tabs.talk.view import ChatRow, acted_on, rows_of, side
from tabs.ui.formatted import formatted
from tabs.ui.text import t

TYPING = "…"


@dataclass(frozen=True)
class Scene:
    """What bubbles are drawn with beside their words."""

    language: str
    name: str
    """The persona's."""
    face: Face
    voice: str = ""
    """What the page reads its words with, as JSON."""
    may_go_on: bool = True
    """Whether the model can continue a reply: some servers cannot."""
    writing: bool = False
    """Whether a reply is on its way."""
    chosen: int = -1
    editing: int = -1
    """The message that stands as a text field."""
    why: str = ""
    """HTML below the bar: what the reply remembered."""
    quiet: bool = False
    """Without a bar: nothing was said yet."""
    above: str = ""
    """HTML before the first message."""
    below: str = ""
    """HTML behind the last message."""
    members: Mapping[str, Face] = field(default_factory=dict)
    """The faces of a group, by name."""

    def worn(self, name: str) -> str:
        """The face at words that stand under a name; "" is the persona's."""
        if name in self.members:
            return self.members[name].worn_as(list(self.members).index(name))
        return _initial(name) if name else self.face.worn()

    @property
    def style(self) -> str:
        """The pictures of everybody, once."""
        faces = (face.numbered(number) for number, face in enumerate(self.members.values()))
        return "; ".join(filter(None, (self.face.style, *faces)))


@dataclass(frozen=True)
class Deeds:
    """What can be done with one message, and nothing that is not possible."""

    versions: tuple[int, int] = (1, 1)
    acts: tuple[str, ...] = ()
    thumbs: bool = False


def deeds(talk: Conversation, index: int, may_go_on: bool = True) -> Deeds:
    """What the bar at message number `index` offers."""
    node, at = talk.node_at(index)
    ended = node.id == talk.leaf
    persona_spoke = node.role == "assistant"
    asked = any(one.role == "user" for one in talk.path)
    last_asked = next((one.id for one in reversed(talk.path) if one.role == "user"), None)
    can = {
        "again": ended and (asked or not persona_spoke),
        "go_on": ended and persona_spoke and node.metadata is not None and may_go_on,
        "edit": True,
        "undo": node.id == last_asked,
        "branch": asked and not (ended and at == len(node.messages) - 1),
        "remove": True,
    }
    return Deeds(
        talk.versions(index), tuple(name for name, possible in can.items() if possible),
        thumbs=persona_spoke and node.metadata is not None,
    )  # fmt: skip


def transcript(talk: Conversation, scene: Scene, first: int = 0) -> str:
    """The conversation from message number `first` on, with its bar."""
    rows, at = rows_of(talk.path, first), acted_on(talk, scene.chosen)
    pieces, day = [], ""
    for row in rows:
        if row.node.time and (said := _day(row.node.time)) != day:
            pieces.append(f'<p class="day"><time data-day="{row.node.time:.0f}">{said}</time></p>')
            day = said
        if row.message == talk.branch_at and talk.branch_of and row.message > first:
            pieces.append(_branched(talk, scene))
        pieces.append(_row(talk, row, scene, at))
    if talk.branch_of and rows and rows[-1].message + 1 == talk.branch_at:
        pieces.append(_branched(talk, scene))
    label = escape(t(scene.language, "talk.chat"))
    named = f'data-talk="{escape(talk.id)}" data-voice="{escape(scene.voice)}" role="log" aria-label="{label}"'
    return _root(f"{scene.above}{''.join(pieces)}{scene.below}", scene, named)


def growing(words: Sequence[str], scene: Scene, *, speaker: str = "", opens: bool = True) -> str:
    """Messages of a reply that is on its way; `speaker`: who of a group says it."""
    drawn, by = [], f'<small class="by">{escape(speaker)}</small>' if speaker else ""
    for n, text in enumerate(words):
        first, waits = opens and not n, " typing" if text == TYPING else ""
        said = f'<div class="message bot{waits}">{formatted(text)}</div>'
        row = "message-row bot-row opens" if first else "message-row bot-row"
        drawn.append(f'<div class="{row}">{scene.worn(speaker) + by if first else ""}{said}</div>')
    return _root("".join(drawn), scene) if drawn else ""


def _root(inside: str, scene: Scene, more: str = "") -> str:
    return f'<div class="bubbles" style="{escape(scene.style)}" {more}>{inside}</div>'


def _row(talk: Conversation, row: ChatRow, scene: Scene, at: int) -> str:
    who = "user" if side(row.node) == "user" else "bot"
    named = row.node.name or (scene.name if who == "bot" else t(scene.language, "talk.me"))
    face = "" if who == "user" or not row.opens else scene.worn(row.node.name)
    name = f'<small class="by">{escape(row.node.name)}</small>' if row.node.name and row.opens else ""
    acted = row.message == at
    mine = " chosen" if row.message == scene.chosen else ""
    if scene.editing == row.message:
        said = _field(row, scene)
    else:
        said = f'<div class="message {who}{mine}">{formatted(row.text, copy=t(scene.language, "talk.copy"))}</div>'
    if acted and not (scene.writing or scene.quiet) and scene.editing < 0:
        more = bar(talk, row.message, scene) + scene.why
    else:
        more = _mark(talk, row)
    return (
        f'<div class="message-row {who}-row{" opens" if row.opens else ""}" role="group" aria-label="{escape(named)}" '
        f'data-message="{row.message}">{face}{name}{_thoughts(row, scene.language)}{said}{more}</div>'
    )


def _initial(name: str) -> str:
    return Face(name[:1].upper(), sum(name.encode()) % 5).html("small")


def _thoughts(row: ChatRow, language: str) -> str:
    """What was thought before a reply, as a closed fold above its first message."""
    made = row.node.metadata
    if not made or not made.thoughts or row.at:
        return ""
    title = escape(t(language, "talk.thought", n=f"{made.thought_tokens:,}"))
    return f'<details class="thought"><summary>{title}</summary><div>{escape(made.thoughts)}</div></details>'


def _mark(talk: Conversation, row: ChatRow) -> str:
    """At a message that has other versions: that it has."""
    number, count = talk.version_of(row.node)
    return f'<small class="others num">{number} / {count}</small>' if count > 1 and row.closes else ""


def _branched(talk: Conversation, scene: Scene) -> str:
    words, button = (escape(t(scene.language, f"talk.{key}")) for key in ("branched_here", "origin"))
    return f'<p class="day branch">⑂ {words} <button type="button" data-act="origin">{button}</button></p>'


def _field(row: ChatRow, scene: Scene) -> str:
    keep, leave, label = (escape(t(scene.language, f"talk.{key}")) for key in ("keep", "leave", "edit"))
    lines = min(max(row.text.count("\n") + 1 + len(row.text) // 40, 2), 12)
    return (
        f'<div class="editing"><textarea rows="{lines}" aria-label="{label}">{escape(row.text)}</textarea>'
        f'<div><button type="button" class="main" data-act="keep">{keep}</button>'
        f'<button type="button" data-act="leave">{leave}</button></div></div>'
    )


def bar(talk: Conversation, index: int, scene: Scene) -> str:
    """What can be done with a message, and what is known of it."""
    can, (node, at) = deeds(talk, index, scene.may_go_on), talk.node_at(index)
    language, pieces = scene.language, []
    number, count = can.versions
    if count > 1:
        older, newer = (escape(t(language, f"talk.{way}")) for way in ("older", "newer"))
        pieces.append(
            f'<span class="turn"><button type="button" id="talk-older" data-act="older" aria-label="{older}">‹</button>'
            f'<b class="num">{number} / {count}</b>'
            f'<button type="button" id="talk-newer" data-act="newer" aria-label="{newer}">›</button></span>'
        )
    for name in can.acts:
        key = "answer" if name == "again" and node.role == "user" else name
        pieces.append(_button(name, t(language, f"talk.{key}"), f'id="talk-{name.replace("_", "-")}"'))
    pieces.append(_button("copy", t(language, "talk.copy"), f'data-copy="{escape(node.messages[at])}"'))
    if node.role == "assistant":
        pieces.append(_speak(language))
    if can.thumbs:
        pieces += [_thumb(node, way, language) for way in ("up", "down")]
    words = "".join(f"<span>{piece}</span>" for piece in _about(node, language))
    label = escape(t(language, "talk.acts"))
    return (
        f'<div class="acts" id="talk-acts" role="toolbar" aria-label="{label}">{"".join(pieces)}'
        f'<span class="about num">{words}</span></div>'
    )


def _button(act: str, words: str, more: str) -> str:
    return f'<button type="button" data-act="{act}" {more}>{escape(words)}</button>'


THUMB = "M4 10h3v10H4zm5 10h8l3-7-1-3h-5l1-5-2-1-4 6z"


def _thumb(node: Node, way: str, language: str) -> str:
    given = node.thumb == way
    label = escape(t(language, f"talk.{way}"))
    icon = f'<svg viewBox="0 0 24 24" class="{way}" aria-hidden="true"><path d="{THUMB}"/></svg>'
    return (
        f'<button type="button" class="icon" data-act="{way}" aria-pressed="{str(given).lower()}" '
        f'aria-label="{label}" title="{label}">{icon}</button>'
    )


SPEAKER = "M4 9v6h4l5 4V5L8 9zM17 8a6 6 0 0 1 0 8"


def _speak(language: str) -> str:
    label = escape(t(language, "voice.speak"))
    icon = f'<svg viewBox="0 0 24 24" aria-hidden="true"><path d="{SPEAKER}"/></svg>'
    return f'<button type="button" class="icon" data-act="read" aria-label="{label}" title="{label}">{icon}</button>'


def _about(node: Node, language: str) -> list[str]:
    """Time of day, tokens and speed of a message, and whether it was corrected or cut."""
    pieces = [f'<i class="good">{escape(t(language, "talk.corrected"))}</i>'] if node.original else []
    made = node.metadata
    if made and not made.finished:
        pieces.append(f'<i class="warn">{escape(t(language, "talk.cut"))}</i>')
    if node.time:
        clock = time.strftime("%H:%M", time.localtime(node.time))
        pieces.append(f'<time data-time="{node.time:.0f}">{clock}</time>')
    return [*pieces, *(escape(piece) for piece in _figures(made, language))] if made else pieces


def _figures(made: ReplyMetadata, language: str) -> list[str]:
    if made.prompt_tokens:
        said = [t(language, "talk.tokens", read=f"{made.prompt_tokens:,}", written=f"{made.reply_tokens:,}")]
        said += [t(language, "talk.cost", cost=f"{made.cost:.4g}")] if made.cost else []
    else:
        said = [t(language, "talk.written", n=f"{made.reply_tokens:,}")] if made.reply_tokens else []
    if made.seconds and made.reply_tokens > 1:
        said.append(speed(made, language))
    return said


def speed(made: ReplyMetadata, language: str) -> str:
    """Tokens a second of a reply whose time is known."""
    pace = made.reply_tokens / made.seconds
    return t(language, "talk.speed", n=f"{pace:,.0f}" if pace >= 10 else f"{pace:.1f}")


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
