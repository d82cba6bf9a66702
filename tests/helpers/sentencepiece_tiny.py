"""SentencePiece models in miniature, trained within milliseconds with the settings of well-known Japanese models."""

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.helpers.prompt_tiny import texts

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

PLAIN = {"byte_fallback": True, "remove_extra_whitespaces": False, "normalization_rule_name": "identity"}
RINNA = {**PLAIN, "model_type": "unigram", "add_dummy_prefix": False, "user_defined_symbols": ["<NL>"],
         "control_symbols": ["[CLS]", "[SEP]", "[MASK]"], "pad_id": 3, "pad_piece": "[PAD]"}  # fmt: skip
LINE = {**PLAIN, "model_type": "unigram", "add_dummy_prefix": True, "normalization_rule_name": "nmt_nfkc"}
NERDSTASH = {**PLAIN, "model_type": "bpe", "add_dummy_prefix": False, "normalization_rule_name": "nfkc",
             "split_digits": True, "user_defined_symbols": ["▁▁▁▁", "\n", "<|endoftext|>"]}  # fmt: skip
LLAMA = {**PLAIN, "model_type": "bpe", "add_dummy_prefix": True, "split_digits": True}
KINDS: dict[str, dict] = {
    "rinna": RINNA,
    "line": LINE,
    "nerdstash": NERDSTASH,
    "llama": LLAMA,
    "gemma": {**LLAMA, "add_dummy_prefix": False, "user_defined_symbols": ["\n\n", "▁▁", "▁▁▁", "<start_of_turn>"]},
    "rinna without byte fallback": RINNA | {"byte_fallback": False},
    "rinna, NFKC": RINNA | {"normalization_rule_name": "nmt_nfkc"},
    "line with symbols": LINE | {"user_defined_symbols": ["<NL>", "▁▁"]},
    "nerdstash with a prefix": NERDSTASH | {"add_dummy_prefix": True, "user_defined_symbols": ["▁▁", "<NL>", "\n"]},
    "as SentencePiece comes": {"model_type": "unigram"},
    "BPE, case folded": {"model_type": "bpe", "normalization_rule_name": "nmt_nfkc_cf"},
    "no prefix, spaces joined": {"model_type": "unigram", "add_dummy_prefix": False, "byte_fallback": True},
}
RINNA_CONFIG = {
    "tokenizer_class": "T5Tokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
    "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]", "extra_ids": 0,
    "additional_special_tokens": [], "sp_model_kwargs": {},
}  # fmt: skip
LLAMA_CONFIG = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


@functools.cache
def trained(kind: str) -> bytes:
    """The model file."""
    import io

    import sentencepiece

    out = io.BytesIO()
    settings = {"vocab_size": 1000, "character_coverage": 0.98, "minloglevel": 3, "hard_vocab_limit": False}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts()), model_writer=out, **settings, **KINDS[kind]
    )
    return out.getvalue()


def raw(kind: str) -> "SentencePieceProcessor":
    import sentencepiece

    return sentencepiece.SentencePieceProcessor(model_proto=trained(kind))


def folder_with(folder: Path, kind: str, *, name: str = "tokenizer.model", config: dict | None = None) -> Path:
    """`folder` with the model file and a tokenizer_config.json, as on the Hub."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(trained(kind))
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
    return folder
