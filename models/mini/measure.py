"""Validation bits per UTF-8 byte: how many bits the model needs for each byte of a persona's words."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from models.mini.rows import Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@torch.inference_mode()
def bits_per_byte(model: "PreTrainedModel", rows: Sequence[Row], pad: int, *, batch: int = 8) -> float:
    """Bits of the persona's words and end marks, given what stands before them, per byte of the words."""
    bits = np.sum([reply_bits(model, rows[at : at + batch], pad) for at in range(0, len(rows), batch)])
    return float(bits) / sum(row.reply_bytes for row in rows)


@torch.inference_mode()
def reply_bits(model: "PreTrainedModel", rows: Sequence[Row], pad: int) -> float:
    """Bits of the persona's words and end marks in `rows`, in all."""
    model.eval()
    longest = max(len(row.ids) for row in rows)
    ids = np.full((len(rows), longest), pad, np.int64)
    asked = np.zeros((len(rows), longest), bool)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)], asked[number, : len(row.ids)] = row.ids, row.replies
    device = model.device
    tokens, wanted = torch.from_numpy(ids).to(device), torch.from_numpy(asked[:, 1:]).to(device)
    with torch.autocast(device.type, torch.bfloat16):
        hidden = model.model(input_ids=tokens, use_cache=False).last_hidden_state
        logits = model.lm_head(hidden[:, :-1][wanted])
    nats = functional.cross_entropy(logits.float(), tokens[:, 1:][wanted], reduction="sum")
    return nats.item() / math.log(2)
