"""What a model is, for scripts: its architecture, memory, tokenizer and prompt format as JSON.

    python -m core.models ID_OR_FOLDER [--context TOKENS]

From the Hub only its small text files are fetched, never its weights. What cannot be told is null. A model that
cannot be used is one sentence on standard error and exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core.contract import PromptContract
from core.errors import AppError, InputError, ModelError
from core.models.catalogue import BITS, Entry, entry_of, fits, memory_for, this_machine
from core.models.embedded import FOLDER, NAME
from core.models.loading import HUB_ID, context_of
from core.models.tokenizer_check import UNREADABLE, CheckedTokenizer, load_checked
from core.models.tokenizer_files import from_hub

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

BIT_NAMES = {16: "bf16", 8: "8bit", 4: "4bit"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the JSON and return the exit status."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")
    parser = argparse.ArgumentParser(
        prog="python -m core.models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a Hub id, a folder, or the name of the model that comes with the app")
    parser.add_argument("--context", type=int, help="tokens of the window that memory is estimated for")
    options = parser.parse_args(arguments)
    try:
        found = describe(options.model, context=options.context)
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(found, ensure_ascii=False, indent=1))
    return 0


def describe(model: str, *, context: int | None = None) -> dict:
    """The facts about `model` as plain values; bytes and tokens are whole numbers. Raises AppError."""
    base = FOLDER if model == NAME else Path(model).expanduser()
    if not base.is_dir() and not HUB_ID.fullmatch(model):
        raise InputError(
            f"“{model[:120]}” is neither a Hub id such as Qwen/Qwen3-0.6B nor a folder with a model.",
            f"「{model[:120]}」は Hub の ID（例: Qwen/Qwen3-0.6B）でも、モデルのフォルダーでもありません。",
        )
    folder = base if base.is_dir() else from_hub(model)
    entry, config = entry_of(model), _config(model, folder)
    architecture = _architecture(model, config)
    checked = _tokenizer(model, folder)
    return {
        "model": model,
        "in_catalogue": entry.id if entry else None,
        "architecture": architecture,
        "memory": _memory(architecture, entry, context),
        "tokenizer": {"tokens": len(checked.tokenizer), **asdict(checked.check)},
        "format": _format(checked.tokenizer),
    }


def _config(model: str, folder: Path) -> "PreTrainedConfig":
    from core.models.auto import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except UNREADABLE as error:
        raise _unusable(model, error) from error


def _architecture(name: str, config: "PreTrainedConfig") -> dict:
    """Sizes by the names of `Entry`; parameters are counted, not taken from a card."""
    import torch

    from core.models.auto import AutoModelForCausalLM

    text = config.get_text_config()
    try:
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except UNREADABLE as error:
        raise _unusable(name, error) from error
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return {
        "type": config.model_type,
        "class": type(model).__name__,
        "implementation": "transformers" if type(model).__module__.startswith("transformers.") else "omokage",
        "parameters": model.num_parameters(),
        "layers": text.num_hidden_layers,
        "width": text.hidden_size,
        "kv_width": heads * size,
        "vocabulary": text.vocab_size,
        "tied": bool(getattr(text, "tie_word_embeddings", False)),
        "context": getattr(text, "max_position_embeddings", None),
        "window": context_of(config),
    }


def _memory(architecture: dict, entry: Entry | None, context: int | None) -> dict:
    """Estimated bytes to chat and to train with a full window, and whether this machine has room for them."""
    window = min(context or architecture["window"], architecture["context"] or architecture["window"])
    stored = entry.stored_bits if entry else None
    machine = this_machine()
    sizes = {name: architecture[name] for name in ("kv_width", "vocabulary", "tied")}
    found: dict = {"window": window, "machine": asdict(machine)}
    for use in ("chat", "training"):
        found[use] = {}
        for bits in BITS:
            need = None
            if not (stored and use == "training"):  # what is published in fewer bits is not trained
                need = memory_for(
                    architecture["parameters"], architecture["layers"], architecture["width"],
                    context=window, bits=stored or bits, training=use == "training", **sizes,
                )  # fmt: skip
            found[use][BIT_NAMES[bits]] = {"bytes": need, "here": fits(need, machine)}
    return found


def _tokenizer(model: str, folder: Path) -> CheckedTokenizer:
    try:
        return load_checked(folder)
    except UNREADABLE as error:
        raise _unusable(model, error) from error


def _format(tokenizer: "PreTrainedTokenizerBase") -> dict:
    """The layout that a chat would take on its own, and what ends a reply in it."""
    from core.layout import layout_for
    from core.prompt import ending

    layout = layout_for(tokenizer)
    ends = ending(PromptContract(persona="P", user="U", template=layout.name), tokenizer)
    return {
        "layout": layout.name,
        "takes_system_text": layout.takes_system,
        "persona_may_open": layout.persona_may_open,
        "end_tokens": {tokenizer.convert_ids_to_tokens(n): n for n in ends.token_ids},
        "end_texts": list(ends.strings),
        "bos_token": tokenizer.bos_token,
        "eos_token": tokenizer.eos_token,
    }


def _unusable(model: str, error: Exception) -> ModelError:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
    entry = entry_of(model)
    en, ja = "Choose another model, or fetch its files again.", "別のモデルを選ぶか、ファイルを取り直してください。"
    if entry and entry.instead:
        en, ja = f"{entry.instead} can be used instead.", f"代わりに {entry.instead} を使えます。"
    return ModelError(f"“{model}” cannot be used: {reason} {en}", f"「{model}」は使えません: {reason} {ja}")


if __name__ == "__main__":
    sys.exit(main())
