"""Random models of the architectures that are written as GGUF, and what llama.cpp says comes next."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.models.gguf.model import GgufModel
from core.prompt import PromptConfig
from tests.helpers import prompt_tiny

TALK = PromptConfig("Mina", "Mina is a friend.", user="Ken", context_window=256, reply_reserve=32)
SIZES: dict[str, Any] = {
    "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 256, "head_dim": 16,
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {
    "llama": {"head_dim": 16}, "qwen2": {}, "qwen3": {"tie_word_embeddings": True},
    "gemma3_text": {"query_pre_attn_scalar": 16, "sliding_window": 32, "num_hidden_layers": 7},
}  # fmt: skip


def random_model(folder: Path, kind: str) -> Path:
    """A folder as on the Hub: weights loud enough that what comes next is clear, and a byte-level tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    tokenizer = prompt_tiny.byte_bpe(template=prompt_tiny.chatml())
    config = AutoConfig.for_model(kind, **SIZES | {"vocab_size": len(tokenizer)} | KINDS[kind])
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(config)
        for name, weight in model.named_parameters():
            torch.nn.init.normal_(weight, mean=float("norm" in name and "gemma" not in kind), std=0.2)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def next_tokens(
    model: GgufModel, ids: Sequence[int], *, adapter: Path | None = None, count: int = 5
) -> dict[int, float]:
    """The most likely tokens and their log-probabilities."""
    with model._serving(adapter) as server:
        answer = server.handle_completions(
            {"prompt": list(ids), "n_predict": 1, "temperature": 0, "n_probs": count, "lora": model._scales(adapter)},
        )
    found = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {each["id"]: each["logprob"] for each in found}


def expected_tokens(model: Any, ids: Sequence[int], count: int = 5) -> dict[int, float]:
    """The same by transformers."""
    import torch

    with torch.inference_mode():
        scores = model(input_ids=torch.tensor([list(ids)])).logits[0, -1].float().log_softmax(-1)
    best = scores.topk(count)
    return dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
