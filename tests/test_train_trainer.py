"""The loss is the plain loss, the order is the seed's alone."""

import math
from array import array

import pytest

from core.train.batches import Collate, LengthBatches
from core.train.rows import IGNORED, Example
from core.train.trainer import measure, summed_loss


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def examples() -> list[Example]:
    """Rows of different lengths with learned stretches in the middle and at the end."""
    found = []
    for n in (5, 9, 14):
        ids = [(7 * n + i) % 90 + 3 for i in range(n)]
        labels = [token if i % 5 in (2, 3) or i == n - 1 else IGNORED for i, token in enumerate(ids)]
        found.append(Example(array("i", ids), array("i", labels), words=10 * n))
    return found


def model(kind: str):
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM

    size = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
            "num_attention_heads": 2}  # fmt: skip
    special = {"qwen3": {"head_dim": 16, "num_key_value_heads": 1},
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
        plain += one(input_ids=ids, labels=labels).loss.item() * row.learned
    together = summed_loss(one, Collate(pad=0)(rows))
    assert together.item() == pytest.approx(plain, rel=1e-5)
    found = measure(one, rows, Collate(pad=0), rows=2, device=torch.device("cpu"))
    assert found.loss == pytest.approx(plain / sum(row.learned for row in rows), rel=1e-5)
    assert found.bpb == pytest.approx(plain / sum(row.words for row in rows) / math.log(2), rel=1e-5)


def test_gradients_are_those_of_the_plain_loss() -> None:
    import torch

    one, rows = model("llama"), examples()[:1]
    batch = Collate(pad=0)(rows)
    weights = one.model.layers[0].mlp.up_proj.weight
    (ours,) = torch.autograd.grad(summed_loss(one, batch), weights)
    (plain,) = torch.autograd.grad(one(**batch).loss * rows[0].learned, weights)
    assert torch.allclose(ours, plain, atol=1e-6) and plain.abs().max() > 1e-4


def test_measuring_leaves_the_model_as_it_was() -> None:
    import torch

    one = model("llama").train()
    measure(one, examples(), Collate(pad=0), rows=2, device=torch.device("cpu"))
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


def test_rows_of_a_batch_are_of_like_length() -> None:
    lengths = [(n * 7919) % 500 + 1 for n in range(256)]
    padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in LengthBatches(lengths, rows=4, seed=0))
    assert padded < 1.1 * sum(lengths)
