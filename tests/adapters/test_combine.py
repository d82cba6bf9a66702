"""A combination is the weighted sum of what its adapters do, or says why there is none."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.adapters.combine import METHODS, Method, Mixture, combine
from core.adapters.store import Adapter
from core.errors import InputError
from tests.helpers.adapter_tiny import TEMPLATED, tiny_adapter
from tests.helpers.train_tiny import tiny_base


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("combine") / "base")


@pytest.fixture(scope="module")
def adapters(base: Path) -> list[Adapter]:
    """Of different ranks and scales; the last of the first one's rank."""
    about = {"stops": ["<|im_end|>"], "created": "2026-01-01"}
    return [
        tiny_adapter(base.parent / "a0", base, rank=4, training=about),
        tiny_adapter(base.parent / "a1", base, seed=1, rank=8),
        tiny_adapter(base.parent / "a2", base, seed=2, rank=4, use_rslora=True),
    ]


def changes(folder: Path, base: Path) -> dict:
    """What an adapter adds to each layer's weights."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), folder)
    return {n: m.get_delta_weight("default") for n, m in model.named_modules() if hasattr(m, "get_delta_weight")}


def test_linear_is_the_exact_weighted_sum_of_adapters_of_any_rank(
    base: Path, adapters: list[Adapter], tmp_path: Path
) -> None:
    combine(adapters, Mixture((0.5, 1.0, -0.3)), tmp_path / "mix")
    made, parts = changes(tmp_path / "mix", base), [changes(adapter.folder, base) for adapter in adapters]
    assert len(made) == 7
    for name, found in made.items():
        wanted = 0.5 * parts[0][name] + parts[1][name] - 0.3 * parts[2][name]
        assert (found - wanted).abs().max() < 1e-6 < wanted.abs().max()


@pytest.mark.parametrize("method", METHODS[1:])
def test_the_other_methods_make_an_adapter_of_the_same_rank(
    base: Path, adapters: list[Adapter], tmp_path: Path, method: Method
) -> None:
    pair = [adapters[0], adapters[2]]
    for name in ("mix", "again"):
        combine(pair, Mixture((1.0, 1.0), method, density=0.4), tmp_path / name)
    made, again = (changes(tmp_path / name, base) for name in ("mix", "again"))
    assert all((made[name] == again[name]).all() and made[name].abs().max() > 1e-3 for name in made)
    assert '"r": 4' in (tmp_path / "mix" / "adapter_config.json").read_text()


def test_it_says_where_it_comes_from_and_keeps_the_contract(adapters: list[Adapter], tmp_path: Path) -> None:
    combine(adapters[:2], Mixture((1.0, 0.5)), tmp_path / "mix")
    made = Adapter.read(tmp_path / "mix")
    assert made.prompt_config == adapters[0].prompt_config and made.base == adapters[0].base
    assert made.training["combined"]["method"] == "linear" and made.training["stops"] == ["<|im_end|>"]
    parts = made.training["combined"]["adapters"]
    assert [(part["name"], part["weight"]) for part in parts] == [("a0", 1.0), ("a1", 0.5)]


def test_what_does_not_go_together_is_refused_with_the_reason(adapters: list[Adapter], tmp_path: Path) -> None:
    one, two, three = adapters
    other_base = replace(two, base="someone/else-1b")
    other_form = replace(two, prompt_config=replace(TEMPLATED, template="gemma2"))
    refused = {
        "different models": ([one, other_base], Mixture((1, 1))),
        r"differently \(template\)": ([one, other_form], Mixture((1, 1))),
        "one rank": ([one, two], Mixture((1, 1), "ties")),
        "from 2 to 4": ([one, one], Mixture((1, 1))),
        "weights": ([one, three], Mixture((0, 0))),
    }
    for reason, (parts, mixture) in refused.items():
        with pytest.raises(InputError, match=reason):
            combine(parts, mixture, tmp_path / "mix")
    assert not (tmp_path / "mix").exists()
