"""The CPU attention of training gives what transformers' own gives, for rows padded on the right; its dropout drops."""

import pytest

from tests.helpers.typed import present


@pytest.mark.parametrize(("tokens", "longest"), [(1, 512), (2, 512), (7, 512), (40, 512), (40, 39)])
def test_real_tokens_see_the_same(tokens: int, longest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from core.train.worker import attention

    monkeypatch.setattr(attention, "LONGEST", longest)
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=32, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2)  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    ids = torch.randint(0, 50, (3, tokens))
    mask = torch.ones_like(ids)
    mask[1, (tokens + 1) // 2 :] = 0
    found = {}
    for name in ("eager", attention.NAME):
        model.set_attn_implementation(name)
        found[name] = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[mask.bool()]
    assert torch.allclose(found["eager"], found[attention.NAME], atol=1e-5)


def test_it_is_for_plain_attention_only() -> None:
    from transformers import AutoConfig

    from core.train.worker.attention import suits

    assert suits(AutoConfig.for_model("llama")) and suits(AutoConfig.for_model("qwen3"))
    assert not suits(AutoConfig.for_model("gemma2")) and not suits(AutoConfig.for_model("gpt_neox"))
    assert not suits(AutoConfig.for_model("mistral", sliding_window=64))


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    import torch

    from core.train.worker.dropout import FastDropout

    torch.manual_seed(3)
    x = torch.ones(501, 333, dtype=torch.bfloat16, requires_grad=True)
    layer = FastDropout(0.1)
    y = layer(x)
    assert (y == 0).float().mean().item() == pytest.approx(0.1, abs=0.003)
    assert y.float().mean().item() == pytest.approx(1.0, abs=0.01)
    y.sum().backward()
    assert torch.equal(present(x.grad), y.detach())
    torch.manual_seed(3)
    assert torch.equal(layer(x), y) and not torch.equal(layer(x), y)
    assert layer.eval()(x) is x


def test_dropout_of_lora_layers_is_quickened() -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    from core.train.worker.dropout import FastDropout, use_fast_dropout

    config = LlamaConfig(vocab_size=50, hidden_size=32, intermediate_size=32, num_hidden_layers=1,
                         num_attention_heads=4)  # fmt: skip
    model = get_peft_model(LlamaForCausalLM(config), LoraConfig(r=2, lora_dropout=0.25, target_modules="all-linear"))
    use_fast_dropout(model)
    found = [module for module in model.modules() if isinstance(module, FastDropout)]
    assert len(found) == 7 and {module.p for module in found} == {0.25}
