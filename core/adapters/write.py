"""The result of a run on disk: the adapter, the prompt config that it was trained with, and how it went.

- adapter_config.json, adapter_model.safetensors: as peft reads them
- prompt_config.json: core.prompt.PromptConfig, with a definite template
- training.json: base, data set, config, metrics, versions
- config.yaml: the settings as `python -m core.train` and the page's form read them
"""

import os
import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from core.prompt import PromptConfig
from core.workspace import sync_folder, write_json

if TYPE_CHECKING:
    from peft import PeftModel


def write_adapter(
    folder: Path, model: "PeftModel", prompt_config: PromptConfig | None, *,
    training: dict, base: str, revision: str | None, name: str = "default", config: str | None = None,
) -> None:  # fmt: skip
    """Write `folder` anew: it appears whole or stays as it was, also when the disk is full or the power fails.

    `name` is the adapter's in the model: others that are in it are not written. `config` is a config.yaml.
    """
    aside = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    lora = model.peft_config[name]
    lora.base_model_name_or_path, lora.revision = base, revision
    try:
        model.save_pretrained(aside, save_embedding_layers=False, selected_adapters=[name])
        if name != "default":
            _lift(aside / name, aside)
        (aside / "README.md").unlink(missing_ok=True)  # peft's empty card; the app writes its own when it pushes
        if prompt_config is not None:
            write_json(aside / "prompt_config.json", prompt_config.to_json())
        write_json(aside / "training.json", training)
        if config is not None:
            (aside / "config.yaml").write_text(config, encoding="utf-8")
        sync_folder(aside)
        _swap(aside, folder)
    finally:
        recover_partial_write(folder)


def recover_partial_write(folder: Path) -> None:
    """Bring a writing of `folder` that was cut short to an end: what was there before is there, nothing beside it."""
    old = _old(folder)
    if old.exists() and not folder.exists():
        os.replace(old, folder)
    for aside in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(aside, ignore_errors=True)


def _lift(inner: Path, folder: Path) -> None:
    """Put the files of `inner` beside it: peft writes adapters with a name of their own one folder down."""
    for file in inner.iterdir():
        os.replace(file, folder / file.name)
    inner.rmdir()


def _swap(new: Path, folder: Path) -> None:
    """Put `new` where `folder` is; a folder that is not empty cannot be replaced in one step."""
    if folder.exists():
        os.replace(folder, _old(folder))
    os.replace(new, folder)


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
