"""The list of talks as HTML; its buttons name what they do in `data-act`, which talk_list.js tells the server."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from core.chat.store import TalkEntry
from tabs.ui.services import Services
from tabs.ui.text import t
from tabs.ui.visitor import Visitor

SHOWN = 30
MOST_OFFERED = 200  # owners who can put back what they removed last


@dataclass(frozen=True)
class Removed:
    """A talk that can be put back."""

    id: str
    title: str


@dataclass(frozen=True)
class TalkList:
    """Draws the lists of all visitors."""

    services: Services
    offered: dict[str, Removed] = field(default_factory=dict)
    """What each owner removed last."""

    def offer(self, visitor: Visitor, removed: Removed) -> None:
        """Let the list say what was removed, and offer to put it back."""
        self.offered[visitor.owner] = removed
        while len(self.offered) > MOST_OFFERED:
            self.offered.pop(next(iter(self.offered)))

    def drawn(self, visitor: Visitor, conversation: str, query: str = "", most: int = SHOWN) -> str:
        """The list with `conversation` marked: all talks, or those that hold the words of `query`."""
        store, language = self.services.conversations, visitor.language
        pinned = store.pinned(visitor.owner)
        names = {one.id: one.name for one in self.services.personas.entries(visitor.owner, language)}
        rows = _Rows(language, conversation, frozenset(entry.id for entry in pinned), names)
        offer = self.offered.get(visitor.owner)
        top = _put_back(offer, language) if offer else ""
        if query.strip():
            found = [(store.entry(visitor.owner, hit.id), hit.excerpt) for hit in store.search(visitor.owner, query)]
            hits = "".join(rows.row(entry, excerpt) for entry, excerpt in found if entry)
            nothing = f'<p class="muted">{escape(t(language, "talk.not_found"))}</p>'
            return _whole(top + (hits or nothing), language, query)
        entries = store.entries(visitor.owner, most + 1)
        others = rows.of([entry for entry in entries[:most] if entry.id not in rows.pins])
        heading = f"<h3>{escape(t(language, 'talk.pinned'))}</h3>" if pinned else ""
        more = _button("more", t(language, "talk.more_talks")) if len(entries) > most else ""
        return _whole(
            f"{top}{heading}{rows.of(pinned)}{'<hr>' if pinned and others else ''}{others}{more}", language, query
        )


@dataclass(frozen=True)
class _Rows:
    """Draws the lines of one list."""

    language: str
    conversation: str
    """The talk that is open."""
    pins: frozenset[str]
    names: dict[str, str]
    """Of the personas, by id."""

    def of(self, entries: Sequence[TalkEntry]) -> str:
        return "".join(map(self.row, entries))

    def row(self, entry: TalkEntry, excerpt: str = "") -> str:
        here, title = entry.id == self.conversation, entry.title.strip() or t(self.language, "talk.untitled")
        about = self.names.get(entry.persona, "") if entry.persona else entry.adapter
        if entry.members:
            about = t(self.language, "group.and_more", name=about, n=entry.members - 1)
        known = [about, t(self.language, "talk.branch_short") if entry.branched else ""]
        small = "".join(f"{escape(one)}・" for one in known if one)
        found = f"<q>{escape(excerpt)}</q>" if excerpt else ""
        return (
            f'<div class="talk" data-talk="{escape(entry.id)}">'
            f'<button type="button" class="open" data-act="open" aria-current="{str(here).lower()}">'
            f'<b>{escape(title)}</b><small>{small}<time data-at="{entry.changed:.0f}"></time></small>{found}</button>'
            f"{self._acts(entry) if here else ''}</div>"
        )

    def _acts(self, entry: TalkEntry) -> str:
        """What can be done with the talk that is open."""
        words = {"pin": "talk.unpin" if entry.id in self.pins else "talk.pin", "naming": "talk.rename",
                 "remove": "talk.remove_talk"}  # fmt: skip
        buttons = "".join(_button(act, t(self.language, key)) for act, key in words.items())
        label = escape(t(self.language, "talk.title_field"))
        field = f'<input type="text" hidden maxlength="80" aria-label="{label}" value="{escape(entry.title.strip())}">'
        return f'<div class="talk-acts">{buttons}</div>{field}'


def _button(act: str, words: str) -> str:
    return f'<button type="button" data-act="{act}">{escape(words)}</button>'


def _put_back(removed: Removed, language: str) -> str:
    said = escape(t(language, "talk.removed_talk", title=removed.title or t(language, "talk.untitled")))
    return (
        f'<p class="put-back" role="status" data-talk="{escape(removed.id)}">{said} '
        f"{_button('put_back', t(language, 'talk.put_back'))}</p>"
    )


def _whole(inside: str, language: str, query: str) -> str:
    label = escape(t(language, "talk.talks"))
    return f'<div class="talks" role="group" aria-label="{label}" data-query="{escape(query)}">{inside}</div>'
