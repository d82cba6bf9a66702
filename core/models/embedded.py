"""The model that comes with the app: for now a tiny Llama with random weights, built on first use.

It speaks no language; it makes the whole path from log to trained adapter run within seconds on any
computer, without a hub. Trained weights in `models/omokage-mini/` take its place as soon as they exist.
"""

import json
import os
import shutil
import uuid
from pathlib import Path

from core.layout import TEMPLATES
from core.settings import ROOT

NAME = "omokage-tiny"
TRAINED = ROOT / "models" / "omokage-mini"
VOCABULARY = 4096
CONTEXT = 1024
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


def embedded_model(models: Path) -> Path:
    """The folder of the embedded model, built under `models` (about a second) if it is not there yet."""
    if TRAINED.is_dir():
        return TRAINED
    folder = models / NAME
    if not (folder / "config.json").exists():
        aside = models / f".{NAME}.{uuid.uuid4().hex}"
        try:
            build(aside)
            os.replace(aside, folder)
        except OSError:
            if not (folder / "config.json").exists():  # another process was not faster either
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return folder


def build(folder: Path, *, seed: int = 0) -> None:
    """Write a random Llama (about 1.3 M parameters) and a byte-level BPE trained on the project's own texts."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = _tokenizer()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=128, intermediate_size=384, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
        bos_token_id=0, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _tokenizer() -> "PreTrainedTokenizerFast":  # noqa: F821 - imported late
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        _own_texts(),
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=SPECIAL[0],
        eos_token=SPECIAL[2],
        pad_token=SPECIAL[0],
        chat_template=(TEMPLATES / "chatml.jinja").read_text(encoding="utf-8"),
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def _own_texts() -> list[str]:
    """The sample logs and the personas: Japanese and English that belong to the project."""
    texts = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "datasets").glob("*.txt"))]
    texts += [json.dumps(json.loads(p.read_text(encoding="utf-8")), ensure_ascii=False)
              for p in sorted((TEMPLATES / "personas").glob("*.json"))]  # fmt: skip
    return texts
