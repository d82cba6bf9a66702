"""A character book as a person edits it: a line for an entry, the words that bring it up before the colon."""

import re
from dataclasses import replace

from core.personas.lorebook import Lorebook, LorebookEntry
from core.personas.lorebook_file import listed


def format_book(book: Lorebook) -> str:
    """The entries as a person edits them: "words: what comes to mind", its further lines indented; no words: always."""
    return "\n".join(_line(entry) for entry in book.entries)


def edited(book: Lorebook, text: str) -> Lorebook:
    """The book as it was edited. An entry whose lines were not changed stays what it was, wherever it stands now.

    >>> [(e.keys, e.content) for e in edited(Lorebook(), "むぎ、猫: 茶色い猫。\\n  鈴が鳴る。").entries]
    [(('むぎ', '猫'), '茶色い猫。\\n鈴が鳴る。')]
    """
    known = {_line(entry): entry for entry in book.entries}
    entries: list[LorebookEntry] = []
    for place, lines in enumerate(re.findall(r"^[^\S\n]*\S.*(?:\n[ \t\u3000]+\S.*)*", text, re.MULTILINE)):
        keys, colon, content = lines.strip().replace("：", ":", 1).partition(":")
        keys, content = (keys, content) if colon and "\n" not in keys else ("", lines)
        content = "\n".join(line.strip() for line in content.strip().split("\n"))
        if not content:
            continue
        before = book.entries[place] if place < len(book.entries) else LorebookEntry((), "")
        named = listed(keys.replace("、", ",").replace("，", ","))
        constant = not named or (before.constant and bool(before.keys))
        entries.append(known.get(lines.strip(), replace(before, keys=named, content=content, constant=constant)))
    return replace(book, entries=tuple(entries))


def _line(entry: LorebookEntry) -> str:
    first, *more = (line.strip() for line in entry.content.strip().split("\n"))
    return "\n  ".join([f"{', '.join(entry.keys)}: {first}".strip(), *filter(None, more)])
