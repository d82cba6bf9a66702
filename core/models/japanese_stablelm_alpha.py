"""Japanese StableLM Alpha for transformers 5, written from the facts of its architecture.

The published repository brings code for transformers 4.30, which does not run on 5. This reads the same
configuration and weights, and no code. Importing it makes AutoConfig, AutoModel and AutoModelForCausalLM
know the architecture; it imports torch, so import it late.

A layer adds attention and a gated MLP to its input in parallel. The first quarter of each head's channels
is rotated by position and scaled as in xPos (arXiv:2212.10554), so that scores fall off with distance.
"""

from typing import Any, NamedTuple

import torch
from einops import rearrange, repeat
from torch import nn
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, Cache, DynamicCache, GenerationMixin
from transformers import PreTrainedConfig as Config
from transformers.masking_utils import create_causal_mask
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, PreTrainedModel
from transformers.utils.generic import can_return_tuple

from core.errors import InputError
from core.models import caches


class TooLongError(InputError, ValueError):
    """More positions than the model was made for."""

    def __init__(self, length: int, most: int) -> None:
        super().__init__(
            f"{length} tokens are more than the {most} that Japanese StableLM Alpha can read. Use a shorter text.",
            f"{length} トークンは、Japanese StableLM Alpha が読める {most} トークンを超えています。"
            "文章を短くしてください。",
        )


class JapaneseStableLMAlphaConfig(Config):
    """config.json of the published models; the defaults are those of the 7B."""

    model_type = "japanese-stablelm-alpha"
    keys_to_ignore_at_inference = caches.NAMES

    vocab_size: int = 65536
    hidden_size: int = 4096
    num_hidden_layers: int = 32
    num_attention_heads: int = 32
    max_position_embeddings: int = 2048
    rotary_pct: float = 0.25
    rotary_emb_base: float = 10000
    rotary_scale_base: float = 512
    use_parallel_residual: bool = True
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02
    use_cache: bool = True
    bos_token_id: int | None = 3
    eos_token_id: int | list[int] | None = 3
    pad_token_id: int | None = None
    tie_word_embeddings: bool = False

    @property
    def head_size(self) -> int:
        """Channels of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def rotary_ndims(self) -> int:
        """Channels of a head that carry the position."""
        return int(self.head_size * self.rotary_pct)

    @property
    def feed_forward_size(self) -> int:
        """Channels inside the MLP: 8/3 of the hidden ones, rounded up to a multiple of 256.

        An `intermediate_size` in config.json has no say in it.
        """
        return -(-int(8 * self.hidden_size / 3) // 256) * 256


class Rotation(NamedTuple):
    """What turns and scales one side of the scores, each float32 [batch, 1, seq, rotary_ndims]."""

    cos: torch.Tensor
    sin: torch.Tensor

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """`x` [batch, heads, seq, head_size] with its first channels turned; in float32 within, as it came out."""
        turned, rest = x.split([self.cos.shape[-1], x.shape[-1] - self.cos.shape[-1]], dim=-1)
        turned = turned.float()
        first, second = turned.chunk(2, dim=-1)
        turned = turned * self.cos + torch.cat((-second, first), dim=-1) * self.sin
        return torch.cat((turned.to(x.dtype), rest), dim=-1)


def rotations(config: JapaneseStableLMAlphaConfig, positions: torch.Tensor) -> tuple[Rotation, Rotation]:
    """For queries and for keys at integer `positions` [batch, seq].

    Made anew each time from the configuration: nothing has to be kept, moved or loaded with the weights.
    """
    size = config.rotary_ndims
    even = torch.arange(0, size, 2, device=positions.device, dtype=torch.float32)
    at = rearrange(positions, "batch seq -> batch 1 seq 1").float()
    angles = at * (1 / config.rotary_emb_base ** (even / size))
    zeta = (even + 0.4 * size) / (1.4 * size)
    scale = zeta ** ((at - config.max_position_embeddings // 2) / config.rotary_scale_base)
    twice = "batch 1 seq half -> batch 1 seq (two half)"
    cos, sin, scale = (repeat(each, twice, two=2) for each in (angles.cos(), angles.sin(), scale))
    return Rotation(cos * scale, sin * scale), Rotation(cos / scale, sin / scale)


class JapaneseStableLMAlphaAttention(nn.Module):
    """Causal self-attention without biases."""

    def __init__(self, config: JapaneseStableLMAlphaConfig, layer_idx: int) -> None:
        super().__init__()
        self.config, self.layer_idx = config, layer_idx
        self.is_causal, self.scaling = True, config.head_size**-0.5
        self.query_key_value = nn.Linear(config.hidden_size, 3 * config.hidden_size, bias=False)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size, bias=False)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None, turn: tuple[Rotation, Rotation],
        cache: Cache | None,
    ) -> torch.Tensor:  # fmt: skip
        """[batch, seq, hidden] to the same. Keys are kept in the cache turned and scaled."""
        heads = self.config.num_attention_heads
        split = "batch seq (heads three size) -> three batch heads seq size"
        q, k, v = rearrange(self.query_key_value(x), split, heads=heads, three=3)
        q, k = turn[0](q), turn[1](k)
        if cache is not None:
            k, v = cache.update(k, v, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation or "eager", eager_attention)
        found, _ = attend(self, q, k, v, mask, scaling=self.scaling, dropout=0.0)
        return self.dense(rearrange(found, "batch seq heads size -> batch seq (heads size)"))


def eager_attention(
    module: nn.Module, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor | None, *,
    scaling: float, **kwargs: object,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """q, k, v [batch, heads, seq, size] to ([batch, seq, heads, size], weights); softmax in float32."""
    scores = torch.einsum("bhqc,bhkc->bhqk", q, k) * scaling
    if mask is not None:
        scores = scores + mask
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(q.dtype)
    return torch.einsum("bhqk,bhkc->bqhc", weights, v), weights


class JapaneseStableLMAlphaMLP(nn.Module):
    """a · silu(g), with a and g from one projection."""

    def __init__(self, config: JapaneseStableLMAlphaConfig) -> None:
        super().__init__()
        self.packed_input_proj = nn.Linear(config.hidden_size, 2 * config.feed_forward_size, bias=False)
        self.out_proj = nn.Linear(config.feed_forward_size, config.hidden_size, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, seq, hidden] to the same."""
        a, g = self.packed_input_proj(x).chunk(2, dim=-1)
        return self.out_proj(a * nn.functional.silu(g))


class JapaneseStableLMAlphaLayer(GradientCheckpointingLayer):
    """Attention and MLP, both over the layer's input where the residual is parallel, as in all published models."""

    def __init__(self, config: JapaneseStableLMAlphaConfig, layer_idx: int) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.parallel = config.use_parallel_residual
        self.input_layernorm = nn.LayerNorm(size, eps=eps, elementwise_affine=False)
        self.post_attention_layernorm = nn.LayerNorm(size, eps=eps)
        self.attention = JapaneseStableLMAlphaAttention(config, layer_idx)
        self.mlp = JapaneseStableLMAlphaMLP(config)

    def forward(
        self, x: torch.Tensor, mask: torch.Tensor | None, turn: tuple[Rotation, Rotation], *,
        cache: Cache | None,
    ) -> torch.Tensor:  # fmt: skip
        """[batch, seq, hidden] to the same."""
        attended = self.attention(self.input_layernorm(x), mask, turn, cache)
        if not self.parallel:
            x, attended = x + attended, 0.0
        return x + self.mlp(self.post_attention_layernorm(x)) + attended


class JapaneseStableLMAlphaPreTrainedModel(PreTrainedModel):
    """What transformers has to know to load, place and quantise the model."""

    config: JapaneseStableLMAlphaConfig
    config_class = JapaneseStableLMAlphaConfig
    base_model_prefix = "transformer"
    supports_gradient_checkpointing = True
    _no_split_modules = ["JapaneseStableLMAlphaLayer"]  # noqa: RUF012 - as transformers has it
    _skip_keys_device_placement = list(caches.NAMES)  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True
    # The published files hold them; they follow from the configuration.
    _keys_to_ignore_on_load_unexpected = [r"attention\.rotary_emb\.(inv_freq|scale)$"]  # noqa: RUF012


class JapaneseStableLMAlphaModel(JapaneseStableLMAlphaPreTrainedModel):
    """Token ids to hidden states."""

    def __init__(self, config: JapaneseStableLMAlphaConfig) -> None:
        super().__init__(config)
        self.embed_in = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(JapaneseStableLMAlphaLayer(config, n) for n in range(config.num_hidden_layers))
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.gradient_checkpointing = False
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_in

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.embed_in = value

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        cache: Cache | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        past_key_values: Cache | None = None,
        **kwargs: object,
    ) -> BaseModelOutputWithPast:
        """`input_ids` or `inputs_embeds`; padding may stand on either side. Raises TooLongError.

        `past_key_values` is the name that transformers before 5.24 has for `cache`.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give either input_ids or inputs_embeds")
        x = self.embed_in(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self._cache(past_key_values if cache is None else cache, use_cache)
        seen = cache.get_seq_length() if cache is not None else 0
        if seen + x.shape[1] > self.config.max_position_embeddings:
            raise TooLongError(int(seen + x.shape[1]), self.config.max_position_embeddings)
        if position_ids is None:
            position_ids = (seen + torch.arange(x.shape[1], device=x.device))[None]
        mask = create_causal_mask(self.config, x, attention_mask, cache, position_ids)
        turn = rotations(self.config, position_ids)
        states = [x]
        for layer in self.layers:
            x = layer(x, mask, turn, cache=cache)
            states.append(x)
        x = states[-1] = self.final_layer_norm(x)
        kept: dict[str, Any] = {caches.keyword(): cache}
        return BaseModelOutputWithPast(
            last_hidden_state=x,
            hidden_states=tuple(states) if output_hidden_states else None,
            **kept,
        )

    def _cache(self, given: Cache | None, wanted: bool | None) -> Cache | None:
        """The cache to fill: the one that was given, or a new one where it is wanted.

        None where layers will be run again for their gradients, which would fill it twice.
        """
        if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
            return None
        wanted = self.config.use_cache if wanted is None else wanted
        return DynamicCache(config=self.config) if given is None and wanted else given


class JapaneseStableLMAlphaForCausalLM(JapaneseStableLMAlphaPreTrainedModel, GenerationMixin):
    """Token ids to logits of the next token."""

    _tied_weights_keys = {"embed_out.weight": "transformer.embed_in.weight"}  # noqa: RUF012 - as transformers has it

    def __init__(self, config: JapaneseStableLMAlphaConfig) -> None:
        super().__init__(config)
        self.transformer = JapaneseStableLMAlphaModel(config)
        self.embed_out = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        return self.embed_out

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.embed_out = new_embeddings

    @can_return_tuple
    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        cache: Cache | None = None,
        labels: torch.Tensor | None = None,
        use_cache: bool | None = None,
        output_hidden_states: bool | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        past_key_values: Cache | None = None,
        **kwargs: object,
    ) -> CausalLMOutputWithPast:
        """Logits [batch, seq, vocab], of the last `logits_to_keep` positions unless it is 0; with `labels`, the loss.

        Raises TooLongError.
        """
        found = self.transformer(
            input_ids, attention_mask, position_ids, inputs_embeds, cache, use_cache, output_hidden_states,
            past_key_values,
        )  # fmt: skip
        kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
        logits = self.embed_out(found.last_hidden_state[:, kept])
        loss = None
        if labels is not None:
            loss = self.loss_function(logits=logits, labels=labels, vocab_size=self.config.vocab_size, **kwargs)
        return CausalLMOutputWithPast(
            loss=loss, logits=logits, hidden_states=found.hidden_states,
            **{caches.keyword(): getattr(found, caches.keyword())},
        )  # fmt: skip


AutoConfig.register(JapaneseStableLMAlphaConfig.model_type, JapaneseStableLMAlphaConfig)
AutoModel.register(JapaneseStableLMAlphaConfig, JapaneseStableLMAlphaModel)
AutoModelForCausalLM.register(JapaneseStableLMAlphaConfig, JapaneseStableLMAlphaForCausalLM)
