"""Preference tuning: TRL's loss on our ids, pairs that answer the same words, and a run that prefers and goes on."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.data.preferences import Pair, write_pairs
from core.errors import InputError
from core.files import read_json
from core.messages import Turn
from core.prompt import render
from core.text import wording_similarity
from core.train.events import Done, Event, Failed, Launched, Notice, PreferenceEval, Stopped, ValidationLoss, read
from core.train.preference.config import (
    IGNORED,
    PreferenceConfig,
    PreferencePlace,
    encode_pairs,
    pair_of,
    places,
)
from core.train.spec import JobSpec, RunFolder
from core.train.worker import run as worker
from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG, run_folder, talks, tiny_base, write_dataset
from tests.helpers.typed import present

CONTEXT = (Turn("user", ("hey",)), Turn("assistant", ("うん",)), Turn("user", ("what is it?", "tell me")))
PAIRS = [Pair(CONTEXT, ("寝てた", "ごめん"), ("I am an assistant.",)), Pair(CONTEXT[:1], ("いるよ",), ("yes", "no"))]
PREFER = replace(CONFIG, learning_rate=0.01, epochs=2, dropout=0.0, samples=0)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    torch.set_num_threads(1)
    return tiny_base(tmp_path_factory.mktemp("prefer") / "base")


@pytest.fixture(scope="module")
def tokenizer(base: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(base)


@pytest.fixture(scope="module")
def tuned(base: Path) -> RunFolder:
    """An ordinary run whose adapter preference tuning goes on from."""
    dataset = write_dataset(base.parent / "talks", talks(24), talks(6))
    folder = run_folder(base.parent / "sft", JobSpec(str(base), dataset, PROMPT_CONFIG, CONFIG, adapter_name="mika"))
    assert worker.run(folder) == 0
    return folder


def prefer(tuned: RunFolder, path: Path, pairs: list[Pair] = PAIRS, **changes: object) -> RunFolder:
    spec = tuned.read_spec()
    spec = replace(spec, **{"config": PREFER, "preference": PreferenceConfig(own_replies=16)} | changes)
    folder = run_folder(path, spec)
    folder.take_rows(spec.dataset)
    folder.take_start(tuned.adapter)
    write_pairs(folder.corrections, pairs)
    return folder


def events(folder: RunFolder, kind: type[Event]) -> list:
    return [event for event in read(folder.events)[0] if isinstance(event, kind)]


def weights(folder: RunFolder) -> dict:
    from safetensors.torch import load_file

    return load_file(folder.adapter / "adapter_model.safetensors")


def test_both_replies_follow_the_prompt_that_the_chat_asks_with(tokenizer) -> None:
    prompt_config = replace(PROMPT_CONFIG, reply_reserve=20)
    (first, _), too_long = encode_pairs(PAIRS, prompt_config, tokenizer, max_length=256)
    asked = list(render(prompt_config, CONTEXT, tokenizer).ids)
    for reply, said in ((first.chosen, "寝てた\nごめん<|im_end|>"), (first.rejected, "I am an assistant.<|im_end|>")):
        assert list(reply.ids[: len(asked)]) == asked and set(reply.labels[: len(asked)]) == {IGNORED}
        assert (
            tokenizer.decode(reply.ids[len(asked) :]) == said and reply.labels[len(asked) :] == reply.ids[len(asked) :]
        )
    assert too_long == 0


def test_a_long_reply_shortens_the_context_of_both(tokenizer) -> None:
    pair = Pair(CONTEXT * 3, ("short",), ("what is it? " * 12,))
    ((whole,), _) = encode_pairs([pair], PROMPT_CONFIG, tokenizer, max_length=1000)
    most = whole.longest - 10
    ((example,), _) = encode_pairs([pair], PROMPT_CONFIG, tokenizer, max_length=most)
    starts = [list(reply.labels).count(IGNORED) for reply in (example.chosen, example.rejected)]
    assert starts[0] == starts[1] and example.chosen.ids[: starts[0]] == example.rejected.ids[: starts[0]]
    assert example.longest <= most and len(example.chosen.ids) < len(whole.chosen.ids)
    assert encode_pairs([pair], PROMPT_CONFIG, tokenizer, max_length=30) == ([], 1)


@pytest.mark.slow
def test_loss_and_gradients_are_trls(base: Path, tokenizer, tmp_path: Path) -> None:
    import torch
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM
    from trl.trainer.dpo_config import DPOConfig
    from trl.trainer.dpo_trainer import DPOTrainer

    from core.train.preference.dpo import CollatePairs, margins, reply_log_probabilities

    torch.manual_seed(0)
    lora = LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora)
    before = get_peft_model(AutoModelForCausalLM.from_pretrained(base), lora)  # another start: margins are not 0
    examples, _ = encode_pairs(PAIRS, PROMPT_CONFIG, tokenizer, max_length=256)
    inputs = CollatePairs(pad=0)(examples)
    with torch.no_grad():
        inputs["reference"] = reply_log_probabilities(before, inputs).view(-1, 2)
    loss = -torch.nn.functional.logsigmoid(0.1 * margins(model, inputs)).mean()
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    ours = torch.autograd.grad(loss, list(trained.values()))

    class Given(DPOTrainer):
        """TRL's, on the ids that it is given."""

        def _prepare_dataset(self, dataset: Any, *args: Any, **more: Any) -> Any:
            return dataset

        def _precompute_ref_logps(self, dataset: Any, *args: Any, **more: Any) -> Any:
            """Left out: it would take the adapter as it is for what it was."""
            return dataset

    def columns(number: int) -> dict:
        example = sorted(examples, key=lambda e: -e.longest)[number]
        prompt = list(example.chosen.labels).count(IGNORED)
        chosen, rejected = list(example.chosen.ids), list(example.rejected.ids)
        return {"prompt_ids": chosen[:prompt], "chosen_ids": chosen[prompt:], "rejected_ids": rejected[prompt:],
                "ref_chosen_logps": inputs["reference"][number, 0].item(),
                "ref_rejected_logps": inputs["reference"][number, 1].item()}  # fmt: skip

    dataset = Dataset.from_list([columns(number) for number in range(len(examples))])
    args = DPOConfig(str(tmp_path), beta=0.1, max_length=None, use_cpu=True, bf16=False, report_to="none",
                     precompute_ref_log_probs=True, gradient_checkpointing=False)  # fmt: skip
    theirs = Given(model, args=args, train_dataset=dataset, processing_class=tokenizer)
    found = theirs.compute_loss(model, theirs.data_collator([dataset[n] for n in range(len(dataset))]))
    assert loss.item() == pytest.approx(found.item(), rel=1e-5) and abs(loss.item() - 0.6931) > 1e-3
    for one, two in zip(ours, torch.autograd.grad(found, list(trained.values())), strict=True):
        assert torch.allclose(one, two, atol=1e-6) and one.abs().max() > 1e-6


def test_places_are_where_the_persona_answers_the_user_each_once() -> None:
    rows = [[Turn("assistant", ("opens",)), *CONTEXT, Turn("assistant", ("a",))], [*CONTEXT, Turn("assistant", ("a",))],
            [Turn("user", ("hi",)), Turn("assistant", ("old",), trained=False)]]  # fmt: skip
    found = places(rows, most=10, seed=0)
    assert {place.reply for place in found} == {("うん",), ("a",)} and len(found) == 2
    assert all(place.context[-1].role == "user" for place in found)
    assert len(places(rows, most=1, seed=0)) == 1 and places(rows, most=10, seed=0) == found


def test_own_replies_as_good_as_the_real_one_are_left_out() -> None:
    place = PreferencePlace(CONTEXT, ("いいよ、行こう", "あとで"))
    assert pair_of(place, "いいよ、行こう\nあとでね", "\n", similarity=0.8) is None
    assert pair_of(place, "  \n ", "\n", similarity=0.8) is None
    made = present(pair_of(place, "I cannot\n\nhelp", "\n", similarity=0.8))
    assert made.rejected == ("I cannot", "help") and made.chosen == place.reply and made.source == "samples"
    assert wording_similarity("いいよ", "だめ") == 0


@pytest.mark.parametrize("wrong", [{"beta": 0}, {"own_replies": -1}, {"similarity": 2}, {"temperature": float("nan")}])
def test_settings_out_of_bounds_are_refused_with_their_value(wrong: dict) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        PreferenceConfig(**wrong)


def test_a_run_prefers_the_better_replies_and_tells_what_it_cost(tuned: RunFolder, tmp_path: Path) -> None:
    folder = prefer(tuned, tmp_path / "run")
    before = weights(tuned)
    assert worker.run(folder) == 0, events(folder, Failed)
    (done,) = events(folder, Done)
    (sft,) = events(tuned, Done)
    told = events(folder, PreferenceEval)
    assert done.metrics["validation_bpb_before"] == pytest.approx(sft.metrics["validation_bpb_after"], rel=1e-5)
    assert events(folder, ValidationLoss)[-1].step == done.metrics["steps"]
    learned, held = ([event for event in told if event.validation == out] for out in (False, True))
    assert learned[-1].margin > learned[0].margin + 0.05 and learned[-1].accuracy > 0.7
    assert held[-1].margin > held[0].margin and held[-1].accuracy > 0.5
    assert done.metrics["validation_pair_margin"] == held[-1].margin
    assert any("2 corrections" in note.en for note in events(folder, Notice))
    training = read_json(folder.adapter / "training.json")
    assert training["preference"]["pairs"] >= 2 and training["started_from"]["config"] == CONFIG.to_json()
    left = {path.name for path in folder.adapter.iterdir()}
    assert left == {path.name for path in tuned.adapter.iterdir()}  # no second adapter, no reference
    after = weights(folder)
    assert after.keys() == before.keys() and any((after[name] != before[name]).any() for name in after)
    assert read_json(folder.adapter / "adapter_config.json")["r"] == CONFIG.rank


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tuned: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.train.worker import report

    whole = prefer(tuned, tmp_path / "whole")
    assert worker.run(whole) == 0
    halved = prefer(tuned, tmp_path / "halved")
    real = report.Report.on_step_end

    def stop_at_three(self, args, state, control, **about) -> None:
        if state.global_step == 3:
            halved.stop.touch()
        real(self, args, state, control, **about)

    monkeypatch.setattr(report.Report, "on_step_end", stop_at_three)
    assert worker.run(halved) == 0 and events(halved, Stopped)[-1].step == 3
    replies = halved.replies.read_text(encoding="utf-8")
    monkeypatch.undo()
    halved.stop.unlink()
    assert worker.run(halved) == 0 and events(halved, Done)
    assert halved.replies.read_text(encoding="utf-8") == replies == whole.replies.read_text(encoding="utf-8")
    one, two = weights(whole), weights(halved)
    assert all((one[name] == two[name]).all() for name in one)


def test_replies_that_were_cut_short_are_made_again(tuned: RunFolder, tmp_path: Path) -> None:
    folder = prefer(tuned, tmp_path / "run", config=replace(PREFER, epochs=1))
    folder.replies.write_text('\n{"n": 0, "said": "kept"}\n{"n": 1, "sa', encoding="utf-8")
    assert worker.run(folder) == 0
    lines = [json.loads(line) for line in folder.replies.read_text(encoding="utf-8").split("\n")[3:]]
    assert {line["n"] for line in lines} >= {0, 1, 2}


def test_corrections_alone_are_enough(tuned: RunFolder, tmp_path: Path) -> None:
    """No pair is held out then, and none is measured."""
    folder = prefer(tuned, tmp_path / "run", preference=PreferenceConfig(own_replies=0))
    assert worker.run(folder) == 0 and events(folder, Done)
    told = events(folder, PreferenceEval)
    assert told and not any(event.validation for event in told)


def test_without_a_pair_it_says_what_to_do(tuned: RunFolder, tmp_path: Path) -> None:
    folder = prefer(tuned, tmp_path / "run", pairs=[])
    folder.write_spec(replace(folder.read_spec(), preference=PreferenceConfig(own_replies=0)))
    assert worker.run(folder) == 1
    assert "Correct some replies in Chat" in events(folder, Failed)[0].en
    assert not events(folder, Launched)
