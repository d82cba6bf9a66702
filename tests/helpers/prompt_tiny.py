"""Tokenizers and chat templates in miniature, shaped like those of well-known models."""

import json
import random
from pathlib import Path

from core.messages import Role, Turn
from core.prompt.sandbox import TEMPLATES
from core.settings import ROOT

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{
raise_exception('System role not supported') }}{% endif
%}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{
raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif
%}{% set role = 'model' if message['role'] == 'assistant' else message['role']
%}{{ '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}{% endfor
%}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""

LLAMA3 = """{{ bos_token }}{% if not date_string is defined %}{% set date_string = strftime_now("%d %b %Y") %}{% endif
%}{% if messages and messages[0]['role'] == 'system' %}{% set system = messages[0]['content']|trim %}{%
set messages = messages[1:] %}{% else %}{% set system = "" %}{% endif
%}{{ "<|start_header_id|>system<|end_header_id|>\n\nToday Date: " + date_string + "\n\n" + system + "<|eot_id|>" }}{%
for message in messages %}{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'
+ message['content'] | trim + '<|eot_id|>' }}{% endfor
%}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""

RINNA = """{% for m in messages %}{% if m.role=='assistant' %}{{ 'システム: ' }}{% generation %}{{
m.content|trim|replace('\n','<NL>') }}{{ eos_token if loop.last else '<NL>' }}{% endgeneration %}{% else %}{{
'ユーザー: ' + m.content|trim|replace('\n','<NL>') + '<NL>' }}{% endif %}{% endfor
%}{% if add_generation_prompt %}{{ 'システム: ' }}{% endif %}"""

# An empty thought stands before the newest reply only: in a chat always, in a row before the last one.
QWEN3 = """{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{%
if m.role == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{{ m.content + '<|im_end|>\n' }}{%
endfor
%}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%
if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}{% endif %}"""

# The persona's last turn ends in nothing; those before it end in the end-of-sequence token.
BARE_END = """{% for m in messages %}{{ '[' + m.role + '] ' + m.content }}{%
if m.role == 'assistant' and not loop.last %}{{ eos_token }}{% elif m.role != 'assistant' %}{{ '\n' }}{%
endif %}{% endfor
%}{% if add_generation_prompt %}{{ '[assistant] ' }}{% endif %}"""

# Mistral's later ones print the system text before the last message of the user.
LATE_SYSTEM = """{{ bos_token }}{% set system = '' %}{% if messages and messages[0]['role'] == 'system' %}{%
set system = messages[0]['content'] + '\n\n' %}{% endif %}{% if system %}{% set messages = messages[1:] %}{% endif
%}{% for m in messages %}{% if m.role == 'user' %}{{ '[INST] ' }}{% if loop.index0 >= messages|length - 2 %}{{
system }}{% endif %}{{ m.content + '[/INST] ' }}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}"""

DROPS = """{% for m in messages[-1:] %}{{ m.role + ': ' + m.content + '\n' }}{% endfor
%}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"""


def chatml() -> str:
    return (TEMPLATES / "chatml.jinja").read_text(encoding="utf-8")


def texts() -> list[str]:
    """Lines of the two sample chats, by name: another file in their folder changes no tokenizer."""
    files = (ROOT / "datasets" / name for name in ("sample_line_aoi.txt", "sample_whatsapp_wren.txt"))
    return [line for path in files
            for line in list(filter(str.strip, path.read_text(encoding="utf-8").splitlines()))[:300]]  # fmt: skip


def byte_bpe(*, template: str | None = None, special: tuple[str, ...] = SPECIAL, plain: tuple[str, ...] = ()):
    """A byte-level BPE like GPT's and Qwen's. `plain`: tokens that are added without being special."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(texts(), trainers.BpeTrainer(vocab_size=1500, special_tokens=list(special),
                                                         initial_alphabet=alphabet, show_progress=False))  # fmt: skip
    bpe.add_tokens([AddedToken(text, special=False, normalized=False) for text in plain])
    names = {"bos_token": special[0], "eos_token": special[-1], "pad_token": special[0]}
    return PreTrainedTokenizerFast(tokenizer_object=bpe, chat_template=template, **names)


def sentencepiece(folder: Path, *, dummy_prefix: bool, of: str = "LlamaTokenizer", template: str | None = None):
    """A SentencePiece unigram with byte fallback, converted by transformers as `of`."""
    import sentencepiece as spm
    from transformers import AutoTokenizer

    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts()), model_prefix=str(folder / "tokenizer"), model_type="unigram", vocab_size=900,
        byte_fallback=True, add_dummy_prefix=dummy_prefix, remove_extra_whitespaces=False, character_coverage=0.98,
        normalization_rule_name="identity", user_defined_symbols=["<NL>"], minloglevel=3,
    )  # fmt: skip
    config = {"tokenizer_class": of, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
              "add_prefix_space": dummy_prefix}  # fmt: skip
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    return tokenizer


def random_talk(seed: int, turns: int, *, opens: str = "user", words: tuple[str, ...] = ()) -> list[Turn]:
    """Turns of either side by turns, with bursts, long messages, and the odd thing that people paste."""
    draw = random.Random(seed)
    roles: tuple[Role, Role] = ("user", "assistant")
    first = 0 if opens == "user" else 1
    odd = (
        "え、まじ?",
        "  lead",
        "ｗｗｗ",
        "👩‍👩‍👧‍👦🎉",
        "a\n\nb",
        "鬱蒼",
        "\t",
        "1234567890",
        "<b>x</b>",
        "…",
        'so "no"',
        *words,
    )
    lines = [line[:60] for line in texts()]

    def message() -> str:
        return draw.choice((draw.choice(odd), draw.choice(lines))) or "x"

    return [
        Turn(roles[(first + number) % 2], tuple(message() for _ in range(draw.choice((1, 1, 2, 3)))))
        for number in range(turns)
    ]
