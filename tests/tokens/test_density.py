"""What a window holds of a log, against counting by hand."""

from datetime import datetime, timedelta

import pytest
from transformers import PreTrainedTokenizerBase

from core.catalogue.bundled import FOLDER
from core.errors import InputError
from core.messages import Message
from core.models.tokenizers.check import load_tokenizer
from core.tokens import counting
from core.tokens.counting import batches, count_texts
from core.tokens.density import CLASSES, Density, measure
from core.tokens.scripts import script_costs, scripts_in
from tests.helpers.typed import present

START = datetime(2025, 4, 18, 10)


@pytest.fixture(scope="module")
def bundled() -> PreTrainedTokenizerBase:
    return load_tokenizer(FOLDER)


def said(*texts: str, minutes: int = 1) -> list[Message]:
    return [Message("葵", text, k + 1, time=START + timedelta(minutes=minutes * k)) for k, text in enumerate(texts)]


def of_sizes(sizes: list[int], *, overhead: int = 0, minutes: int = 1) -> Density:
    from array import array

    return Density(said(*("あ" * size for size in sizes), minutes=minutes), array("I", sizes), overhead, ())


def test_counts_are_those_of_each_text_alone(bundled: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BATCH", 7)
    texts = [f"今日は{n}時に会おう😊" * (n % 5) for n in range(40)]
    done: list[int] = []
    counts = count_texts(iter(texts), bundled, done.append)
    assert list(counts) == [len(bundled(text, add_special_tokens=False)["input_ids"]) for text in texts]
    assert done == [7, 14, 21, 28, 35, 40]


def test_batches_are_bounded_by_texts_and_by_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "BATCH", 3)
    monkeypatch.setattr(counting, "BATCH_CHARACTERS", 10)
    found = list(batches(["a" * 4, "b" * 4, "c" * 4, "d" * 50, "e", "f", "g", "h"]))
    assert [[len(text) for text in batch] for batch in found] == [[4, 4], [4], [50], [1, 1], [1, 1]]


def test_who_wants_to_stop_ends_the_counting_within_a_batch(
    bundled: PreTrainedTokenizerBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "BATCH", 2)
    taken: list[str] = []

    def texts() -> object:
        for n in range(100):
            taken.append(str(n))
            yield str(n)

    def stop(done: int) -> None:
        raise InputError("stop", "中止")

    with pytest.raises(InputError):
        count_texts(texts(), bundled, stop)  # pyright: ignore[reportArgumentType]
    assert len(taken) <= 3  # one batch, and the first of the next


def test_a_tokenizer_that_cuts_texts_is_counted_without_cutting(bundled: PreTrainedTokenizerBase) -> None:
    import copy

    cutting = copy.deepcopy(bundled)
    bare = present(counting.bare_tokenizer(cutting))
    bare.enable_truncation(4)
    bare.enable_padding(length=9)
    texts = ["今日はとてもいい天気ですね。散歩に行きましょう。", "はい"]
    assert count_texts(texts, cutting) == count_texts(texts, bundled)


def test_figures_of_a_log() -> None:
    density = of_sizes([10, 20, 30], minutes=2)
    assert (density.tokens, density.characters, density.minutes) == (60, 60, 4.0)
    assert (density.per_message, density.per_minute, density.per_page) == (20, 15, 400)
    assert sum(density.histogram) == 3 and density.histogram[CLASSES.index(8)] == 1
    assert density.running == [10, 20, 30]


def test_a_window_holds_whole_messages_with_what_a_chat_puts_around_them() -> None:
    density = of_sizes([10] * 100, overhead=5)
    room = density.room(100)  # 6 messages of 15 tokens
    assert room.messages.middle == 6 and room.characters.middle == 60 and not room.whole
    assert room.minutes and room.minutes.middle == 5
    assert density.fitting(100, last=99) == range(94, 100)
    assert density.fitting(100, last=2) == range(3)
    assert density.fitting(14, last=50) == range(51, 51)  # not even the last message fits


def test_the_range_is_over_all_places_of_the_log() -> None:
    density = of_sizes([1] * 300 + [50] * 150)
    room = density.room(100)
    assert (room.messages.low, room.messages.middle, room.messages.high) == (2, 100, 100)


def test_a_log_that_fits_whole_says_so() -> None:
    room = of_sizes([10, 20]).room(1024)
    assert room.whole and room.messages.middle == 2 and room.characters.middle == 30


def test_silences_are_no_talk() -> None:
    night = [*said("a", "b"), Message("葵", "c", 3, time=START + timedelta(hours=9))]
    from array import array

    assert Density(night, array("I", [1, 1, 1]), 0, ()).minutes == 1.0
    timeless = [Message("葵", "a", 1), Message("葵", "b", 2)]
    density = Density(timeless, array("I", [1, 1]), 0, ())
    assert density.minutes is None and density.per_minute is None and density.room(5).minutes is None


def test_the_table_ends_where_everything_fits() -> None:
    table = of_sizes([10] * 60).table(["tokens", "messages", "characters", "pages", "minutes"])
    assert [line[:3] for line in table.rows] == [(512, 51, 510), (1024, 60, 600)]


def test_scripts_share_the_tokens_of_a_text(bundled: PreTrainedTokenizerBase) -> None:
    texts = ["東京でhamburgerを2つ😊", "ありがとう！"]
    costs = {one.script: one for one in script_costs(texts, bundled)}
    assert costs["kanji"].characters == 2 and costs["latin"].characters == 9 and costs["emoji"].characters == 1
    every = sum(len(bundled(text, add_special_tokens=False)["input_ids"]) for text in texts)
    assert sum(one.tokens for one in costs.values()) == pytest.approx(every)
    assert costs["emoji"].tokens_per_character == 4  # four bytes, that the small vocabulary lacks


def test_an_emoji_is_one_with_what_joins_to_it() -> None:
    assert scripts_in("👩‍👩‍👧a") == ["emoji"] * 5 + ["latin"]


def test_measuring_nothing_is_refused(bundled: PreTrainedTokenizerBase) -> None:
    with pytest.raises(InputError):
        measure([], bundled)


def test_a_measured_log_has_the_tokens_of_its_messages(bundled: PreTrainedTokenizerBase) -> None:
    density = measure(said("おはよう", "今日は寒いね", "うん"), bundled, overhead=3)
    assert list(density.counts) == list(count_texts(["おはよう", "今日は寒いね", "うん"], bundled))
    assert density.cost(0) == density.counts[0] + 3 and {one.script for one in density.scripts} >= {"kanji", "kana"}
