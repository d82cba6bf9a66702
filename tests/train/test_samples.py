"""Sample replies: the same openings each time, answered as the chat would, and told with their step."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.messages import Turn
from core.prompt import render, stop_criteria
from core.train.events import Sample, read
from core.train.spec import JobSpec
from core.train.worker import run as worker
from core.train.worker.samples import LONGEST, answers, openings
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, run_folder, talks, tiny_base, write_dataset


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)
    return tiny_base(tmp_path_factory.mktemp("samples") / "base")


@pytest.fixture(scope="module")
def tokenizer(base: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


def row(asked: str, answered: str = "yes") -> list[Turn]:
    return [Turn("user", (asked,)), Turn("assistant", (answered,)), Turn("user", ("bye",))]


def test_openings_are_spread_over_the_rows_and_none_comes_twice(tokenizer) -> None:
    rows = [row(f"question {n // 2}") for n in range(20)]
    found = openings(rows, PROMPT_CONFIG, tokenizer, count=3)
    assert [opening.asked for opening in found] == ["question 0", "question 3", "question 6"]
    assert len(openings(rows, PROMPT_CONFIG, tokenizer, count=50)) == 10
    assert openings(rows, PROMPT_CONFIG, tokenizer, count=0) == openings([], PROMPT_CONFIG, tokenizer, count=3) == ()


def test_an_opening_is_asked_as_the_chat_asks(tokenizer) -> None:
    turns = [Turn("assistant", ("earlier",), trained=False), *row("and now?", "now")]
    (found,) = openings([turns], PROMPT_CONFIG, tokenizer, count=1)
    assert found.prompt == render(replace(PROMPT_CONFIG, reply_reserve=LONGEST), turns[:2], tokenizer).ids
    assert (found.asked, found.real) == ("and now?", "now")


def test_rows_without_a_question_are_passed_over(tokenizer) -> None:
    rows = [[Turn("user", ("alone",))], [Turn("assistant", ("first",)), *row("later")], row("long " * 400), row("fits")]
    assert [opening.asked for opening in openings(rows, PROMPT_CONFIG, tokenizer, count=9)] == ["fits"]


def test_answers_together_are_those_of_each_alone(base: Path, tokenizer) -> None:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    lora = LoraConfig(
        target_modules="all-linear", init_lora_weights=False, lora_alpha=64
    )  # or it would say one token for ever
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora).train()
    asked = openings([row("hey"), row("a longer question, are you there?")], PROMPT_CONFIG, tokenizer, count=2)
    state = torch.random.get_rng_state()
    together = answers(model, tokenizer, PROMPT_CONFIG, asked)
    assert model.training and torch.equal(torch.random.get_rng_state(), state)
    model.eval()
    for opening, said in zip(asked, together, strict=True):
        ids = torch.tensor([opening.prompt])
        ends = list(stop_criteria(PROMPT_CONFIG, tokenizer).token_ids)
        alone = model.generate(input_ids=ids, max_new_tokens=LONGEST, do_sample=False, eos_token_id=ends)
        words = tokenizer.decode(alone[0, ids.shape[1] :], skip_special_tokens=True)
        assert said == words.replace("\ufffd", "").strip() != ""


def test_a_run_tells_them_at_every_measure_and_they_change(base: Path, tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "talks", talks(24), talks(6))
    spec = JobSpec(str(base), dataset, PROMPT_CONFIG, replace(CONFIG, samples=2, epochs=4), adapter_name="mika")
    folder = run_folder(tmp_path / "run", spec)
    assert worker.run(folder) == 0
    told = [event for event in read(folder.events)[0] if isinstance(event, Sample)]
    assert [(s.step, s.number) for s in told] == [(step, n) for step in range(0, 25, 3) for n in range(2)]
    first, last = ([s for s in told if s.step == step] for step in (0, 24))
    assert [(s.asked, s.real) for s in first] == [(s.asked, s.real) for s in last]
    assert first[0].real.startswith("うん") and [s.said for s in first] != [s.said for s in last]
