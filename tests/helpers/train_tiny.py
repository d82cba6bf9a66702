"""The smallest things a training run needs: a random one-layer model, a chat data set, a run folder."""

import json
from pathlib import Path

from core.files import write_json
from core.messages import Turn, to_chat_messages
from core.prompt import PromptConfig
from core.prompt.sandbox import TEMPLATES
from core.train.config.train_config import TrainConfig
from core.train.spec import JobSpec, RunFolder

PROMPT_CONFIG = PromptConfig(persona="Mika", description="You are Mika.", user="Ken", context_window=256)
CONFIG = TrainConfig(learning_rate=0.01, epochs=2, rank=4, alpha=8, dropout=0.1, batch_size=4,
                     max_length=256, samples=0, save_every=2, eval_every=3, precision="fp32")  # fmt: skip
QUICK_STEPS = 12  # of CONFIG over `dataset`


def tiny_base(folder: Path, *, hidden: int = 32) -> Path:
    """A random Llama of one layer with a byte-level BPE of its own and ChatML."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    bpe.train_from_iterator(
        [text for row in talks(8) for turn in row for text in turn.messages],
        trainers.BpeTrainer(vocab_size=400, special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
                            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False),
    )  # fmt: skip
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, bos_token="<|endoftext|>", eos_token="<|im_end|>", pad_token="<|endoftext|>",
        chat_template=(TEMPLATES / "chatml.jinja").read_text(encoding="utf-8"),
    )  # fmt: skip
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=hidden, intermediate_size=2 * hidden,
        num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=256,
        tie_word_embeddings=True,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def talks(count: int) -> list[list[Turn]]:
    """Short chats of different lengths, bursts and Japanese among them."""
    return [
        [turn for round in range(1 + number % 3) for turn in (
            Turn("user", (f"hey, question {number}.{round}", "are you there?")),
            Turn("assistant", (f"うん、いるよ {number}", *["what is it?"] * (number % 2))),
        )]
        for number in range(count)
    ]  # fmt: skip


def write_dataset(folder: Path, rows: list[list[Turn]], validation: list[list[Turn]]) -> Path:
    """A data set's folder, as the Data tab saves it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", rows), ("validation", validation)):
        lines = [
            json.dumps({"session": str(n), "start": None, "messages": to_chat_messages(row)}, ensure_ascii=False)
            for n, row in enumerate(part)
        ]
        (folder / f"{name}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    write_json(folder / "dataset.json", {"name": folder.name, "rows": len(rows)})
    return folder


def run_folder(path: Path, spec: JobSpec) -> RunFolder:
    """A folder with the spec alone, as a run has before it starts."""
    path.mkdir(parents=True)
    folder = RunFolder(path)
    folder.write_spec(spec)
    return folder


# Where another value cannot be had by a little arithmetic.
OTHERS = {
    "scheduler": "linear", "loss_on": "last_reply", "prompt_loss_weight": 0.2,
    "precision": "bf16", "quantization": "4bit", "target": "q_proj", "loraplus_ratio": 16.0,
    "neftune_alpha": 5.0, "max_grad_norm": 0.01, "epochs": 1, "dropout": 0.3, "weight_decay": 0.5, "warmup_ratio": 0.5,
}  # fmt: skip


def another(name: str) -> object:
    """A value that the setting may have, other than CONFIG's."""
    here = getattr(CONFIG, name)
    if name in OTHERS:
        return OTHERS[name]
    return not here if isinstance(here, bool) else here + 1 if isinstance(here, int) else here / 2
