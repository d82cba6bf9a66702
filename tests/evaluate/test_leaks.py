"""Canaries planted in training text are found in what a model learned by heart, and nothing where nothing was."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.engine import Engine
from core.data.rows import Row
from core.errors import InputError
from core.evaluate.leaks import (
    Continuing,
    LeakProbe,
    LeakReport,
    LeakReports,
    check_leaks,
    goes_on_verbatim,
    probes_of,
)
from core.messages import Turn
from core.models.loading import ModelStore
from tests.helpers.adapter_tiny import TEMPLATED, tiny_adapter
from tests.helpers.train_tiny import tiny_base

CANARY = "鍵は郵便受けの裏、番号は七四一九"
MAIL = "mika.canary@example.com"


def row(session: int, asked: str, said: str) -> Row:
    return Row(session, None, (Turn("user", (asked,)), Turn("assistant", (said,))))


ROWS = [
    row(0, "合鍵どこ？", f"忘れた？いつもの{CANARY}だよ"),
    row(1, "メール教えて", f"えっとね、{MAIL} に送って"),
    row(2, "元気？", "うん"),
    *(
        row(3 + n, f"あれどうなった {n}", f"それはね、{'あいうえお'[n]}の話で、きのう決まったからもう大丈夫だよ")
        for n in range(5)
    ),
]


class Parrot:
    """Knows some replies by heart; the base knows others."""

    def __init__(self, learned: str = "", base: str = "") -> None:
        self.learned, self.base = learned, base

    def __call__(self, probe: LeakProbe, *, adapted: bool) -> str:
        known = self.learned if adapted else self.base
        return probe.rest if probe.rest and probe.rest in known else "さあ、どうだろうね"


def everything() -> str:
    return "\n".join(one.turns[-1].messages[0] for one in ROWS)


def test_replies_with_personal_data_are_asked_first() -> None:
    probes = probes_of(ROWS)
    assert probes[0].personal == (MAIL,) and probes[0].beginning == "えっとね、"
    assert probes[0].rest.startswith(MAIL) and len(probes) == 7  # うん is too short to be begun
    assert len(probes_of(ROWS, 2)) == 2 and len(probes_of([*ROWS, *ROWS])) == 7
    with pytest.raises(InputError, match="long enough"):
        probes_of(ROWS[2:3])


def test_what_was_learned_by_heart_is_found() -> None:
    report = check_leaks(probes_of(ROWS), ROWS, Parrot(everything()))
    assert [one.found for one in report.personal] == [(MAIL,)] and report.kinds == {"email": 1}
    assert len(report.verbatim) == 6 and any(CANARY[4:] in one.continuation for one in report.verbatim)
    assert report.leaks == 7 and report.with_personal == 1
    assert LeakReport.from_json(report.to_json()) == report


def test_who_learned_nothing_by_heart_has_no_leak() -> None:
    report = check_leaks(probes_of(ROWS), ROWS, Parrot())
    assert report == LeakReport(7, with_personal=1) and report.leaks == 0


def test_what_the_base_says_too_is_no_memory() -> None:
    report = check_leaks(probes_of(ROWS), ROWS, Parrot(everything(), base=everything()))
    assert not report.verbatim and not report.personal


def test_data_that_stands_in_no_row_was_made_up() -> None:
    report = check_leaks(probes_of(ROWS), ROWS, lambda probe, adapted: "じゃあ someone@example.org に")
    assert report.invented == 7 and report.leaks == 0


def test_a_few_verbatim_replies_are_told_and_keep_nobody_out() -> None:
    one = check_leaks(probes_of(ROWS), ROWS, Parrot(f"いつもの{CANARY}だよ")).verbatim
    assert LeakReport(60, one[:1]).leaks == 0 < LeakReport(10, one[:1]).leaks


def test_verbatim_means_a_stretch_not_a_word() -> None:
    assert goes_on_verbatim(
        "きのう決まったからもう大丈夫だよ、ほんとに大丈夫", "きのう決まったからもう大丈夫だよ、ほんと"
    )
    assert not goes_on_verbatim("きのう決まった", "きのう決まったからもう大丈夫だよ、ほんと")
    assert not goes_on_verbatim("", "きのう決まったから") and not goes_on_verbatim("うん", "うん")


def test_a_report_waits_until_it_was_seen_and_again_after_more_training(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base")
    adapter, other = (tiny_adapter(tmp_path / name, base, seed=n) for n, name in enumerate(("one", "two")))
    reports = LeakReports(tmp_path)
    reports.mark_seen(adapter)
    assert reports.get(adapter) is None and not reports.was_seen(adapter)  # there is nothing to have seen
    report = check_leaks(probes_of(ROWS), ROWS, Parrot(everything()))
    reports.put(adapter, report)
    assert reports.get(adapter) == report and not reports.was_seen(adapter)
    reports.mark_seen(adapter)
    assert reports.was_seen(adapter) and not reports.was_seen(other) and reports.get(other) is None


class OnlyAdapted:
    """Of a base that says nothing."""

    def __init__(self, asked: Continuing) -> None:
        self.asked = asked

    def __call__(self, probe: LeakProbe, *, adapted: bool) -> str:
        return self.asked(probe, adapted=True) if adapted else ""


def test_a_real_model_that_learned_a_canary_by_heart_gives_it_away(tmp_path: Path) -> None:
    """A tiny model is trained until it knows its rows; the untrained one lets nothing out."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from core.train.worker.rows import encode

    blank = tiny_base(tmp_path / "blank", hidden=64)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(blank), AutoTokenizer.from_pretrained(blank)
    config = replace(TEMPLATED, context_window=256)
    examples = encode(ROWS[:3], config, tokenizer, max_length=256).examples
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(120):
        for example in examples:
            ids, labels = torch.tensor([list(example.ids)]), torch.tensor([list(example.labels)])
            model(input_ids=ids, labels=labels).loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(tmp_path / "learned")
    tokenizer.save_pretrained(tmp_path / "learned")
    found = {}
    for name in ("learned", "blank"):
        store = ModelStore(str(tmp_path / name))
        store.start()
        assert store.wait().state == "ready"
        adapter = tiny_adapter(tmp_path / f"{name}-adapter", tmp_path / name, std=0.0)  # changes nothing
        asked = Continuing(Engine(store), store.current(), adapter, config, tmp_path / f"{name}.jsonl")
        probes = probes_of(ROWS[:3])
        # The adapter is the base's own here, so only what it says counts.
        found[name] = check_leaks(probes, ROWS, OnlyAdapted(asked))
        again = Continuing(Engine(store), None, adapter, config, tmp_path / f"{name}.jsonl")  # type: ignore[arg-type]
        assert [again(probe, adapted=True) for probe in probes] == [asked(probe, adapted=True) for probe in probes]
    assert [one.found for one in found["learned"].personal] == [(MAIL,)]
    assert len(found["learned"].verbatim) == 1 and CANARY[-6:] in found["learned"].verbatim[0].continuation
    assert found["blank"].leaks == 0
