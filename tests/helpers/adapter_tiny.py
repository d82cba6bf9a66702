"""Adapters of a tiny random base that answer differently from it, as a training leaves them."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.adapters.store import Adapter
from core.prompt import PromptConfig
from tests.helpers.train_tiny import PROMPT_CONFIG
from tests.helpers.typed import untyped

if TYPE_CHECKING:
    from torch import nn

TEMPLATED = replace(PROMPT_CONFIG, template="chatml", reply_reserve=24)


def tiny_adapter(
    folder: Path, base: Path, *, prompt_config: PromptConfig | None = TEMPLATED, seed: int = 0, rank: int = 4,
    training: dict | None = None, use_rslora: bool = False, std: float = 0.3,
) -> Adapter:  # fmt: skip
    """A random adapter on `base`, loud enough to change what greedy decoding says."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from core.adapters.write import write_adapter

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = LoraConfig(
            r=rank, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", use_rslora=use_rslora
        )
        model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=std)
    about = {"base": str(base)} | (training or {})
    write_adapter(folder, model, prompt_config, training=about, base=str(base), revision=None)
    return Adapter.read(folder)


def greedy(model: "nn.Module", ids: list[int], count: int = 24) -> list[int]:
    """What the model says next, token by token, with nothing left to chance and no end."""
    import torch

    inputs = torch.tensor([ids])
    settings = {"do_sample": False, "max_new_tokens": count, "min_new_tokens": count, "pad_token_id": 0}
    with torch.inference_mode():
        made = untyped(model).generate(input_ids=inputs, attention_mask=torch.ones_like(inputs), **settings)
    return made[0, len(ids) :].tolist()
