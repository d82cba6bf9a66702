"""`python -m core.models`: what a model is, as JSON that scripts can read, or a sentence."""

import json
from pathlib import Path

import pytest

from core.catalogue.catalogue import Bits
from core.models.__main__ import describe, main
from core.models.sizing.requirements import inspect_model
from tests.helpers.sentencepiece_tiny import RINNA_CONFIG, folder_with, raw
from tests.helpers.train_tiny import tiny_base

ALPHA = {"model_type": "japanese-stablelm-alpha", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
         "vocab_size": 1200, "max_position_embeddings": 128, "bos_token_id": 3, "eos_token_id": 3}  # fmt: skip


def with_config(folder: Path, config: dict) -> Path:
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_folder_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = tiny_base(tmp_path / "base")
    (base / "model.safetensors").unlink()  # no weights are needed
    assert main([str(base)]) == 0
    found = json.loads(capsys.readouterr().out)
    about = found["architecture"]
    words = json.loads((base / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    assert (about["type"], about["class"], about["implementation"]) == ("llama", "LlamaForCausalLM", "transformers")
    assert (about["layers"], about["width"], about["kv_width"], about["tied"], about["window"]) == (
        1,
        32,
        16,
        True,
        256,
    )
    assert about["parameters"] == words * 32 + (32 * 32 * 2 + 32 * 16 * 2) + 3 * 32 * 64 + 3 * 32
    needs = inspect_model(str(base), local_folders=True)
    for use in ("chat", "training"):
        names: dict[Bits, str] = {16: "bf16", 8: "8bit", 4: "4bit"}
        for bits, name in names.items():
            expected = needs.memory(bits, training=use == "training")
            assert found["memory"][use][name] == {"bytes": expected, "here": "fits"}
    assert found["tokenizer"]["verdict"] == "no sentencepiece" and found["tokenizer"]["tokens"] == words
    assert found["format"]["template"] == "model" and found["format"]["takes_system_text"] is True
    assert found["format"]["end_tokens"] == {"<|im_end|>": 2}


def test_the_projects_own_architecture_and_a_rebuilt_tokenizer(tmp_path: Path) -> None:
    folder = with_config(folder_with(tmp_path / "japanese-stablelm-instruct-alpha-7b", "nerdstash"), ALPHA)
    found = describe(str(folder), context=64)
    assert found["architecture"]["implementation"] == "omokage"
    assert found["architecture"]["parameters"] == 2 * 1200 * 64 + 2 * (4 * 64**2 + 3 * 256 * 64 + 128) + 128
    assert found["in_catalogue"] == "stabilityai/japanese-stablelm-instruct-alpha-7b"
    assert found["memory"]["window"] == 64
    assert found["tokenizer"]["verdict"] in ("right", "rebuilt") and found["tokenizer"]["file"] == "tokenizer.model"
    assert found["format"]["eos_token"] == raw("nerdstash").id_to_piece(3)


def test_a_tokenizer_that_is_read_wrongly_is_told(tmp_path: Path) -> None:
    config = {"model_type": "gpt_neox", "vocab_size": 1000, "hidden_size": 64, "num_hidden_layers": 1,
              "num_attention_heads": 2, "intermediate_size": 128, "max_position_embeddings": 64}  # fmt: skip
    folder = with_config(folder_with(tmp_path / "m", "rinna", name="spiece.model", config=RINNA_CONFIG), config)
    found = describe(str(folder))
    assert found["tokenizer"]["verdict"] == "rebuilt" and found["tokenizer"]["differing"]
    assert "spiece.model" in found["tokenizer"]["text"]["ja"]
    assert found["format"]["template"] == "dialogue" and found["format"]["end_texts"]
    assert found["format"]["end_tokens"] == {"</s>": 2}


@pytest.mark.parametrize("model_type", ["gpt2", "gemma2", "qwen3", "mistral", "stablelm", "bitnet"])
def test_sizes_are_found_in_any_architecture(model_type: str) -> None:
    from transformers import AutoConfig

    from core.models.sizing.dims import model_dims

    sizes = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 300}
    if model_type != "gpt2":
        sizes |= {"num_key_value_heads": 2, "intermediate_size": 96, "head_dim": 16, "max_position_embeddings": 128}
    found = model_dims(AutoConfig.for_model(model_type, **sizes))
    assert (found.layers, found.width, found.vocabulary) == (2, 64, 300)
    assert found.kv_width == (64 if model_type == "gpt2" else 32)
    assert found.parameters > 300 * 64 and found.window == (1024 if model_type == "gpt2" else 128)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "alien"}, "alien"),
        ({"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}, "code of its own"),
        ({"model_type": "t5"}, "could not be loaded"),
        (None, "could not be loaded"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], config: dict | None, said: str
) -> None:
    if config:
        with_config(tmp_path, config)
    assert main([str(tmp_path)]) == 2
    out = capsys.readouterr()
    assert out.out == "" and said in out.err and "Traceback" not in out.err


def test_another_model_is_named_where_there_is_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "japanese-stablelm-3b-4e1t-instruct"
    folder.mkdir()
    with_config(folder, {"model_type": "stablelm_epoch", "auto_map": {"AutoConfig": "mine.Config"}})
    assert main([str(folder)]) == 2
    assert "stabilityai/japanese-stablelm-instruct-gamma-7b is close to it and works here" in capsys.readouterr().err


def test_a_name_that_is_neither_id_nor_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["a/b/c"]) == 2 and "neither a Hub id" in capsys.readouterr().err


def test_a_model_that_cannot_be_reached(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["alice/not-here"]) == 2
    assert "alice/not-here" in capsys.readouterr().err
