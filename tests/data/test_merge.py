"""Merging exports of one chat: only what is new is added, in order, whatever the clocks tell."""

import operator
import time
from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.data.merge import merge
from core.data.sessions import talking_order
from core.messages import Kind, Message
from tests.data.test_rows import NOON, log_of, say
from tests.helpers.typed import present


def words(messages) -> list[str]:
    return [m.text for m in messages]


def timed(*texts: str, step: int = 20) -> list[Message]:
    """Messages some seconds apart, A and P by turns."""
    return [replace(say("AP"[n % 2], text), time=NOON + timedelta(seconds=n * step)) for n, text in enumerate(texts)]


def to_minutes(messages: list[Message]) -> list[Message]:
    return [replace(m, time=present(m.time).replace(second=0)) for m in messages]


def test_what_is_new_is_added_at_the_end():
    chat = timed("a", "b", "c", "d", "e")
    merged = merge(log_of(*chat[:3]), log_of(*chat))
    assert words(merged.log.messages) == ["a", "b", "c", "d", "e"]
    assert merged.added == (3, 4) and merged.known == 3 and "2 messages" in merged.log.notes[-1].en


def test_the_same_file_again_adds_nothing():
    chat = log_of(*timed("a", "うん", "うん", "b"))
    merged = merge(chat, chat)
    assert merged.log.messages == chat.messages and merged.added == () and merged.known == 4


def test_the_same_words_in_one_minute_are_matched_one_by_one():
    chat = to_minutes([say("P", "w"), say("P", "w"), say("A", "?"), say("P", "w")])
    merged = merge(log_of(*chat[:2]), log_of(*chat))
    assert words(merged.log.messages) == ["w", "w", "?", "w"] and merged.added == (2, 3)


def test_a_gap_in_the_old_file_and_what_came_before_it_are_filled():
    chat = timed("a", "b", "c", "d", "e", "f")
    merged = merge(log_of(chat[2], chat[5]), log_of(*chat))
    assert words(merged.log.messages) == list("abcdef")


def test_an_export_that_begins_later_keeps_what_it_lacks():
    chat = timed("a", "b", "c", "d", "e", "f")
    merged = merge(log_of(*chat[:4]), log_of(*chat[2:]))
    assert words(merged.log.messages) == list("abcdef") and merged.known == 2


def test_clocks_of_different_precision():
    chat = timed("a", "b", "c", "d", "e", "f", "g", "h")
    for old, newer in ((to_minutes(chat[:5]), chat), (chat[:5], to_minutes(chat)), (chat[::2], to_minutes(chat)),
                       (to_minutes(chat[::2]), chat)):  # fmt: skip
        merged = merge(log_of(*old), log_of(*newer)).log.messages
        assert words(merged) == list("abcdefgh")
        assert [merged[i].text for i in talking_order(merged)] == list("abcdefgh")


def test_marks_of_photos_may_be_in_another_language():
    old = [say("A", "[写真]", 1, Kind.MEDIA), say("P", "いいね", 2)]
    newer = [say("A", "[Photo]", 1, Kind.MEDIA), say("P", "いいね", 2), say("A", "[Photo]", 3, Kind.MEDIA)]
    assert merge(log_of(*old), log_of(*newer)).added == (2,)


TIMELESS = ["a", "うん", "b", "うん", "c", "うん", "d", "うん"]


def test_files_without_times_are_aligned():
    said = [say("AP"[n % 2], text, None) for n, text in enumerate(TIMELESS)]
    merged = merge(log_of(*said[:5]), log_of(*said[2:]))
    assert words(merged.log.messages) == TIMELESS and merged.known == 3


def test_conversations_find_each_other_whatever_their_number():
    first, second, third = timed("a", "b"), timed("x", "y"), timed("new")
    old = [*first, *(replace(m, part=1) for m in second)]
    newer = [*third, *(replace(m, part=1) for m in timed("x", "y", "z")), *(replace(m, part=2) for m in first)]
    merged = merge(log_of(*old), log_of(*newer)).log.messages
    assert [(m.text, m.part) for m in merged] == [("a", 0), ("b", 0), ("x", 1), ("y", 1), ("z", 1), ("new", 2)]


def test_reply_links_lead_to_the_same_messages():
    chat = timed("a", "b", "c", "d")
    old = [chat[0], replace(chat[2], reply_to=0)]
    newer = [chat[0], chat[1], replace(chat[2], reply_to=0), replace(chat[3], reply_to=1)]
    merged = merge(log_of(*old), log_of(*newer)).log.messages
    assert [(m.text, m.reply_to) for m in merged] == [("a", None), ("b", None), ("c", 0), ("d", 1)]


CHATS = st.lists(
    st.tuples(st.sampled_from("AP"), st.sampled_from(("うん", "w", "a", "b")), st.sampled_from((0, 7, 30, 90))),
    max_size=30,
)


@settings(max_examples=200, deadline=None, database=None)
@given(chat=CHATS, cut=st.integers(0, 30), start=st.integers(0, 30), minutes=st.booleans())
def test_two_overlapping_pieces_give_the_whole(chat, cut, start, minutes):
    clock, messages = NOON, []
    for sender, text, seconds in chat:
        clock += timedelta(seconds=seconds)
        messages.append(replace(say(sender, text), time=clock))
    messages = to_minutes(messages) if minutes else messages
    newer = messages[0 if minutes else min(start, cut) :]
    if not minutes and start >= cut:  # they only touch: the same words in the same second may be one message or two
        key = operator.attrgetter("sender", "text", "time")
        assume(not set(map(key, messages[:cut])) & set(map(key, newer)))
    merged = merge(log_of(*messages[:cut]), log_of(*newer)).log.messages
    assert [(m.sender, m.text, m.time) for m in merged] == [(m.sender, m.text, m.time) for m in messages]


def test_exports_without_times_that_repeat_themselves_are_merged_in_linear_time() -> None:
    same = [say("A", "w")] * 10_000
    started = time.process_time()
    merged = merge(log_of(*same), log_of(say("P", "first"), *same, say("P", "last")))
    assert time.process_time() - started < 5
    assert merged.known == 10_000 and len(merged.log.messages) == 10_002
