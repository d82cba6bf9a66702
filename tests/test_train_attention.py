"""The CPU attention of training gives what transformers' own gives, for rows padded on the right."""

import pytest


@pytest.mark.parametrize("tokens", [1, 2, 7, 40])
def test_real_tokens_see_the_same(tokens: int) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from core.train import attention

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

    from core.train.attention import suits

    assert suits(AutoConfig.for_model("llama")) and suits(AutoConfig.for_model("qwen3"))
    assert not suits(AutoConfig.for_model("gemma2")) and not suits(AutoConfig.for_model("gpt_neox"))
    assert not suits(AutoConfig.for_model("mistral", sliding_window=64))
