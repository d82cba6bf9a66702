"""An adapter as a folder that other programs load: the full model, templates, instructions.

    model/           the base with the adapter merged in: safetensors, tokenizer, chat template, prompt_config.json
    adapter/         the adapter alone, for servers that load LoRA (vLLM)
    chat_template.jinja, Modelfile, README.md
    model.gguf, adapter.gguf    with --gguf: both once more for llama.cpp and Ollama, where that was tried

`python -m core.export.folder BASE ADAPTER_FOLDER INTO [--gguf]` does it; `core.export.run` starts that as a process, so
that its memory, a whole model, is given back and it can be ended.
"""

import argparse
import json
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from core.adapters.gguf_lora import GgufShape, write_gguf_lora
from core.adapters.store import Adapter
from core.errors import AppError, InputError, ModelError
from core.export.chat_template import chat_template
from core.export.gguf import write_gguf
from core.export.ollama import modelfile, stops
from core.files import check_free, write_json
from core.prompt import stop_criteria
from core.prompt.chat_template import resolve_template
from core.prompt.config import PromptConfig
from core.prompt.sandbox import TEMPLATES
from core.workspace import ADAPTER_CONFIG, ADAPTER_FILES, PROMPT_CONFIG_FILE, TRAINING_FILE

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SHARD = "4GB"


def main(arguments: list[str]) -> int:
    """0: written; 1: refused, with the sentences as a JSON line on standard output."""
    parser = argparse.ArgumentParser(prog="python -m core.export.folder", description=__doc__)
    parser.add_argument("base", help="folder or Hub id of the model the adapter was trained on")
    parser.add_argument("adapter", type=Path)
    parser.add_argument("into", type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input is closed")
    parser.add_argument("--gguf", action="store_true", help="also write model.gguf (float16) and adapter.gguf")
    given = parser.parse_args(arguments)
    if given.with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        export(Adapter.read(given.adapter), given.base, given.into, gguf=given.gguf)
    except AppError as error:
        print(json.dumps({"error": [error.en, error.ja]}), flush=True)
        return 1
    return 0


def export(adapter: Adapter, base: str, into: Path, *, gguf: bool = False) -> None:
    """Write everything into the new folder `into`, with `gguf` also for llama.cpp. Raises InputError or ModelError."""
    prompt_config = merged_prompt_config(adapter)
    into.mkdir(parents=True)
    _tell("reading")
    model, tokenizer = _loaded(adapter, base)
    shape = GgufShape.of_config(model.config.to_dict()) if gguf else None
    check_free(into, model.get_memory_footprint() * (3 if gguf else 1.02) + 50e6)  # what is beside the weights
    _tell("merging")
    model = _merged(model, adapter)
    template = resolve_template(tokenizer, prompt_config.template)
    template = chat_template(template, prompt_config)
    _tell("writing")
    write_model(into / "model", model, tokenizer, prompt_config, template)
    write_json(into / "model" / TRAINING_FILE, adapter.training | {"merged": True})
    (into / "adapter").mkdir()
    for name in ADAPTER_FILES:
        if (adapter.folder / name).is_file():
            shutil.copyfile(adapter.folder / name, into / "adapter" / name)
    (into / "chat_template.jinja").write_text(template, encoding="utf-8")
    if shape:
        write_gguf_lora(adapter, shape, into / "adapter.gguf")
        write_gguf(model, tokenizer, prompt_config, template, into / "model.gguf")
    source = "./model.gguf" if shape else "./model"
    try:
        (into / "Modelfile").write_text(modelfile(prompt_config, tokenizer, source=source), encoding="utf-8")
        without = None
    except ModelError as error:
        without = error.en
    (into / "README.md").write_text(_readme(adapter, prompt_config, tokenizer, without), encoding="utf-8")


def merged_prompt_config(adapter: Adapter) -> PromptConfig:
    """The prompt config of the adapter. Raises InputError when it came without one."""
    if adapter.prompt_config is None:
        raise InputError(
            f"“{adapter.name}” has no prompt_config.json, so its prompts are unknown. Export one trained here.",
            f"「{adapter.name}」には prompt_config.json がなく、プロンプトの形がわかりません。"
            "このアプリで学習したものを書き出してください。",
        )
    return adapter.prompt_config


def write_model(
    folder: Path,
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerBase",
    prompt_config: PromptConfig,
    template: str,
) -> None:
    """A full model that any program loads: weights, tokenizer with the chat template, ends, prompt config."""
    tokenizer.chat_template = template
    # Its stop_strings stay empty: with them, generate() refuses to run where it is given no tokenizer.
    model.generation_config.eos_token_id = list(stop_criteria(prompt_config, tokenizer).token_ids) or None
    model.generation_config.max_new_tokens = prompt_config.reply_reserve
    model.save_pretrained(folder, max_shard_size=SHARD)
    tokenizer.save_pretrained(folder)
    write_json(folder / PROMPT_CONFIG_FILE, prompt_config.to_json())


def _loaded(adapter: Adapter, base: str) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """The base in the numbers it is stored in, and its checked tokenizer."""
    from core.models.auto import AutoModelForCausalLM
    from core.models.tokenizers.check import load_tokenizer

    revision = adapter.training.get("base_revision") if base == adapter.base else None
    if Path(base).is_absolute() and not (Path(base) / "config.json").is_file():
        raise _no_base(base, "there is no such folder any more")
    try:
        tokenizer = load_tokenizer(base, revision)
        return AutoModelForCausalLM.from_pretrained(
            base, revision=revision, trust_remote_code=False, dtype="auto"
        ), tokenizer
    except (OSError, ValueError, KeyError) as error:
        raise _no_base(base, str(error)) from error


def _no_base(base: str, reason: str) -> ModelError:
    return ModelError(
        f"The base “{base}” cannot be loaded ({reason[:160]}). Load it once in Chat, then export again.",
        f"ベースモデル「{base}」を読み込めません（{reason[:160]}）。"
        "「話す」タブで一度読み込んでから、もう一度書き出してください。",
    )


def _merged(model: "PreTrainedModel", adapter: Adapter) -> "PreTrainedModel":
    from peft import PeftModel

    try:
        return PeftModel.from_pretrained(model, adapter.folder).merge_and_unload(safe_merge=True)
    except (RuntimeError, ValueError, KeyError) as error:
        raise ModelError(
            f"“{adapter.name}” does not fit {Path(adapter.base).name} and cannot be merged ({str(error)[:120]}).",
            f"「{adapter.name}」は {Path(adapter.base).name} に合わず、統合できません（{str(error)[:120]}）。",
        ) from error


def _readme(
    adapter: Adapter, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", without: str | None
) -> str:
    import jinja2

    from core.hub.redact import public_name

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "cards"), undefined=jinja2.StrictUndefined, autoescape=False
    )
    rank = json.loads((adapter.folder / ADAPTER_CONFIG).read_text(encoding="utf-8")).get("r", 16)
    values = {
        "persona": prompt_config.persona,
        "base": public_name(adapter.base),
        "window": prompt_config.context_window,
        "rank": rank,
        "stops": stops(prompt_config, tokenizer),
        "without_modelfile": without,
    }
    return environment.get_template("export.md.jinja").render(values).strip() + "\n"


def _end_with_parent() -> None:
    """End this process when the one that started it has ended, however that came: it holds the pipe open."""
    sys.stdin.buffer.raw.read(1)  # type: ignore[attr-defined]
    os._exit(1)


def _tell(stage: str) -> None:
    print(json.dumps({"stage": stage}), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
