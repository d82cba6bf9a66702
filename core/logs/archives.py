"""Several logs of one archive as one log: each file is a conversation of its own."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from core.errors import InputError
from core.logs.log import Guess, Hints, LineCount, Log
from core.messages import Message
from core.text import Text

NAMED = 5  # files in a sentence


def joined(logs: Mapping[str, Log], failed: Mapping[str, InputError], hints: Hints) -> Log:
    """One log of all that were read, or of those that `hints` choose; a note names those that were not.

    Raises InputError when none was read.
    """
    titled = _titled(logs)
    if not titled:
        raise _none_read(failed)
    wanted = hints.conversations or ()
    chosen = [title for title in titled if title in wanted] or list(titled)
    messages: list[Message] = []
    parts: list[str] = []
    for title in chosen:
        _add(messages, parts, title, titled[title])
    taken = [titled[title] for title in chosen]
    largest = max(taken, key=lambda log: len(log.messages))
    notes = tuple(dict.fromkeys(note for log in taken for note in log.notes))
    return Log(
        largest.format,
        tuple(messages),
        _sum([log.lines for log in taken]),
        (*_guesses(taken), *([_choice(titled, chosen)] if len(titled) > 1 else [])),
        (*notes, *([_left_out(failed)] if failed else [])),
        partner=largest.partner if len(taken) == 1 else None,
        encoding=largest.encoding,
        in_utc=any(log.in_utc for log in taken),
        parts=tuple(parts) if len(titled) > 1 else largest.parts,
    )


def _titled(logs: Mapping[str, Log]) -> dict[str, Log]:
    """By the name of the file, or with its folders where two have the same."""
    stems = [PurePosixPath(name).stem for name in logs]
    return {
        stem if stems.count(stem) == 1 else name: log for stem, (name, log) in zip(stems, logs.items(), strict=True)
    }


def _add(messages: list[Message], parts: list[str], title: str, log: Log) -> None:
    """The messages of `log`, with their parts and links moved behind those that are there."""
    start = len(messages)
    numbers: dict[int, int] = {}
    for message in log.messages:
        if message.part not in numbers:
            inner = log.parts[message.part - 1] if 0 < message.part <= len(log.parts) else ""
            parts.append(f"{title} / {inner}" if inner else title)
            numbers[message.part] = len(parts)
        link = None if message.reply_to is None else message.reply_to + start
        messages.append(replace(message, part=numbers[message.part], reply_to=link))


def _sum(counts: list[LineCount]) -> LineCount:
    return LineCount(
        sum(c.total for c in counts),
        sum(c.messages for c in counts),
        sum(c.marks for c in counts),
        sum(c.blank for c in counts),
        sum(c.unread for c in counts),
        sum(c.doubtful for c in counts),
    )


def _guesses(logs: list[Log]) -> list[Guess]:
    """What was guessed, once each: names and presumed sentences of all files together, else the first file's guess."""
    merged: dict[str, Guess] = {}
    for guess in (guess for log in logs for guess in log.guesses if guess.about != "conversations"):
        known = merged.setdefault(guess.about, guess)
        if guess.about in ("names", "presumed") and known is not guess:
            merged[guess.about] = replace(
                known,
                value=tuple(dict.fromkeys((*known.value, *guess.value))),
                choices=tuple(dict.fromkeys((*known.choices, *guess.choices))),
                certain=known.certain and guess.certain,
            )
    return list(merged.values())


def _choice(titled: Mapping[str, Log], chosen: list[str]) -> Guess:
    n, m = len(chosen), len(titled)
    largest_first = sorted(titled, key=lambda title: -len(titled[title].messages))
    note = Text(
        f"The archive holds {m:,} logs; {n:,} of them are used. They are never joined.",
        f"アーカイブに記録が {m:,} 件あり、{n:,} 件を使います。記録どうしをつなげることはありません。",
    )
    return Guess("conversations", tuple(chosen), tuple(largest_first), True, note)


def _left_out(failed: Mapping[str, InputError]) -> Text:
    names = ", ".join(list(failed)[:NAMED]) + (" …" if len(failed) > NAMED else "")
    return Text(
        f"{len(failed):,} files of the archive are no logs that can be read: {names}.",
        f"アーカイブの {len(failed):,} 件のファイルは記録として読めませんでした：{names}。",
    )


def _none_read(failed: Mapping[str, InputError]) -> InputError:
    names = ", ".join(list(failed)[:NAMED])
    first = next(iter(failed.values()))
    return InputError(
        f"This zip holds several texts ({names}) and none is a log that can be read. The first: {first.en}",
        f"この zip には複数のテキスト（{names}）がありますが、どれも記録として読めません。最初のもの：{first.ja}",
    )
