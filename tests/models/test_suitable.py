"""Which model suits a machine: by memory on a GPU, by memory and measured speed on a CPU."""

import pytest

from core.catalogue.catalogue import suggested
from core.models.precision import CpuSpeeds
from core.models.sizing import suitable
from core.models.sizing.machine import Machine
from core.models.sizing.suitable import ranked, suggested_model, suitability

GB = 10**9
LAPTOP = CpuSpeeds({"fp32": 2e11, "bf16": 1e11}, {"fp32": 5e9, "bf16": 1e10})
SERVER = CpuSpeeds({"fp32": 2e12, "bf16": 8e12}, {"fp32": 1e11, "bf16": 2e11})


def speed(monkeypatch: pytest.MonkeyPatch, speeds: CpuSpeeds) -> None:
    monkeypatch.setattr(suitable, "cpu_speeds", lambda: speeds)


def test_a_faster_processor_is_offered_a_larger_model(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    for speeds in (LAPTOP, SERVER):
        speed(monkeypatch, speeds)
        found = suggested_model(Machine(32 * GB))
        assert found is not None and found.suits and not found.entry.gated
        sizes.append(found.entry.parameters or 0)
    assert sizes[0] < sizes[1]


def test_the_pace_follows_from_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    speed(monkeypatch, LAPTOP)
    smallest = suitability(suggested()[0], Machine(32 * GB))
    assert smallest.pace is not None and smallest.entry.parameters == 596_049_920
    seconds = 596_049_920 / 1e10 + 28 * suitable.LAYER_SECONDS  # it speaks in bfloat16 there
    assert smallest.pace.tokens_per_second == pytest.approx(1 / seconds)
    assert smallest.pace.first_word == pytest.approx(300 * 2 * 596_049_920 / 1e11)
    assert "tokens a second" in smallest.reason.en and "トークン" in smallest.reason.ja
    assert smallest.download == 2 * 596_049_920


def test_small_memory_decides_before_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    speed(monkeypatch, SERVER)
    found = suggested_model(Machine(3 * GB))
    assert found is not None and (found.memory or 0) <= 3 * GB
    assert suggested_model(Machine(GB // 4)) is None
    order = [each.fit for each in ranked(Machine(3 * GB))]
    assert order == sorted(order, key=suitable.RANKS.index)


def test_a_gpu_is_judged_by_its_memory_and_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> CpuSpeeds:
        raise AssertionError("measured")

    monkeypatch.setattr(suitable, "cpu_speeds", never)
    found = suggested_model(Machine(32 * GB, 80 * GB))
    assert found is not None and found.pace is None and "80 GB" in found.reason.en


def test_a_page_that_opens_waits_for_no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured() -> CpuSpeeds:
        raise AssertionError("measured")

    monkeypatch.setattr(suitable, "cpu_speeds", measured)
    monkeypatch.setattr(suitable, "speeds_are_known", lambda: False)
    found = ranked(Machine(64 * GB), measure=False)
    assert [each.entry for each in found] == list(suggested()) and not any(each.pace for each in found)


def test_nothing_is_suggested_before_it_is_known_how_fast_it_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suitable, "speeds_are_known", lambda: False)
    assert suggested_model(Machine(64 * GB), measure=False) is None
    assert suggested_model(Machine(64 * GB, 80 * GB), measure=False) is not None
    speed(monkeypatch, LAPTOP)
    monkeypatch.setattr(suitable, "speeds_are_known", lambda: True)
    assert suggested_model(Machine(64 * GB), measure=False) == suggested_model(Machine(64 * GB))


def test_every_suggestion_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    speed(monkeypatch, LAPTOP)
    found = ranked(Machine(16 * GB))
    assert len(found) == len(suggested()) and all(each.reason.en and each.reason.ja for each in found)
    suits = [each.suits for each in found]
    assert suits == sorted(suits, reverse=True)
