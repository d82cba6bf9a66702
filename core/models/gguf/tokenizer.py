"""The tokenizer inside a GGUF file, as transformers reads it; kept, since reading a large one takes 20 seconds."""

import logging
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.models.fingerprint import file_fingerprint
from core.models.gguf.packages import gguf_format
from core.settings import Settings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

log = logging.getLogger(__name__)
KEPT = "gguf_tokenizers"  # in the app's home


def load_gguf_tokenizer(path: Path) -> "PreTrainedTokenizerBase":
    """The file's own tokenizer, with its chat template. Raises ModelError where transformers does not know its kind."""
    from transformers import AutoTokenizer

    gguf_format()
    kept = Settings.from_env().home / KEPT / file_fingerprint(path)
    if (kept / "tokenizer_config.json").is_file():
        with suppress(OSError, ValueError):
            return _named(AutoTokenizer.from_pretrained(kept), path)
    try:
        read = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    except (OSError, ValueError, LookupError, NotImplementedError, TypeError, AttributeError) as error:
        reason = str(error).strip().split("\n")[0][:160]
        raise ModelError(
            f"The tokenizer in “{path.name}” cannot be read ({reason}). Choose a file of another model, or the same "
            "model with .safetensors.",
            f"「{path.name}」の中のトークナイザーを読めません（{reason}）。別のモデルのファイルか、"
            "同じモデルの .safetensors 版を選んでください。",
        ) from error
    try:
        read.save_pretrained(kept)
    except OSError as error:  # the next load reads it again
        log.warning("the tokenizer of %s could not be kept: %s", path.name, error)
    return _named(read, path)


def _named(tokenizer: "PreTrainedTokenizerBase", path: Path) -> "PreTrainedTokenizerBase":
    tokenizer.name_or_path = str(path)  # the template goes by the model's name
    return tokenizer
