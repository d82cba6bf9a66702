"""The trained model as a folder that the app and the Hub take: bfloat16 shards, tokenizer, card."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from models.mini.measure import bits_per_byte
from models.mini.samples import PERSONAS, Talk, talks

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from models.mini.training import Run

SHARD = "8MB"  # plain git and Spaces take no file over 10 MB without LFS
CARD = Path(__file__).parent / "card.md"
LANGUAGES = ("ja", "en")


def publish(run: "Run", tokenizer: "PreTrainedTokenizerBase", folder: Path, *, hardware: str, note: str = "") -> None:
    """Write `run`'s model to `folder`, aside first, with a card of what was measured on the written weights."""
    aside = folder.with_name(f".{folder.name}")
    shutil.rmtree(aside, ignore_errors=True)
    export(run.model, tokenizer, aside)
    written = load(aside)
    bits = {name: bits_per_byte(written, rows, run.pad) for name, rows in run.validation.items()}
    (aside / "README.md").write_text(
        card(run, written, tokenizer, bits, {"hardware": hardware, "note": note}), encoding="utf-8"
    )
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def export(model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", folder: Path) -> None:
    """`model` in bfloat16 shards of at most SHARD, with its tokenizer."""
    import copy

    import torch

    halved = copy.deepcopy(model)
    torch.nn.Module.to(halved, "cpu", torch.bfloat16)
    halved.set_attn_implementation("sdpa")
    halved.save_pretrained(folder, max_shard_size=SHARD)
    tokenizer.save_pretrained(folder)


def load(folder: Path) -> "PreTrainedModel":
    """The published weights, in float32, as the app loads them on a CPU."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def card(
    run: "Run",
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    bits: Mapping[str, float],
    said: Mapping[str, str],
) -> str:
    """The model card: the text of `card.md` with what this run came to, and what was `said` of it."""
    config = model.config
    facts: dict[str, object] = {
        **said,
        "parameters": f"{model.num_parameters() / 1e6:.1f} M",
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "heads": config.num_attention_heads,
        "key_value_heads": config.num_key_value_heads,
        "feed_forward": config.intermediate_size,
        "pieces": f"{len(tokenizer):,}",
        "context": f"{config.max_position_embeddings:,}",
        "tokens": f"{run.tokens / 1e6:.1f}",
        "steps": f"{run.step:,}",
        "epochs": run.epoch + 1,
        "hours": f"{run.seconds / 3600:.1f}",
        "seed": run.recipe.seed,
        "own": len(run.corpus.own),
    }
    for name in LANGUAGES:
        facts[f"bits_{name}"] = f"{bits[name]:.3f}"
        facts[f"chats_{name}"] = len(run.validation[name])
        facts[f"persona_{name}"] = " ".join(PERSONAS[name])
        facts[f"samples_{name}"] = "\n\n".join(map(_shown, talks(model, tokenizer, name)))
    return CARD.read_text(encoding="utf-8").format(**facts)


def _shown(talk: Talk) -> str:
    return "\n".join(
        f"> **{'You' if turn.role == 'user' else 'Model'}:** {' ⏎ '.join(turn.messages[0].splitlines())}  "
        for turn in talk.turns
    )
