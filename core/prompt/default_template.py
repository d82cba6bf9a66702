"""Which prompt format a known model wants, where its tokenizer brings no usable chat template."""

import re
from collections.abc import Collection

from core.catalogue.catalogue import entry_of, model_name

# The rest of the families in the catalogue, and others that people load: part of a model's name → template.
# From the cards of these models; the first that is found counts.
FAMILIES = (
    (r"bilingual-gpt-neox-4b.*instruction|japanese-large-lm.*instruction", "user-system"),
    (r"japanese-gpt-neox.*instruction", "rinna"),
    (r"japanese-stablelm.*instruct.*(alpha|gamma)|japanese-stablelm.*3b-4e1t-instruct", "stablelm-alpha"),
    (r"llm-jp-3.*instruct", "llm-jp"),
    (r"llama-?2.*(chat|instruct)", "llama2"),
    (r"llama-?3.*instruct", "llama3"),
    (r"gemma-2.*-it\b", "gemma2"),
    (r"alpaca.*(ja|japanese)|(ja|japanese).*alpaca", "alpaca-ja"),
)
BASE = "dialogue"


def default_template(model: str, added: Collection[str], template: str | None = None) -> str:
    """The name of the project's template for a model.

    `model` is its Hub id or the folder it was loaded from, `added` are the texts that its tokenizer knows
    as one token, `template` is the chat template that it brought and that could not be used.
    """
    entry = entry_of(model)
    if entry and entry.format not in (None, "model"):
        return entry.format
    name = model_name(model).lower()
    for pattern, family in FAMILIES:
        if re.search(pattern, name):
            return family
    if {"<|im_start|>", "<|im_end|>"} <= set(added):
        return "chatml"
    if {"<|start|>", "<|channel|>", "<|message|>", "<|return|>"} <= set(added):
        return "harmony"
    # A base model of these families knows the tokens and has never seen them used; it brings no template.
    if template and {"<start_of_turn>", "<end_of_turn>"} <= set(added):
        return "gemma2"
    if template and {"<|start_header_id|>", "<|eot_id|>"} <= set(added):
        return "llama3"
    if template and "[INST]" in template:
        return "llama2"
    return BASE
