"""A reply that is watched while it is written: stopped when it loops or recites, and tried again, hotter."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

from core.chat.engine import Reply
from core.chat.guards import FALLBACKS, HiddenText, deflection
from core.chat.loops import find_loop, says_again
from core.models.sampling import Sampling
from core.thoughts import split_growing, split_thoughts

ATTEMPTS = 3
MORE_ROOM, ROOMS = 4, 3  # a reply that was all thought is asked for again with four times the room, twice
TEMPERATURE_STEP = 0.2
SENTENCE = 8  # characters: one round of a loop that is as long can stand as a reply


@dataclass(frozen=True)
class ReplyFilter:
    """What a reply must not be."""

    before: tuple[str, ...] = ()
    """The persona's last replies, which it is not to say again."""
    hidden: HiddenText = field(default_factory=HiddenText)
    """The persona's text, which it is not to recite."""
    asked: str = ""
    """What the user said last: the language of the line that stands for a reply that would not come."""

    def check_partial(self, reply: Reply) -> Reply:
        """`reply` as it is, or cut before what is wrong with it, which is named."""
        if loop := find_loop(reply.text):
            return replace(reply, text=loop.cut(reply.text), fault="loop")
        start = self.hidden.find_prompt_leak(reply.text)
        return reply if start is None else replace(reply, text=reply.text[:start].rstrip(), fault="recited")

    def check_final(self, reply: Reply) -> Reply:
        """The same of a reply that has ended."""
        return replace(reply, fault="again") if says_again(reply.text, self.before) else reply


def raise_temperature(sampling: Sampling, attempt: int) -> Sampling:
    """How to draw when the attempt before went wrong: warmer, with longer runs of tokens only once."""
    if attempt == 0:
        return sampling
    return replace(
        sampling,
        temperature=min(2.0, max(sampling.temperature, 0.5) + TEMPERATURE_STEP * attempt),
        repetition_penalty=max(sampling.repetition_penalty, 1.1),
        no_repeat_ngram=sampling.no_repeat_ngram or 6,
    )


def without_thoughts(replies: Iterator[Reply]) -> Generator[Reply, None, None]:
    """The same replies with their thoughts apart from their words."""
    for reply in replies:
        said = split_thoughts(reply.text) if reply.finished else split_growing(reply.text)
        inner = "\n\n".join(part for part in (reply.thoughts.strip(), *said.thoughts) if part)
        share = len(inner) / max(1, len(inner) + len(said.words))
        yield replace(
            reply, text=said.words.strip() if said.thoughts else said.words, thoughts=inner,
            thought_tokens=reply.thought_tokens or round(reply.tokens * share),
        )  # fmt: skip


def with_room_to_think(
    draw: Callable[[int], Iterator[Reply]], room: int, most: int, stop: threading.Event
) -> Generator[Reply, None, None]:
    """The replies of `draw(room)`, `room` tokens long at most; a reply that was all thought is drawn with more room.

    Once for each such attempt a reply says so (`only_thought`). Room for no more than `most` tokens is given.
    """
    reply = Reply("", 0)
    for _ in range(ROOMS):
        with closing(without_thoughts(draw(room))) as stream:
            for reply in stream:
                yield reply
        if reply.text or not reply.thoughts or stop.is_set():
            return
        reply = replace(reply, only_thought=True, finished=False)
        yield reply
        if room >= most:
            return
        room = min(most, room * MORE_ROOM)


def generate_with_retries(
    draw: Callable[[int], Generator[Reply, None, None]], watch: ReplyFilter, stop: threading.Event
) -> Iterator[Reply]:
    """Yield the reply of `draw(0)` as it grows; what goes wrong is drawn again, `draw(1)`, `draw(2)`.

    When the last one is wrong, too, a loop of whole sentences is kept for one round, a reply of before stands,
    and otherwise a line of the persona's says that it is at a loss. The last reply names its fault.
    """
    reply, fault = Reply("", 0), ""
    for attempt in range(ATTEMPTS):
        with closing(draw(attempt)) as stream:
            for shown in stream:
                reply = watch.check_partial(shown)
                if reply.fault:
                    break
                yield replace(reply, fault=fault)
        if not reply.fault and not stop.is_set():
            reply = watch.check_final(reply)
        if not reply.fault or stop.is_set():
            yield replace(reply, fault=reply.fault or fault)
            return
        fault = reply.fault
    yield _at_last(reply, watch)


def _at_last(reply: Reply, watch: ReplyFilter) -> Reply:
    """What is said when every attempt went wrong."""
    if reply.fault == "again" or (reply.fault == "loop" and len(reply.text) >= SENTENCE):
        return replace(reply, finished=True)
    return replace(reply, text=deflection(FALLBACKS, watch.asked, len(watch.before) + reply.tokens), finished=True)
