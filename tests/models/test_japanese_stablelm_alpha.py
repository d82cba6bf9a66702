"""Japanese StableLM Alpha: the same logits as a slow float64 reference of its facts, in every way it is run."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from core.models import caches
from core.models.auto import AutoConfig, AutoModelForCausalLM
from core.models.japanese_stablelm_alpha import TooLongError
from core.settings import ROOT
from tests.helpers.typed import untyped

SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 512,
         "max_position_embeddings": 128}  # fmt: skip
# Keys of the published config.json that say nothing about the architecture, or say it wrongly.
PUBLISHED = {
    "architectures": ["JapaneseStableLMAlphaForCausalLM"],
    "auto_map": {"AutoConfig": "configuration_x.Config", "AutoModelForCausalLM": "modeling_x.Model"},
    "model_type": "japanese-stablelm-alpha", "hidden_act": "silu", "intermediate_size": 16384, "rotary_pct": 0.25,
    "rotary_emb_base": 10000, "rotary_scale_base": 512, "use_parallel_residual": True, "layer_norm_eps": 1e-5,
    "bos_token_id": 3, "eos_token_id": 3, "tie_word_embeddings": False, "torch_dtype": "float16", "use_cache": True,
}  # fmt: skip


def reference(weights: dict[str, np.ndarray], config: dict, tokens: list[int]) -> np.ndarray:
    """Logits [seq, vocab] of one text: a head and a position at a time, rotation as complex numbers, float64."""
    w = {name.removeprefix("transformer."): array.astype(np.float64) for name, array in weights.items()}
    heads, hidden = config["num_attention_heads"], config["hidden_size"]
    size = hidden // heads
    half = int(size * config.get("rotary_pct", 0.25)) // 2
    theta = [config.get("rotary_emb_base", 10000) ** (-i / half) for i in range(half)]
    zeta = [(2 * i + 0.8 * half) / (2.8 * half) for i in range(half)]

    def norm(x: np.ndarray, name: str | None) -> np.ndarray:
        y = (x - x.mean()) / np.sqrt(x.var() + 1e-5)
        return y if name is None else y * w[name + ".weight"] + w[name + ".bias"]

    def placed(x: np.ndarray, position: int, sign: int) -> np.ndarray:
        out = x.copy()
        for i in range(half):
            turned = complex(x[i], x[i + half]) * np.exp(1j * position * theta[i])
            turned *= zeta[i] ** (
                sign * (position - config["max_position_embeddings"] // 2) / config.get("rotary_scale_base", 512)
            )
            out[i], out[i + half] = turned.real, turned.imag
        return out

    rows = [w["embed_in.weight"][token] for token in tokens]
    for layer in range(config["num_hidden_layers"]):
        at = f"layers.{layer}."
        qkv = [(w[at + "attention.query_key_value.weight"] @ norm(x, None)).reshape(heads, 3, size) for x in rows]
        after = []
        for p, x in enumerate(rows):
            mixed = []
            for h in range(heads):
                q = placed(qkv[p][h, 0], p, 1)
                scores = np.array([q @ placed(qkv[s][h, 1], s, -1) for s in range(p + 1)]) / size**0.5
                share = np.exp(scores - scores.max())
                mixed.append(sum(a * qkv[s][h, 2] for s, a in enumerate(share / share.sum())))
            packed = w[at + "mlp.packed_input_proj.weight"] @ norm(x, at + "post_attention_layernorm")
            a, g = np.split(packed, 2)
            mlp = w[at + "mlp.out_proj.weight"] @ (a * g / (1 + np.exp(-g)))
            after.append(x + mlp + w[at + "attention.dense.weight"] @ np.concatenate(mixed))
        rows = after
    return np.stack([w["embed_out.weight"] @ norm(x, "final_layer_norm") for x in rows])


def published_shapes(vocab: int, hidden: int, layers: int) -> dict[str, tuple[int, ...]]:
    """Every key of the published state dict but the rotary buffers, written out from the facts."""
    ff = {64: 256, 96: 256, 4096: 11008}[hidden]
    shapes: dict[str, tuple[int, ...]] = {"transformer.embed_in.weight": (vocab, hidden)}
    for layer in range(layers):
        at = f"transformer.layers.{layer}."
        shapes[at + "attention.query_key_value.weight"] = (3 * hidden, hidden)
        shapes[at + "attention.dense.weight"] = (hidden, hidden)
        shapes[at + "mlp.packed_input_proj.weight"] = (2 * ff, hidden)
        shapes[at + "mlp.out_proj.weight"] = (hidden, ff)
        shapes[at + "post_attention_layernorm.weight"] = shapes[at + "post_attention_layernorm.bias"] = (hidden,)
    for name in ("weight", "bias"):
        shapes[f"transformer.final_layer_norm.{name}"] = (hidden,)
    return shapes | {"embed_out.weight": (vocab, hidden)}


def drawn(shapes: dict[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Weights large enough that every part of the model shows in the logits."""
    draw = torch.Generator().manual_seed(1)
    return {name: torch.randn(shape, generator=draw) * (0.2 if len(shape) > 1 else 1.0)
            for name, shape in shapes.items()}  # fmt: skip


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return drawn(published_shapes(512, 64, 2))


@pytest.fixture(scope="module")
def folder(weights: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As the base model is published: two .bin shards that hold the rotary buffers too."""
    folder = tmp_path_factory.mktemp("alpha")
    (folder / "config.json").write_text(json.dumps(PUBLISHED | SIZES), encoding="utf-8")
    (folder / "modeling_x.py").write_text("raise SystemExit('this code must not run')", encoding="utf-8")
    rotary = {f"transformer.layers.{layer}.attention.rotary_emb.{name}": torch.full((2,), 7.0, dtype=torch.float16)
              for layer in range(2) for name in ("inv_freq", "scale")}  # fmt: skip
    everything = sorted((weights | rotary).items())
    index = {}
    for number, part in enumerate((everything[:9], everything[9:]), start=1):
        name = f"pytorch_model-0000{number}-of-00002.bin"
        torch.save(dict(part), folder / name)
        index |= dict.fromkeys(dict(part), name)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    return folder


def load(folder: Path, **kwargs: object) -> "PreTrainedModel":
    model, found = untyped(AutoModelForCausalLM).from_pretrained(
        folder, trust_remote_code=False, dtype=torch.float32, output_loading_info=True, **kwargs
    )
    assert not found["missing_keys"] and not found["unexpected_keys"] and not found["mismatched_keys"]
    return model.eval()


@pytest.fixture(scope="module")
def model(folder: Path) -> "PreTrainedModel":
    return load(folder)


@pytest.fixture(scope="module")
def text() -> list[int]:
    return torch.randint(0, 512, (24,), generator=torch.Generator().manual_seed(2)).tolist()


@pytest.fixture(scope="module")
def right(weights: dict[str, torch.Tensor], text: list[int]) -> np.ndarray:
    return reference({name: tensor.numpy() for name, tensor in weights.items()}, SIZES, text)


def relative_error(found: torch.Tensor, right: np.ndarray) -> float:
    return float(np.abs(found.detach().double().numpy() - right).max() / np.abs(right).max())


@torch.no_grad()
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_logits_are_those_of_the_reference(
    folder: Path, text: list[int], right: np.ndarray, attention: str
) -> None:
    model = load(folder, attn_implementation=attention)
    assert model.config._attn_implementation == attention
    assert relative_error(model(torch.tensor([text])).logits[0], right) < 1e-5


def test_the_reference_sees_every_part_of_the_model(
    weights: dict[str, torch.Tensor], text: list[int], right: np.ndarray
) -> None:
    """Small changes of what could be built wrongly must show, or agreement would say little."""
    plain = {name: tensor.numpy() for name, tensor in weights.items()}
    for change in (
        {"rotary_pct": 0.5},
        {"rotary_emb_base": 20000},
        {"num_attention_heads": 2},
        {"rotary_scale_base": 256},
    ):
        other = reference(plain, SIZES | change, text)
        assert np.abs(other - right).max() / np.abs(right).max() > 1e-3, change


def read(out: object) -> object:
    """The cache of what the model has read."""
    return getattr(out, caches.keyword())


@torch.no_grad()
@pytest.mark.parametrize("name", caches.NAMES)
def test_a_cache_gives_the_same_logits(model: "PreTrainedModel", text: list[int], right: np.ndarray, name: str) -> None:
    out = model(torch.tensor([text[:10]]), use_cache=True)
    logits = [out.logits[0]]
    for start, end in ((10, 11), (11, 17), (17, 24)):
        out = model(torch.tensor([text[start:end]]), **{name: read(out)})
        logits.append(out.logits[0])
    assert relative_error(torch.cat(logits), right) < 1e-5


@torch.no_grad()
@pytest.mark.parametrize("positions", ["made", "given"])
def test_padding_on_the_left_changes_nothing(
    model: "PreTrainedModel", text: list[int], right: np.ndarray, positions: str
) -> None:
    tokens, mask = torch.tensor([[0] * 9 + text, text + text[:9]]), torch.ones(2, 33, dtype=torch.long)
    mask[0, :9] = 0
    given = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0)} if positions == "given" else {}
    first = model(tokens[:, :20], attention_mask=mask[:, :20], **{k: v[:, :20] for k, v in given.items()})
    rest = model(tokens[:, 20:], attention_mask=mask, **{caches.keyword(): read(first)},
                 **{k: v[:, 20:] for k, v in given.items()})  # fmt: skip
    logits = torch.cat([first.logits, rest.logits], dim=1)
    assert relative_error(logits[0, 9:], right) < 1e-5
    assert relative_error(logits[1, :24], right) < 1e-5


@torch.no_grad()
def test_generate_goes_on_as_without_a_cache(model: "PreTrainedModel", text: list[int]) -> None:
    tokens, mask = torch.tensor([[0] * 4 + text[:8], text[:12]]), torch.ones(2, 12, dtype=torch.long)
    mask[0, :4] = 0
    settings = {"max_new_tokens": 12, "do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    batch = untyped(model).generate(tokens, attention_mask=mask, **settings)
    alone = untyped(model).generate(tokens[:1, 4:], use_cache=False, **settings)
    assert batch[0, 4:].tolist() == alone[0].tolist()
    expected = text[:12]
    for _ in range(12):
        expected.append(int(model(torch.tensor([expected])).logits[0, -1].argmax()))
    assert batch[1].tolist() == expected


@torch.no_grad()
def test_more_than_it_can_read_is_an_error(model: "PreTrainedModel") -> None:
    full = torch.zeros(1, 128, dtype=torch.long)
    out = model(full)
    for more in ({"input_ids": torch.zeros(1, 129, dtype=torch.long)},
                 {"input_ids": full[:, :1], caches.keyword(): read(out)}):  # fmt: skip
        with pytest.raises(TooLongError, match="129 tokens are more than the 128") as raised:
            model(**more)
        assert isinstance(raised.value, ValueError) and "129" in raised.value.ja


def test_saved_and_loaded_it_is_the_same(
    model: "PreTrainedModel", folder: Path, text: list[int], tmp_path: Path
) -> None:
    model.save_pretrained(tmp_path)
    from safetensors.torch import load_file

    assert {name: tuple(tensor.shape) for name, tensor in load_file(tmp_path / "model.safetensors").items()} == (
        published_shapes(512, 64, 2)  # without the rotary buffers
    )
    with torch.no_grad():
        logits = [each(torch.tensor([text])).logits for each in (model, load(tmp_path), load(folder))]
    assert torch.equal(logits[0], logits[1]) and torch.equal(logits[0], logits[2])


def test_the_published_size_has_the_published_shapes() -> None:
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model("japanese-stablelm-alpha"))
    assert {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()} == (
        published_shapes(65536, 4096, 32)
    )
    assert list(model.buffers()) == []


def test_a_config_of_another_size_is_kept(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(PUBLISHED | SIZES | {"hidden_size": 96}), encoding="utf-8")
    config = AutoConfig.from_pretrained(tmp_path, trust_remote_code=False)
    config.save_pretrained(tmp_path / "again")
    again = AutoConfig.from_pretrained(tmp_path / "again", trust_remote_code=False)
    assert (again.rotary_ndims, again.feed_forward_size, again.rotary_scale_base) == (6, 256, 512)
    assert (again.eos_token_id, again.tie_word_embeddings, again.use_parallel_residual) == (3, False, True)


def test_checkpointing_gives_the_same_gradients(folder: Path, text: list[int]) -> None:
    tokens, gradients = torch.tensor([text, text[::-1]]), []
    for checkpointing in (False, True):
        model = untyped(load(folder).train())
        if checkpointing:
            (getattr(model, "activation_checkpointing_enable", None) or model.gradient_checkpointing_enable)()
            assert model.transformer.gradient_checkpointing or model.transformer.layers[0].gradient_checkpointing
        model(tokens, labels=tokens).loss.backward()
        gradients.append([weight.grad for weight in model.parameters()])
    assert all(grad is not None for grad in gradients[0])
    assert all(torch.allclose(*pair, rtol=1e-4, atol=1e-7) for pair in zip(*gradients, strict=True))


@pytest.mark.parametrize("target", ["all-linear", ["query_key_value", "dense", "packed_input_proj", "out_proj"]])
def test_lora_learns_and_comes_back(folder: Path, text: list[int], tmp_path: Path, target: str | list[str]) -> None:
    from peft import LoraConfig, PeftModel, get_peft_model

    torch.manual_seed(0)
    model = get_peft_model(load(folder), LoraConfig(r=4, target_modules=target, task_type="CAUSAL_LM"))
    touched = {name.split(".")[-2] for name, _ in model.named_modules() if name.endswith("lora_A")}
    assert touched == {"query_key_value", "dense", "packed_input_proj", "out_proj"}
    tokens = torch.tensor([text])
    optimiser, losses = torch.optim.AdamW(model.parameters(), lr=0.01), []
    for _ in range(8):
        loss = model(input_ids=tokens, attention_mask=torch.ones_like(tokens), labels=tokens).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 0.5
    model.eval().save_pretrained(str(tmp_path))
    with torch.no_grad():
        again = PeftModel.from_pretrained(load(folder), tmp_path)(tokens).logits
        assert torch.equal(model(tokens).logits, again)
        assert torch.allclose(model.merge_and_unload()(tokens).logits, again, atol=1e-3)


@torch.no_grad()
def test_half_precision_stays_near(folder: Path, text: list[int], right: np.ndarray) -> None:
    found = load(folder).bfloat16()(torch.tensor([text])).logits
    assert found.dtype == torch.bfloat16 and relative_error(found[0], right) < 0.1


@torch.no_grad()
def test_hidden_states_and_the_last_logits_alone(model: "PreTrainedModel", text: list[int]) -> None:
    tokens = torch.tensor([text])
    out = model(tokens, output_hidden_states=True, logits_to_keep=1)
    assert [tuple(state.shape) for state in out.hidden_states] == [(1, 24, 64)] * 3
    assert torch.allclose(out.logits, untyped(model).embed_out(out.hidden_states[-1][:, -1:]), atol=1e-6)
    embedded = model(inputs_embeds=model.get_input_embeddings()(tokens)).logits
    assert torch.equal(embedded, model(tokens).logits)
    with pytest.raises(ValueError, match="either"):
        model()


def test_other_modules_do_not_load_torch_with_it() -> None:
    code = "import sys, core.models.loading, core.train.worker.base; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=60)
