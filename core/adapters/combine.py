"""Several adapters of one base put together to one: a weighted sum, or a vote on what they agree on.

Only the adapters' own matrices are read; of the base no more than its configuration, so that adapters of a
7B model are combined in seconds and in little memory. The methods are peft's (`add_weighted_adapter`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from core.adapters.check import read_lora_config
from core.adapters.store import Adapter
from core.catalogue.bundled import located
from core.errors import InputError, ModelError
from core.prompt.config import PromptConfig

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

log = logging.getLogger(__name__)

Method = Literal["linear", "ties", "dare_linear", "dare_ties"]
METHODS: tuple[Method, ...] = get_args(Method)
# peft's own "linear" sums the two halves of each matrix product apart, which is no sum of what the adapters do;
# "cat" is, at the price of a rank that is the sum of the ranks.
KINDS: dict[Method, str] = {"linear": "cat", "ties": "ties", "dare_linear": "dare_linear", "dare_ties": "dare_ties"}
SAME_IN = ("template", "separator")  # of prompt configs: what the words of both are laid out by
MOST = 4  # adapters at once


@dataclass(frozen=True)
class Mixture:
    """How adapters are put together."""

    weights: tuple[float, ...]
    """One for each adapter; 1 takes it as it is."""
    method: Method = "linear"
    density: float = 0.5
    """Share of each matrix that TIES and DARE keep."""
    seed: int = 0
    """Of what DARE drops."""


def combine(adapters: Sequence[Adapter], mixture: Mixture, into: Path) -> None:
    """Write the combination of `adapters` to the new folder `into`, with the first one's prompt config.

    Raises InputError for adapters or weights that cannot be combined and says why, ModelError when files
    cannot be read.
    """
    prompt_config = _check(adapters, mixture)
    model = _skeleton(adapters[0])
    peft = _attached(model, adapters)
    _add(peft, [f"a{n}" for n in range(len(adapters))], mixture)
    _write(peft, into, adapters, mixture, prompt_config)


def _check(adapters: Sequence[Adapter], mixture: Mixture) -> PromptConfig | None:
    """The prompt config of the combination. Raises InputError with everything that stands in the way."""
    if not 2 <= len(adapters) <= MOST or len({adapter.folder for adapter in adapters}) < len(adapters):
        raise InputError(
            f"Choose from 2 to {MOST} different adapters to combine; these are {len(adapters)}.",
            f"組み合わせるアダプターを 2～{MOST} 個、重ならないように選んでください（いま {len(adapters)} 個）。",
        )
    weights = mixture.weights
    if len(weights) != len(adapters) or not all(-2 <= weight <= 2 for weight in weights) or not any(weights):
        raise InputError(f"The weights {weights} cannot be used: give each adapter one from -2 to 2, not all 0.",
                         f"重み {weights} は使えません。それぞれ -2～2 で、全部 0 にはしないでください。")  # fmt: skip
    first, *others = adapters
    for other in others:
        if _last(other.base) != _last(first.base):
            raise _differ(first, other, "were trained on different models", "学習したモデルが違います",
                          _last(first.base), _last(other.base))  # fmt: skip
        _check_prompt_configs(first, other)
    _check_forms(adapters, mixture.method)
    return first.prompt_config


def _check_prompt_configs(first: Adapter, other: Adapter) -> None:
    if first.prompt_config is None or other.prompt_config is None:
        return
    for field in SAME_IN:
        one, two = getattr(first.prompt_config, field), getattr(other.prompt_config, field)
        if one != two:
            raise _differ(first, other, f"lay out their prompts differently ({field})",
                          f"プロンプトの形（{field}）が違います", one, two)  # fmt: skip


def _check_forms(adapters: Sequence[Adapter], method: Method) -> None:
    configs = [read_lora_config(adapter.folder) for adapter in adapters]
    for adapter, config in zip(adapters, configs, strict=True):
        if config.use_dora:
            raise InputError(f"“{adapter.name}” was trained with DoRA, which cannot be combined. Choose others.",
                             f"「{adapter.name}」は DoRA で学習したもので、組み合わせられません。")  # fmt: skip
    ranks = {max([config.r, *(config.rank_pattern or {}).values()]) for config in configs}
    if method != "linear" and len(ranks) > 1:
        raise InputError(
            f"{method} needs adapters of one rank; these have {sorted(ranks)}. Choose linear, which takes any.",
            f"{method} では rank をそろえる必要があります（いま {sorted(ranks)}）。"
            "linear ならどれでも組み合わせられます。",
        )


def _last(base: str) -> str:
    """A base's name without its folder: the same model may lie at another place on another machine."""
    return Path(base).name


def _skeleton(adapter: Adapter) -> "PreTrainedModel":
    """The base with its shapes and without its weights: each is one number seen many times."""
    import torch

    from core.models.auto import AutoConfig, AutoModelForCausalLM

    revision = adapter.training.get("base_revision")
    try:
        config = AutoConfig.from_pretrained(located(adapter.base), revision=revision, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(
            f"The base “{adapter.base}” of these adapters cannot be found. Load it once in Chat, then combine again.",
            f"ベースモデル「{adapter.base}」が見つかりません。"
            "「話す」タブで一度読み込んでから、もう一度組み合わせてください。",
        ) from error
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            seen = torch.zeros((), dtype=torch.float32).expand(weight.shape)
            setattr(module, name, torch.nn.Parameter(seen, requires_grad=False))
    return model


def _attached(model: "PreTrainedModel", adapters: Sequence[Adapter]) -> "PeftModel":
    """The model with the adapters, called a0, a1, …"""
    from peft import PeftModel
    from safetensors import SafetensorError

    try:
        peft = PeftModel.from_pretrained(model, adapters[0].folder, adapter_name="a0")
        for number, adapter in enumerate(adapters[1:], start=1):
            peft.load_adapter(adapter.folder, adapter_name=f"a{number}")
    except (OSError, RuntimeError, ValueError, KeyError, SafetensorError) as error:
        log.exception("cannot be combined")
        names = "・".join(adapter.name for adapter in adapters)
        raise ModelError(
            f"The files of these adapters do not fit their base or cannot be read ({names}). Choose others.",
            f"アダプターのファイルがベースモデルに合わないか、読めません（{names}）。別のものを選んでください。",
        ) from error
    return peft


def _add(peft: "PeftModel", names: Sequence[str], mixture: Mixture) -> None:
    import torch
    from peft import LoraConfig

    # The combination is made with alpha = rank; rsLoRA would scale it by the square root of the rank once more.
    for name in names:
        lora = peft.peft_config[name]
        assert isinstance(lora, LoraConfig), "no other kind is stored"
        lora.use_rslora = False
    settings = {} if mixture.method == "linear" else {"density": mixture.density}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mixture.seed)
        peft.add_weighted_adapter(
            list(names), list(mixture.weights), "mixed", combination_type=KINDS[mixture.method], **settings
        )


def _write(
    peft: "PeftModel", into: Path, adapters: Sequence[Adapter], mixture: Mixture, prompt_config: PromptConfig | None
) -> None:
    from core.adapters.write import write_adapter

    first = adapters[0]
    parts = [
        {
            "name": adapter.name,
            "weight": weight,
            "persona": adapter.prompt_config.persona if adapter.prompt_config else "",
            "created": adapter.training.get("created"),
        }
        for adapter, weight in zip(adapters, mixture.weights, strict=True)
    ]
    density = {} if mixture.method == "linear" else {"density": mixture.density, "seed": mixture.seed}
    training = {
        "base": first.base,
        "base_revision": first.training.get("base_revision"),
        "combined": {"method": mixture.method, **density, "adapters": parts},
        "stops": first.training.get("stops", []),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in ("torch", "transformers", "peft")},
    }
    revision = training["base_revision"]
    write_adapter(into, peft, prompt_config, training=training, base=first.base, revision=revision, name="mixed")


def _differ(first: Adapter, other: Adapter, en: str, ja: str, one: str, two: str) -> InputError:
    return InputError(
        f"“{first.name}” and “{other.name}” {en}: {one!r} and {two!r}. Combine adapters that agree in this.",
        f"「{first.name}」と「{other.name}」は{ja}（{one!r} と {two!r}）。そろったものどうしを組み合わせてください。",
    )
