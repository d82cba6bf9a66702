"""A full model as one GGUF file, as llama.cpp and Ollama load it: weights in float16 or float32, tokenizer, template.

Only what was tried is written: the architectures of `core.adapters.gguf_lora`, with a plain rotary embedding, and
tokenizers whose ids llama.cpp makes out of the same text (tests/export/test_gguf.py).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from core.adapters.gguf_lora import GgufShape
from core.errors import ModelError
from core.models.gguf.packages import gguf_format
from core.prompt import PromptConfig, stop_criteria

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

GgufFloat = Literal["f16", "f32"]
GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
# What a byte-level tokenizer cuts at, and llama.cpp's name for it.
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CUT_AT = {QWEN2: "qwen2", QWEN2.replace(r"|\p{N}|", r"|\p{N}{1,3}|"): "llama-bpe"}
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6


def write_gguf(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", prompt_config: PromptConfig, template: str,
    into: Path, *, kind: GgufFloat = "f16",
) -> None:  # fmt: skip
    """Write the model as the file `into`. Raises ModelError for an architecture or a tokenizer that was not tried."""
    gguf = gguf_format()
    config = model.config.to_dict()
    shape = GgufShape.of_config(config)
    _check_plain(config)
    writer = gguf.GGUFWriter(into, shape.architecture, use_temp_file=True)
    _add_settings(writer, config, shape, kind)
    _add_tokenizer(writer, tokenizer, prompt_config, int(config["vocab_size"]))
    writer.add_chat_template(template)
    _add_weights(writer, model, shape, kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _check_plain(config: dict[str, Any]) -> None:
    ropes = config.get("rope_parameters") or {}
    each = [ropes, *(part for part in ropes.values() if isinstance(part, dict))]
    if any(part.get("rope_type", "default") != "default" for part in each):
        raise _not_tried("its rotary embedding is scaled", "回転埋め込みに拡張があるため")
    head = _head(config)
    if config["model_type"] == "gemma3_text" and config.get("query_pre_attn_scalar", head) != head:
        raise _not_tried("its attention is scaled by another number than its heads' width", "注意の係数が特殊なため")


def _head(config: dict[str, Any]) -> int:
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def _add_settings(writer: Any, config: dict[str, Any], shape: GgufShape, kind: GgufFloat) -> None:
    ropes = config.get("rope_parameters") or {}
    theta = ropes.get("full_attention", ropes).get("rope_theta") or config.get("rope_theta") or 10_000.0
    writer.add_type("model")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(_head(config))
    writer.add_value_length(_head(config))
    writer.add_rope_dimension_count(_head(config))
    writer.add_rope_freq_base(float(theta))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    if shape.architecture == "gemma3":
        writer.add_sliding_window(config["sliding_window"])
    writer.add_file_type({"f32": 0, "f16": 1}[kind])


def _add_weights(writer: Any, model: "PreTrainedModel", shape: GgufShape, kind: GgufFloat) -> None:
    tied = model.config.get_text_config().tie_word_embeddings
    for key, weight in model.state_dict().items():
        if tied and key == "lm_head.weight":
            continue
        layer, _, part = key.rpartition(".")
        name = shape.name_of(layer)
        if name is None or part not in ("weight", "bias"):
            raise _not_tried(f"llama.cpp has no place for {key}", f"llama.cpp に {key} を入れる所がないため")
        rows = shape.reordered(name, weight.float().numpy())
        if shape.architecture == "gemma3" and layer.endswith("norm"):
            rows = rows + 1  # transformers keeps what is added to one
        wide = kind == "f16" and rows.ndim > 1
        writer.add_tensor(f"{name}.{part}", rows.astype("float16") if wide else rows.astype("float32"))


def _add_tokenizer(writer: Any, tokenizer: "PreTrainedTokenizerBase", prompt_config: PromptConfig, size: int) -> None:
    fast: Any = tokenizer
    if not tokenizer.is_fast:
        raise _not_tried("its tokenizer is no fast one", "トークナイザーが高速版ではないため")
    form = json.loads(fast.backend_tokenizer.to_str())
    kind, pre = _kind_of(form)
    added = {int(token["id"]): token for token in form["added_tokens"]}
    vocabulary = {number: text for text, number in tokenizer.get_vocab().items()}
    texts = [vocabulary.get(number, f"[PAD{number}]") for number in range(size)]
    types = [_type_of(number, text, added, form, vocabulary) for number, text in enumerate(texts)]
    writer.add_tokenizer_model(kind)
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(texts)
    writer.add_token_types(types)
    if kind == "llama":
        writer.add_token_scores([-float(number) for number in range(size)])  # in the order they were merged in
        writer.add_add_space_prefix("Prepend" in str(form["normalizer"]))
    else:
        writer.add_token_merges([pair if isinstance(pair, str) else " ".join(pair) for pair in form["model"]["merges"]])
    begins = tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]
    writer.add_add_bos_token(tokenizer.bos_token_id is not None and begins)
    ends = stop_criteria(prompt_config, tokenizer).token_ids
    for add, token in (
        (writer.add_bos_token_id, tokenizer.bos_token_id), (writer.add_eos_token_id, tokenizer.eos_token_id),
        (writer.add_pad_token_id, tokenizer.pad_token_id), (writer.add_unk_token_id, tokenizer.unk_token_id),
        (writer.add_eot_token_id, next((end for end in ends if end != tokenizer.eos_token_id), None)),
    ):  # fmt: skip
        if token is not None:
            add(token)


def _kind_of(form: dict[str, Any]) -> tuple[str, str]:
    """llama.cpp's names of the tokenizer's kind and of what it cuts at. Raises ModelError for others."""
    model, cuts = form["model"], form["pre_tokenizer"] or {}
    steps = [{name: step[name] for name in step if name != "trim_offsets"}
             for step in cuts.get("pretokenizers", [cuts])]  # fmt: skip
    if model["type"] == "BPE" and model.get("byte_fallback"):
        return "llama", "default"
    if model["type"] == "BPE" and steps == [GPT2]:
        return "gpt2", "gpt-2"
    if model["type"] == "BPE" and steps == [DIGITS, GPT2]:
        return "gpt2", "smollm"
    if model["type"] == "BPE" and len(steps) == 2 and steps[1] == GPT2 | {"use_regex": False}:
        pattern = steps[0].get("pattern", {}).get("Regex", "")
        if steps[0].get("behavior") == "Isolated" and pattern in CUT_AT:
            return "gpt2", CUT_AT[pattern]
    raise _not_tried(f"its tokenizer is of another kind ({model['type']})",
                     f"トークナイザーの種類（{model['type']}）が違うため")  # fmt: skip


def _type_of(number: int, text: str, added: dict[int, Any], form: dict[str, Any], vocabulary: dict[int, str]) -> int:
    if number not in vocabulary:
        return UNUSED
    if text == form["model"].get("unk_token"):
        return UNKNOWN
    if number in added:
        return CONTROL if added[number]["special"] else USER_DEFINED
    is_byte = form["model"].get("byte_fallback") and len(text) == 6 and text.startswith("<0x")
    return BYTE if is_byte else NORMAL


def _not_tried(reason: str, ja: str) -> ModelError:
    return ModelError(
        f"This model is not written as GGUF: {reason}. Use the folder “model” of the export.",
        f"このモデルは GGUF にできません（{ja}）。書き出しの「model」フォルダーを使ってください。",
    )
