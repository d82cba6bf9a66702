"""The files of a model, whoever runs it: a folder for transformers, or a GGUF file for llama.cpp."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.models.gguf.header import read_header
from core.models.gguf.model import GgufModel
from core.models.gguf.tokenizer import load_gguf_tokenizer
from core.models.options import LoadOptions, Trust
from core.models.sizing.dims import LARGEST_WINDOW
from core.models.tokenizers.check import NOT_CHECKED, PROBES, CheckedTokenizer, TokenizerCheck, load_checked
from core.models.weights import check_weights, read_config, read_model
from core.text import Text

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def checked_tokenizer(name: str, files: Path, trust: Trust) -> CheckedTokenizer:
    """The tokenizer of a model whose other files were looked at, too. Raises what is wrong with them."""
    if files.is_file():
        read_header(files)
        return CheckedTokenizer(load_gguf_tokenizer(files), NOT_CHECKED)
    read_config(files, trust)
    checked = load_checked(files, code=trust.code)
    check_weights(name, files, trust)
    return checked


def read_weights(
    name: str, files: Path, options: LoadOptions, report: Callable[[float], None] = lambda _: None
) -> "PreTrainedModel | GgufModel":
    """The model, ready to talk; `report` as for `core.models.weights.read_model`."""
    if files.is_dir():
        return read_model(name, files, options, report)
    import torch

    return GgufModel(files, torch.get_num_threads())


def check_tokenizer(model: "PreTrainedModel | GgufModel", checked: CheckedTokenizer) -> TokenizerCheck:
    """What is known of the tokenizer once the model is loaded: of a GGUF file, whether llama.cpp reads the same."""
    if not isinstance(model, GgufModel):
        return checked.check
    tokenizer, samples = checked.tokenizer, [text for text in PROBES if "▁" not in text]  # both write a space so
    other = tuple(
        text for text in samples
        if model.tokenize(text) != tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    )  # fmt: skip
    if not other:
        found = Text("The tokenizer reads what llama.cpp's own does.",
                     "トークナイザーは llama.cpp 自身のものと同じ読み方をします。")  # fmt: skip
        return TokenizerCheck("right", found)
    found = Text(
        f"transformers reads the tokenizer in this file otherwise than llama.cpp does ({len(other)} of {len(samples)} "
        "samples differ): the model may write a little worse.",
        f"このファイルのトークナイザーは、transformers と llama.cpp で読み方が違います（{len(samples)} 例中 "
        f"{len(other)} 例）。返事が少し崩れるかもしれません。",
    )
    return TokenizerCheck("wrong", found, differing=other)


def context_of(config: object) -> int:
    """Tokens of context to use: what the model was made for, at most LARGEST_WINDOW."""
    text = getattr(config, "text_config", None) or config
    known = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None)
    return min(known or 1024, LARGEST_WINDOW)
