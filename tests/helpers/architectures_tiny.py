"""A tiny random stand-in for every architecture of the catalogue, in a folder as its published models have it.

Each carries a tokenizer of the kind that its models bring, trained on the samples of this project.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.models.tokenizers.files import ELSEWHERE
from tests.helpers import prompt_tiny, sentencepiece_tiny

SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128,
         "num_key_value_heads": 4, "max_position_embeddings": 512}  # fmt: skip
GROUPED = {"num_key_value_heads": 2}
LLAMA3 = ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")
GEMMA = ("<bos>", "<start_of_turn>", "<end_of_turn>", "<eos>")
NERDSTASH = ELSEWHERE["japanese-stablelm-alpha"].repo


@dataclass(frozen=True)
class StandIn:
    """What stands for one architecture, under the name of a model that has it."""

    model: str
    """Hub id of the model whose format, tokenizer files and name it takes."""
    tokenizer: Callable[[Path], object]
    """Writes the tokenizer's files into a folder."""
    config: dict
    pickled: bool = False
    """Its weights are .bin files, as published."""


def spiece(kind: str, config: dict | None, name: str = "tokenizer.model") -> Callable[[Path], object]:
    """A SentencePiece model as `sentencepiece_tiny` trains it, with or without a tokenizer_config.json."""
    return lambda folder: sentencepiece_tiny.folder_with(folder, kind, name=name, config=config)


def byte_bpe(template: str | None, special: tuple[str, ...]) -> Callable[[Path], object]:
    """A byte-level BPE in tokenizer.json, with the chat template of its models."""
    return lambda folder: prompt_tiny.byte_bpe(template=template, special=special).save_pretrained(folder)


CHATML = byte_bpe(prompt_tiny.QWEN3, prompt_tiny.SPECIAL)
DELTA = {"linear_num_key_heads": 2, "linear_num_value_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}


STAND_INS: dict[str, StandIn] = {
    "llama": StandIn("sbintuitions/sarashina2.2-1b", spiece("llama", sentencepiece_tiny.LLAMA_CONFIG), SIZES | GROUPED),
    "gpt_neox": StandIn(
        "rinna/japanese-gpt-neox-3.6b-instruction-ppo",
        spiece("rinna", sentencepiece_tiny.RINNA_CONFIG, "spiece.model"),
        SIZES | {"rotary_pct": 1.0, "use_parallel_residual": False},
    ),
    "gemma2": StandIn(
        "google/gemma-2-2b-jpn-it",
        byte_bpe(prompt_tiny.GEMMA, GEMMA),
        SIZES | GROUPED | {"head_dim": 16, "sliding_window": 64, "query_pre_attn_scalar": 16},
    ),
    "qwen3": StandIn(
        "Qwen/Qwen3-0.6B",
        byte_bpe(prompt_tiny.QWEN3, prompt_tiny.SPECIAL),
        SIZES | GROUPED | {"head_dim": 16, "tie_word_embeddings": True},
    ),
    "mistral": StandIn(
        "stabilityai/japanese-stablelm-instruct-gamma-7b",
        spiece("llama", sentencepiece_tiny.LLAMA_CONFIG),
        SIZES | GROUPED | {"sliding_window": 64},
    ),
    "stablelm": StandIn(
        "stabilityai/stablelm-3b-4e1t", byte_bpe(None, ("<|endoftext|>",)), SIZES | {"partial_rotary_factor": 0.25}
    ),
    "bitnet": StandIn("microsoft/bitnet-b1.58-2B-4T", byte_bpe(prompt_tiny.LLAMA3, LLAMA3), SIZES | GROUPED),
    "japanese-stablelm-alpha": StandIn(
        "stabilityai/japanese-stablelm-base-alpha-7b",
        lambda folder: None,  # it is in NERDSTASH
        {name: SIZES[name] for name in ("hidden_size", "num_hidden_layers", "num_attention_heads")}
        | {"max_position_embeddings": 512},
        pickled=True,
    ),
    "gpt2": StandIn(
        "openai-community/gpt2",
        byte_bpe(None, ("<|endoftext|>",)),
        {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 512},
    ),
    "qwen3_5_text": StandIn(
        "Qwen/Qwen3.5-0.8B", CHATML, SIZES | GROUPED | {"num_hidden_layers": 4, "head_dim": 16} | DELTA
    ),
    "lfm2": StandIn(
        "LiquidAI/LFM2-350M",
        CHATML,
        SIZES | GROUPED | {"layer_types": ["conv", "full_attention"], "block_auto_adjust_ff_dim": False},
    ),
    "mamba2": StandIn(
        "state-spaces/mamba2-130m",
        byte_bpe(None, ("<|endoftext|>",)),
        {
            "hidden_size": 64,
            "num_hidden_layers": 2,
            "num_heads": 8,
            "head_dim": 16,
            "state_size": 16,
            "n_groups": 1,
            "chunk_size": 16,
        },
    ),
    "qwen3_moe": StandIn("Qwen/Qwen3-30B-A3B", CHATML, SIZES | GROUPED | {"head_dim": 16} | EXPERTS),
    "gpt_oss": StandIn(
        "openai/gpt-oss-20b",
        CHATML,
        SIZES | GROUPED | {"head_dim": 16, "sliding_window": 64, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
}
"""By model_type."""


def write(folder: Path, architecture: str) -> Path:
    """The stand-in's files: config.json, weights, tokenizer."""
    import torch

    from core.models.auto import AutoConfig, AutoModelForCausalLM

    stand_in = STAND_INS[architecture]
    folder.mkdir(parents=True)
    stand_in.tokenizer(folder)
    config = AutoConfig.for_model(architecture, **stand_in.config, vocab_size=2048, bos_token_id=1, eos_token_id=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config)
    if stand_in.pickled:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
        config.save_pretrained(folder)
    else:
        model.save_pretrained(folder)
    written = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert written["model_type"] == architecture
    return folder


def on_hub(folder: Path) -> dict[str, dict[str, bytes]]:
    """The repositories that a Hub has to hold for the stand-in in `folder`: files by repository."""
    own = {path.name: path.read_bytes() for path in folder.iterdir()}
    other = {"tokenizer.model": sentencepiece_tiny.trained("nerdstash")}
    architecture = json.loads(own["config.json"])["model_type"]
    return {STAND_INS[architecture].model: own} | ({NERDSTASH: other} if architecture in ELSEWHERE else {})
