"""Models and adapters as GGUF say in the real llama.cpp what they say in transformers."""

import random
from pathlib import Path
from typing import Any

import pytest

from core.adapters.gguf_lora import GgufShape, write_gguf_lora
from core.errors import ModelError
from core.export.folder import export
from core.export.gguf import write_gguf
from core.models.gguf.model import GgufModel
from tests.helpers.adapter_tiny import tiny_adapter
from tests.helpers.gguf_tiny import KINDS, TALK, expected_tokens, next_tokens, random_model
from tests.helpers.missing import missing

COMPARED = 6


@pytest.fixture(autouse=True)
def _llama_cpp() -> None:
    for name in ("xllamacpp", "gguf"):
        try:
            __import__(name)
        except ImportError:
            missing(f"no {name}; run `make extras`")


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_tokens_are_those_of_transformers(tmp_path: Path, kind: str) -> None:
    """Float32 all the way: the same probabilities with an adapter as in peft, and without it as before."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = random_model(tmp_path / "base", kind)
    plain, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    write_gguf(plain, tokenizer, TALK, tokenizer.chat_template, tmp_path / "model.gguf", kind="f32")
    model = GgufModel(tmp_path / "model.gguf", 1)
    same_next(plain, model, tokenizer, None)

    adapter = tiny_adapter(tmp_path / "adapter", base)
    write_gguf_lora(adapter, GgufShape.of_header(model.header), tmp_path / "adapter.gguf", model.header)
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), adapter.folder).eval()
    for _ in range(2):  # what was read with the one is not taken for what the other has read
        same_next(tuned, model, tokenizer, tmp_path / "adapter.gguf")
        same_next(plain, model, tokenizer, None)


def same_next(expected: Any, model: GgufModel, tokenizer: Any, adapter: Path | None) -> None:
    """Of random prompts those whose next token is whole letters: of half a character llama.cpp tells nothing."""
    from transformers import set_seed

    compared = 0
    for seed in range(40):
        set_seed(seed)
        ids = [random.randrange(20, len(tokenizer)) for _ in range(30)]
        wanted = expected_tokens(expected, ids)
        best = max(wanted, key=lambda token: wanted[token])
        if "\ufffd" in tokenizer.decode([best]) or best in tokenizer.all_special_ids:
            continue
        found = next_tokens(model, ids, adapter=adapter)
        both = wanted.keys() & found.keys()  # of two that are as likely either may be the last
        assert len(both) > 2 and best in both
        assert [found[token] for token in both] == pytest.approx([wanted[token] for token in both], abs=0.03)
        compared += 1
        if compared == COMPARED:
            return
    raise AssertionError(f"only {compared} prompts could be compared")


def test_an_export_holds_both_and_ollamas_modelfile_names_the_one(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base = random_model(tmp_path / "base", "llama")
    adapter = tiny_adapter(tmp_path / "adapter", base, prompt_config=TALK)
    export(adapter, str(base), tmp_path / "out", gguf=True)
    out = tmp_path / "out"
    assert "FROM ./model.gguf" in (out / "Modelfile").read_text(encoding="utf-8") and (out / "adapter.gguf").is_file()
    merged, tokenizer = (
        AutoModelForCausalLM.from_pretrained(out / "model"),
        AutoTokenizer.from_pretrained(out / "model"),
    )
    model = GgufModel(out / "model.gguf", 1)
    assert model.header.values["tokenizer.chat_template"] == tokenizer.chat_template
    same_next(merged, model, tokenizer, None)


def test_what_was_not_tried_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="gpt_neox"):
        GgufShape.of_config({"model_type": "gpt_neox"})
    base = random_model(tmp_path / "base", "llama")
    adapter = tiny_adapter(tmp_path / "adapter", base)
    with pytest.raises(ModelError, match="no place for"):
        write_gguf_lora(adapter, GgufShape("llama", 1, 4, 2), tmp_path / "adapter.gguf")
    assert not (tmp_path / "adapter.gguf").exists()
