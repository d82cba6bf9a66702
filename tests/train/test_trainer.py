"""The loss is the plain loss, the order is the seed's alone."""

import math
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core.train.worker.batches import Collate, LengthBatches, micro_batches
from core.train.worker.loss import MeasuredLoss, SummedLoss, measure
from core.train.worker.rows import IGNORED, Example, Examples
from tests.helpers.typed import untyped


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def examples() -> Examples:
    """Rows of different lengths with learned stretches in the middle and at the end."""
    found = []
    for n in (5, 9, 14):
        ids = [(7 * n + i) % 90 + 3 for i in range(n)]
        labels = [token if i % 5 in (2, 3) or i == n - 1 else IGNORED for i, token in enumerate(ids)]
        found.append(Example(array("i", ids), array("i", labels), words=10 * n))
    return Examples(found)


def model(kind: str):
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    size = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2}  # fmt: skip
    special = {"qwen3": {"head_dim": 16, "num_key_value_heads": 1},
               "granite": {"num_key_value_heads": 1, "logits_scaling": 2.0},
               "gemma2": {"head_dim": 16, "num_key_value_heads": 1, "final_logit_softcapping": 5.0},
               "llama": {"num_key_value_heads": 1, "tie_word_embeddings": True}}  # fmt: skip
    torch.manual_seed(0)
    config = CONFIG_MAPPING[kind](**size, **special.get(kind, {}))
    return AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()


@pytest.mark.parametrize("kind", ["llama", "gemma2", "gpt_neox", "qwen3"])
def test_loss_at_learned_positions_is_the_plain_loss_of_single_rows(kind: str) -> None:
    import torch

    one, rows = model(kind), examples()
    plain = 0.0
    for row in rows:
        ids, labels = torch.tensor([list(row.ids)]), torch.tensor([list(row.labels)])
        plain += one(input_ids=ids, labels=labels).loss.item() * row.loss_tokens
    together = SummedLoss(one)(one, Collate(pad=0)(rows))
    assert together.item() == pytest.approx(plain, rel=1e-5)
    found = measure(one, rows, Collate(pad=0), tokens=20, device=torch.device("cpu"))
    assert found.loss == pytest.approx(plain / sum(row.loss_tokens for row in rows), rel=1e-5)
    assert found.bpb == pytest.approx(plain / sum(row.words for row in rows) / math.log(2), rel=1e-5)


def test_gradients_are_those_of_the_plain_loss() -> None:
    import torch

    one, rows = model("llama"), examples()[:1]
    batch = Collate(pad=0)(rows)
    weights = one.model.layers[0].mlp.up_proj.weight
    (ours,) = torch.autograd.grad(SummedLoss(one)(one, batch), weights)
    (plain,) = torch.autograd.grad(one(**batch).loss * rows[0].loss_tokens, weights)
    assert torch.allclose(ours, plain, atol=1e-6) and plain.abs().max() > 1e-4


def test_measuring_leaves_the_model_as_it_was() -> None:
    import torch

    one = model("llama").train()
    measure(one, examples(), Collate(pad=0), tokens=20, device=torch.device("cpu"))
    assert one.training and not one.get_output_embeddings()._forward_pre_hooks


def test_every_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    lengths = [(n * 37) % 200 for n in range(103)]
    batches = LengthBatches(lengths, rows=4, seed=1)
    orders = []
    for epoch in (0, 1, 0):
        batches.set_epoch(epoch)
        orders.append(list(batches))
        assert sorted(row for batch in orders[-1] for row in batch) == list(range(103))
        assert len(orders[-1]) == len(batches) == 26
    assert orders[0] == orders[2] != orders[1]
    assert list(LengthBatches(lengths, rows=4, seed=2)) != orders[0]


def test_the_order_does_not_depend_on_the_global_generator() -> None:
    import random

    import torch

    batches = LengthBatches(list(range(50)), rows=3, seed=0)
    first = list(batches)
    random.seed(5)
    torch.manual_seed(5)
    assert list(batches) == first


def test_processes_share_every_batch_of_one() -> None:
    lengths = [(n * 7919) % 500 + 1 for n in range(25)]
    whole = list(LengthBatches(lengths, rows=4, seed=0))
    shares = [list(LengthBatches(lengths, rows=4, seed=0, rank=rank, processes=3)) for rank in range(3)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert sorted(row for part in parts for row in part) == sorted(batch)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert any(not part for parts in zip(*shares, strict=True) for part in parts)  # one row, three processes


def test_a_process_without_a_row_takes_part_and_changes_nothing() -> None:
    import torch

    one = model("llama")
    batch = Collate(pad=0)([])
    loss = SummedLoss(one)(one, batch)
    loss.backward()
    assert loss.item() == 0 and batch["labels"][:, 1:].eq(IGNORED).all()
    assert all(p.grad is None or not p.grad.any() for p in one.parameters())
    assert measure(one, Examples(), Collate(pad=0), tokens=64, device=torch.device("cpu")) == MeasuredLoss(0.0, 0.0)


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = [(n * 7919) % 500 + 1 for n in range(256)]
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in LengthBatches(lengths, rows=4, seed=0))
    assert padded < 1.1 * sum(lengths)


@pytest.mark.parametrize(("kind", "chunks"), [("llama", True), ("gemma2", True), ("granite", False)])
def test_logits_are_taken_a_chunk_at_a_time(kind: str, chunks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Gemma caps the logits behind the output layer, which we know; Granite divides them, which we do not."""
    import torch

    from core.train.worker import loss

    one, batch, seen = model(kind), Collate(pad=0)(examples()), []
    weights, head = one.model.layers[0].mlp.up_proj.weight, one.get_output_embeddings()
    whole = SummedLoss(one)(one, batch)  # at once: the output layer is trained here
    head.requires_grad_(False)
    monkeypatch.setitem(loss.CHUNK, "cpu", 3 * 4 * 96)  # three positions
    head.register_forward_hook(lambda *given: seen.append(given[2].shape[-2]))
    parted = SummedLoss(one)
    parted(one, batch)  # the first time, it tries what the model's logits are
    seen.clear()
    again = parted(one, batch)
    assert (max(seen) == 3) == chunks
    assert again.item() == pytest.approx(whole.item(), rel=1e-5)
    gradients = [torch.autograd.grad(total, weights)[0] for total in (again, whole)]
    assert torch.allclose(*gradients, atol=1e-6) and gradients[0].abs().max() > 1e-4


def test_weights_of_tokens_count() -> None:
    import torch

    one, batch = model("llama"), Collate(pad=0)(examples())
    one.get_output_embeddings().requires_grad_(False)
    loss = SummedLoss(one)
    for half in (0.5, 1.0):
        weighed = loss(one, batch | {"weights": torch.full(batch["labels"].shape, half)})
        assert weighed.item() == pytest.approx(half * loss(one, batch).item(), rel=1e-5)


def test_a_step_is_cut_where_its_tokens_are_too_many() -> None:
    assert micro_batches([9, 8, 5, 5, 2], 18) == [slice(0, 2), slice(2, 5)]
    assert micro_batches([30, 8], 18) == [slice(0, 1), slice(1, 2)]
    assert micro_batches([4], 1) == [slice(0, 1)]
    assert micro_batches([], 18) == []


def trained(folder: Path, tokens_per_micro_batch: int, forgets: Callable[[int], bool] = lambda call: False):
    """(adapter weights after an epoch, losses, what was said of memory); `forgets` runs out of it at a call."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import TrainingArguments

    from core.train.worker.trainer import PersonaTrainer

    torch.manual_seed(0)
    lora = LoraConfig(r=4, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    one, said, calls = get_peft_model(model("llama"), lora), [], []
    arguments = TrainingArguments(
        output_dir=str(folder), num_train_epochs=1, per_device_train_batch_size=6, learning_rate=0.01, seed=0,
        logging_steps=1, report_to="none", disable_tqdm=True, use_cpu=True, remove_unused_columns=False,
        save_strategy="no",
    )  # fmt: skip
    trainer = PersonaTrainer(
        one, arguments, data_collator=Collate(0), train_dataset=Examples([*examples(), *examples()] * 2),
        should_stop=lambda: False, tokens_per_micro_batch=tokens_per_micro_batch, on_out_of_memory=said.append,
    )  # fmt: skip
    real = trainer.summed_loss

    def forgetful(wrapped: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        calls.append(inputs["input_ids"].numel())
        if forgets(len(calls)):
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return real(wrapped, inputs)

    untyped(trainer).summed_loss = forgetful
    trainer.train()
    weights = torch.cat([p.flatten() for p in one.parameters() if p.requires_grad])
    return weights.detach(), [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], said, calls


def test_out_of_memory_halves_what_goes_at_once_and_changes_no_result(tmp_path: Path) -> None:
    import torch

    whole, losses, _, calls = trained(tmp_path / "whole", 1000)
    assert len(calls) == 2 and max(calls) == calls[0]
    found, again, said, sizes = trained(tmp_path / "again", 1000, lambda call: call in (1, 3))
    assert said == [calls[0] // 2, sizes[2] // 2] and max(sizes[3:]) <= said[-1]
    assert again == pytest.approx(losses, rel=1e-5)
    assert torch.allclose(found, whole, atol=1e-5) and whole.abs().max() > 1e-3


def test_out_of_memory_with_one_row_at_once_is_the_end(tmp_path: Path) -> None:
    import torch

    with pytest.raises(torch.OutOfMemoryError):
        trained(tmp_path, 1000, lambda call: True)


def test_a_batch_of_weighed_rows_is_padded_with_nothing() -> None:
    rows = [replace(row, weights=array("f", [0.0] + [0.5] * (len(row.ids) - 1))) for row in examples()]
    batch = Collate(pad=0)(rows)
    assert batch["weights"].shape == batch["labels"].shape
    assert batch["weights"].sum(1).tolist() == [0.5 * (len(row.ids) - 1) for row in reversed(rows)]
    assert "weights" not in Collate(pad=0)(examples())
