"""The result of a run on disk: the adapter, the prompt config that it was trained with, and how it went.

- adapter_config.json, adapter_model.safetensors: as peft reads them
- prompt_config.json: core.prompt.PromptConfig, with a definite template
- training.json: base, data set, config, metrics, versions
- config.yaml: the settings as `python -m core.train` and the page's form read them
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.files import new_folder, write_json, write_text
from core.prompt import PromptConfig
from core.workspace import PROMPT_CONFIG_FILE, RUN_FILE, TRAINING_FILE

if TYPE_CHECKING:
    from peft import PeftModel


def write_adapter(
    folder: Path, model: "PeftModel", prompt_config: PromptConfig | None, *,
    training: dict, base: str, revision: str | None, name: str = "default", config: str | None = None,
) -> None:  # fmt: skip
    """Write `folder` anew: it appears whole or stays as it was, also when the disk is full or the power fails.

    `name` is the adapter's in the model: others that are in it are not written. `config` is a config.yaml.
    """
    lora = model.peft_config[name]
    lora.base_model_name_or_path, lora.revision = base, revision
    with new_folder(folder, replace=True) as tmp:
        model.save_pretrained(str(tmp), save_embedding_layers=False, selected_adapters=[name])
        if name != "default":
            _lift(tmp / name, tmp)
        (tmp / "README.md").unlink(missing_ok=True)  # peft's empty card; the app writes its own when it pushes
        if prompt_config is not None:
            write_json(tmp / PROMPT_CONFIG_FILE, prompt_config.to_json())
        write_json(tmp / TRAINING_FILE, training)
        if config is not None:
            write_text(tmp / RUN_FILE, config)


def _lift(inner: Path, folder: Path) -> None:
    """Put the files of `inner` beside it: peft writes adapters with a name of their own one folder down."""
    for file in inner.iterdir():
        os.replace(file, folder / file.name)
    inner.rmdir()
