"""The readers of pages (HTML), and how the pages of one chat, of a file or of an archive, become a log."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePosixPath
from typing import BinaryIO, Protocol

from core.logs.formats.html import discord, meta, telegram
from core.logs.log import Format, Guess, Hints, Log
from core.logs.parsing.archive import Archive
from core.logs.parsing.conversations import LogConversation, assemble
from core.logs.parsing.html_source import head_of
from core.logs.parsing.stamps import clocks

Opened = Callable[[], BinaryIO]
PAGES = ("*.html", "*.htm")


class ParsedPage(Protocol):
    """A parser of one page; `sender` is who wrote last, `names` are people's names by their ids."""

    sender: str | None
    names: dict[str, str]

    def read(self, open: Opened) -> None: ...


@dataclass(frozen=True)
class HtmlFormat:
    """One format of pages."""

    FORMAT: Format
    page: Callable[[LogConversation, dict[int, str], str | None], ParsedPage]
    """Makes the parser of one page; it adds entries to the conversation and, by place, their times as written."""
    claims: Callable[[str], bool]
    """Whether a page that begins so is in this format."""
    group_of: Callable[[str], tuple[str, int] | None]
    """Which chat a file of an archive belongs to, and its number there; None for a page of no chat."""
    finish: Callable[[LogConversation], None] | None = None
    """What is left to do when all entries have their times."""


HTML_FORMATS = (
    HtmlFormat(telegram.FORMAT, telegram.TelegramPage, telegram.claims, telegram.group_of),
    HtmlFormat(discord.FORMAT, discord.DiscordPage, discord.claims, discord.group_of),
    HtmlFormat(meta.FORMAT, meta.MetaPage, meta.claims, meta.group_of, meta.finish),
)


def format_of(open: Opened, format: str | None = None) -> HtmlFormat | None:
    """The format of a page; None for a page of no known one."""
    head = head_of(open)
    wanted = (one for one in HTML_FORMATS if format in (None, one.FORMAT.id))
    return next((one for one in wanted if format or one.claims(head)), None)


def read_pages(how: HtmlFormat, chats: Mapping[str, Sequence[Opened]], hints: Hints) -> Log:
    """Every chat as a conversation; each is read from its pages in their order."""
    names: dict[str, str] = {}
    conversations: list[LogConversation] = []
    guesses: list[Guess] = []
    for name, pages in chats.items():
        one, guess = _conversation(how, name, pages, hints, names)
        conversations.append(one)
        guesses += [guess] if guess else []
    log = assemble(how.FORMAT, conversations, hints, names=names, by_time=True)
    return replace(log, guesses=(*log.guesses, *guesses[:1]))


def chats_in(archive: Archive, format: str | None) -> tuple[HtmlFormat, dict[str, list[Opened]]] | None:
    """The format of the pages in an archive, and the pages of each chat in their order; None where there are none."""
    names = archive.matching(*PAGES)
    for how in HTML_FORMATS:
        if format not in (None, how.FORMAT.id):
            continue
        groups: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for name in names:
            group = how.group_of(name)
            if group:
                groups[group[0]].append((group[1], name))
        titles = [PurePosixPath(group).name for group in groups]
        found = {
            (title if title and titles.count(title) == 1 else group): [
                partial(archive.open_file, name) for _, name in sorted(pages)
            ]
            for title, (group, pages) in zip(titles, groups.items(), strict=True)
            if how.claims(head_of(partial(archive.open_file, sorted(pages)[0][1])))
        }
        if found:
            return how, found
    return None


def _conversation(
    how: HtmlFormat, name: str, pages: Sequence[Opened], hints: Hints, names: dict[str, str]
) -> tuple[LogConversation, Guess | None]:
    one, stamps, sender = LogConversation(""), dict[int, str](), None
    for open in pages:
        page = how.page(one, stamps, sender)
        page.read(open)
        sender = page.sender
        names |= page.names
    one.name = one.name or name
    times = clocks((stamps[entry.place] for entry in one.entries if entry.place in stamps), hints.date_order)
    for entry in one.entries:
        if entry.place in stamps:
            entry.time = times.moment(stamps[entry.place], None)
    if how.finish:
        how.finish(one)
    people = {names.get(entry.sender, entry.sender): entry.sender for entry in one.entries if entry.sender}
    one.partner = people.get(one.name) if len(people) <= 2 else None
    return one, times.guess if stamps else None
