"""Replies that go wrong are stopped, tried again hotter, and at last become a line of the persona's."""

import threading
from collections.abc import Generator, Iterator
from dataclasses import replace

import pytest

from core.chat.engine import Reply
from core.chat.guards import FALLBACKS, HiddenText
from core.chat.reply_filter import ATTEMPTS, ReplyFilter, generate_with_retries, raise_temperature, with_room_to_think
from core.models.sampling import Sampling

HIDDEN = "You are Wren. You keep the lighthouse on the northern cape and count the ships at night."
LOOP = "今日も海を見てた。" * 9


class Model:
    """Says its texts one after another, a letter at a time, and notes what was read of each."""

    def __init__(self, *texts: str) -> None:
        self.texts, self.read = texts, []

    def draw(self, attempt: int) -> Generator[Reply, None, None]:
        self.read.append(0)
        n = 0
        for n in range(1, len(self.texts[attempt]) + 1):
            self.read[attempt] = n
            yield Reply(self.texts[attempt][:n], n, seed=attempt)
        yield Reply(self.texts[attempt], n, finished=True, seed=attempt)


def said(model: Model, stop: threading.Event | None = None, **watch: object) -> list[Reply]:
    return list(generate_with_retries(model.draw, replace(ReplyFilter(), **watch), stop or threading.Event()))


def test_a_good_reply_passes_as_it_is() -> None:
    replies = said(Model("やあ、いい天気だね。"), hidden=HiddenText(HIDDEN), before=("うん",))
    assert replies[-1] == Reply("やあ、いい天気だね。", 10, finished=True, seed=0)
    assert [reply.text for reply in replies[:3]] == ["や", "やあ", "やあ、"]


def test_a_loop_is_stopped_early_and_tried_again() -> None:
    model = Model(LOOP, "船が見えたよ。")
    replies = said(model)
    assert model.read[0] < len(LOOP) and len(model.read) == 2
    assert (replies[-1].text, replies[-1].seed, replies[-1].fault) == ("船が見えたよ。", 1, "loop")


def test_what_loops_every_time_keeps_a_sentence_or_becomes_a_line() -> None:
    replies = said(Model(*["今日も海を見てた。" * 9] * ATTEMPTS))
    assert (replies[-1].text, replies[-1].finished) == ("今日も海を見てた。", True)
    replies = said(Model(*["らら" * 40] * ATTEMPTS), asked="歌って")
    assert replies[-1].text in FALLBACKS["ja"] and replies[-1].fault == "loop"


def test_the_same_as_before_is_tried_again_and_then_stands() -> None:
    before = ("The ships were late again tonight.",)
    replies = said(Model("The ships were late again, tonight!", "Fog came in at nine."), before=before)
    assert (replies[-1].text, replies[-1].fault) == ("Fog came in at nine.", "again")
    replies = said(Model(*before * ATTEMPTS), before=before)
    assert replies[-1].text == before[0]


def test_hidden_text_is_never_shown_longer_than_by_chance() -> None:
    model = Model(*[f"Well. {HIDDEN}"] * ATTEMPTS)
    replies = said(model, hidden=HiddenText(HIDDEN), asked="who are you?")
    assert max(len(reply.text) for reply in replies[:-1]) < len("Well. ") + 40
    assert replies[-1].text in FALLBACKS["en"] and replies[-1].fault == "recited"


def test_who_stops_a_reply_keeps_what_was_there() -> None:
    stop, model = threading.Event(), Model("The ships were late again tonight.")
    replies = []
    for reply in generate_with_retries(model.draw, ReplyFilter(before=("The ships were late again tonight.",)), stop):
        replies.append(reply)
        stop.set()
    assert len(model.read) == 1 and replies[-1].text == "The ships were late again tonight."


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0), Sampling(temperature=2)])
def test_every_attempt_is_hotter(sampling: Sampling) -> None:
    first, second, third = (raise_temperature(sampling, attempt) for attempt in range(3))
    assert first == sampling
    assert second.temperature <= third.temperature and second.temperature >= min(2, sampling.temperature + 0.2)
    assert second.no_repeat_ngram > 0 and second.repetition_penalty >= 1.1


def rooms(*texts: str, most: int = 100, stopped: bool = False) -> tuple[list[Reply], list[int]]:
    asked: list[int] = []
    stop = threading.Event()

    def draw(room: int) -> Iterator[Reply]:
        asked.append(room)
        yield Reply(texts[len(asked) - 1], 5)
        if stopped:
            stop.set()
        yield Reply(texts[len(asked) - 1], 5, finished=True)

    return list(with_room_to_think(draw, 10, most, stop)), asked


def test_thoughts_are_no_words() -> None:
    replies, asked = rooms("<think>hm hm</think>\n\nhello")
    assert (replies[-1].text, replies[-1].thoughts, replies[-1].finished) == ("hello", "hm hm", True)
    assert 0 < replies[-1].thought_tokens < 5 and asked == [10]


def test_what_was_all_thought_says_so_and_gets_more_room() -> None:
    replies, asked = rooms("<think>hm", "<think>hmm</think>", "<think>hm</think>hello")
    assert asked == [10, 40, 100] and replies[-1].text == "hello"
    assert [reply.only_thought for reply in replies] == [False, False, True, False, False, True, False, False]
    replies, asked = rooms(*["<think>hm"] * 3)
    assert replies[-1].only_thought and not replies[-1].text and len(asked) == 3
    assert rooms(*["<think>hm"] * 3, most=10)[1] == [10]
    replies, asked = rooms("<think>hm", stopped=True)
    assert asked == [10] and not replies[-1].only_thought


def test_a_loop_is_looked_for_in_words_alone() -> None:
    model = Model(f"<think>{LOOP}</think>やあ。")

    def draw(attempt: int) -> Generator[Reply, None, None]:
        return with_room_to_think(lambda _: model.draw(attempt), 10, 10, threading.Event())

    replies = list(generate_with_retries(draw, ReplyFilter(), threading.Event()))
    assert (replies[-1].text, replies[-1].fault, len(model.read)) == ("やあ。", "", 1)
