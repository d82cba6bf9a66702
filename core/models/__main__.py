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

from core.catalogue.bundled import FOLDER, NAME
from core.catalogue.catalogue import BITS, CatalogueEntry, entry_of
from core.errors import AppError
from core.models.loading import HUB_ID
from core.models.model_errors import cannot_load, neither_id_nor_folder
from core.models.sizing.dims import ModelDims, model_dims
from core.models.sizing.machine import fits, this_machine
from core.models.sizing.requirements import ModelRequirements
from core.models.tokenizers.check import UNREADABLE, CheckedTokenizer, load_checked
from core.models.tokenizers.files import from_hub
from core.models.weights import read_config
from core.prompt.config import PromptConfig
from core.text import speak_utf8

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

BIT_NAMES = {16: "bf16", 8: "8bit", 4: "4bit"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the JSON and return the exit status."""
    speak_utf8(sys.stdout, sys.stderr)
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
        raise neither_id_nor_folder(model)
    folder = base if base.is_dir() else from_hub(model)
    entry, config = entry_of(model), _config(model, folder)
    shape = _shape(model, config)
    checked = _tokenizer(model, folder)
    return {
        "model": model,
        "in_catalogue": entry.id if entry else None,
        "architecture": _architecture(shape),
        "memory": _memory(shape, entry, context),
        "tokenizer": {
            "tokens": len(checked.tokenizer),
            **asdict(checked.check),
            "text": checked.check.text._asdict(),
        },
        "format": _format(checked.tokenizer),
    }


def _config(model: str, folder: Path) -> "PreTrainedConfig":
    try:
        return read_config(folder)
    except UNREADABLE as error:
        raise cannot_load(model, error, folder) from error


def _shape(name: str, config: "PreTrainedConfig") -> ModelDims:
    """Sizes; parameters are counted, not taken from a card."""
    try:
        return model_dims(config)
    except UNREADABLE as error:
        raise cannot_load(name, error) from error


def _architecture(shape: ModelDims) -> dict:
    sizes = ("parameters", "layers", "width", "kv_width", "vocabulary", "tied", "context", "window")
    return {
        "type": shape.type,
        "class": shape.model_class,
        "implementation": "transformers" if shape.native else "omokage",
        **{name: getattr(shape, name) for name in sizes},
    }


def _memory(shape: ModelDims, entry: CatalogueEntry | None, context: int | None) -> dict:
    """Estimated bytes to chat and to train with a full window, and whether this machine has room for them."""
    machine = this_machine()
    needs = ModelRequirements(shape.type, entry if entry and entry.stored_bits else None, shape)
    found: dict = {"window": shape.clipped(context), "machine": asdict(machine)}
    for use in ("chat", "training"):
        found[use] = {}
        for bits in BITS:
            need = needs.memory(bits, training=use == "training", context=context)
            found[use][BIT_NAMES[bits]] = {"bytes": need, "here": fits(need, machine)}
    return found


def _tokenizer(model: str, folder: Path) -> CheckedTokenizer:
    try:
        return load_checked(folder)
    except UNREADABLE as error:
        raise cannot_load(model, error) from error


def _format(tokenizer: "PreTrainedTokenizerBase") -> dict:
    """The template that a chat would take on its own, and what ends a reply in it."""
    from core.prompt import stop_criteria
    from core.prompt.chat_template import resolve_template

    template = resolve_template(tokenizer)
    ends = stop_criteria(PromptConfig(persona="P", user="U", template=template.name), tokenizer)
    return {
        "template": template.name,
        "takes_system_text": template.takes_system,
        "persona_may_open": template.persona_may_open,
        "end_tokens": {tokenizer.convert_ids_to_tokens(n): n for n in ends.token_ids},
        "end_texts": list(ends.strings),
        "bos_token": tokenizer.bos_token,
        "eos_token": tokenizer.eos_token,
    }


if __name__ == "__main__":
    sys.exit(main())
