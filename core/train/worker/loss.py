"""The loss: next-token cross entropy at the learned positions, as a sum in nats.

Only learned positions go through the output layer: with a vocabulary of 65,000 that layer is most of a small
model's work and memory, and in a chat most positions teach nothing. Imports torch: only the training process
imports this module.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from core.train.worker.batches import micro_batches
from core.train.worker.encoded import StoredExamples
from core.train.worker.rows import IGNORED, Examples

# Bytes of float32 logits that are held at once. On a CPU, larger pieces come from the system anew each time:
# scoring 128 positions of 65,536 words together takes 1.4 times as long as twice 64 (2 cores, glibc 2.36).
CHUNK = {"cpu": 16 << 20, "cuda": 256 << 20}

Inputs = dict[str, torch.Tensor]


@dataclass(frozen=True)
class MeasuredLoss:
    """What the validation rows cost the model."""

    loss: float
    """Nats a learned token."""
    bpb: float
    """Bits a UTF-8 byte of the persona's words (their end marks' loss included)."""


def output_layer(model: torch.nn.Module) -> torch.nn.Module:
    """What makes logits of hidden states. A PeftModel has its base's, which its type does not say."""
    language: Any = model
    return language.get_output_embeddings()


class SummedLoss:
    """loss(model, inputs): the sum over a batch of each learned token's loss times its weight, for one model.

    `inputs` are a Collate's tensors; without "weights" each learned token weighs 1. The output
    layer is kept out of the model's forward. It scores a chunk of positions at a time, and the chunk's gradient is
    taken while its logits are there, so that memory stays flat however long the batch is.
    """

    def __init__(self, model: torch.nn.Module) -> None:
        """`model` is the one that is trained, unwrapped."""
        self.head = output_layer(model)
        language: Any = model
        self._cap = getattr(language.config.get_text_config(), "final_logit_softcapping", None)
        self._chunks: bool | None = None  # not known before the first batch

    def __call__(self, model: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
        targets = inputs["labels"][:, 1:]
        learned = targets != IGNORED
        keep = torch.nn.functional.pad(learned, (0, 1))  # the last position predicts nothing
        targets = targets[learned]
        weights = inputs["weights"][:, 1:][learned] if "weights" in inputs else None
        if self._chunks is None:
            self._chunks = self._scores_alone(model, inputs)
        if not self._chunks:
            with self._before_head(lambda hidden: hidden[keep][None]):
                return _cross_entropy(_logits(model, inputs)[0], targets, weights)
        hidden = self._hidden(model, inputs, keep)
        rows = max(1, CHUNK.get(hidden.device.type, CHUNK["cuda"]) // (4 * self._words))

        def score(states: torch.Tensor, at: slice) -> torch.Tensor:
            return _cross_entropy(self._score(states), targets[at], None if weights is None else weights[at])

        return _Chunked.apply(hidden, score, rows, torch.is_grad_enabled())

    @property
    def _words(self) -> int:
        head: Any = self.head
        return getattr(head, "out_features", None) or head.weight.shape[0]

    def _score(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = self.head(hidden)
        return logits if self._cap is None else self._cap * torch.tanh(logits / self._cap)

    def _hidden(self, model: torch.nn.Module, inputs: Inputs, keep: torch.Tensor) -> torch.Tensor:
        """(kept positions, width): what the output layer would read."""
        caught: list[torch.Tensor] = []
        with self._before_head(lambda hidden: caught.append(hidden[keep]) or hidden[:, :0]):
            _logits(model, inputs)
        return caught[0]

    def _scores_alone(self, model: torch.nn.Module, inputs: Inputs) -> bool:
        """Whether the model's logits are those of `_score`, tried on two tokens: some models do more to them.

        A trained output layer does not count: its own gradients would be lost.
        """
        if any(p.requires_grad for p in self.head.parameters()):
            return False
        two = {name: tensor[:1, :2] for name, tensor in inputs.items()}
        caught: list[torch.Tensor] = []
        training = model.training
        model.eval()
        try:
            with torch.no_grad(), self._before_head(lambda hidden: caught.append(hidden) or hidden):
                logits = _logits(model, two)
            with torch.no_grad():
                return torch.allclose(self._score(caught[0]).float(), logits.float(), rtol=1e-3, atol=1e-4)
        finally:
            model.train(training)

    @contextmanager
    def _before_head(self, change: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
        hook = self.head.register_forward_pre_hook(lambda _, given: (change(given[0]), *given[1:]))
        try:
            yield
        finally:
            hook.remove()


class _Chunked(torch.autograd.Function):
    """Σ score(hidden[chunk], chunk) over chunks of rows, with the gradient for `hidden` alone."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        hidden: torch.Tensor,
        score: Callable[[torch.Tensor, slice], torch.Tensor],
        rows: int,
        differentiate: bool,
    ) -> torch.Tensor:
        total = torch.zeros((), device=hidden.device)
        gradient = torch.empty_like(hidden) if differentiate else None
        for start in range(0, len(hidden), rows):
            at = slice(start, start + rows)
            with torch.set_grad_enabled(differentiate):
                states = hidden[at].detach().requires_grad_(differentiate)
                loss = score(states, at)
            if gradient is not None:
                (gradient[at],) = torch.autograd.grad(loss, states)
            total += loss.detach()
        if gradient is not None:
            ctx.save_for_backward(gradient)
        return total

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        (gradient,), (outer,) = ctx.saved_tensors, grad_outputs
        return gradient * outer.to(gradient.dtype), None, None, None


def _logits(model: torch.nn.Module, inputs: Inputs) -> torch.Tensor:
    return model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False).logits


def _cross_entropy(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    if weights is None:
        return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="sum")
    return torch.nn.functional.cross_entropy(logits.float(), targets, reduction="none") @ weights


@torch.no_grad()
def measure(
    model: torch.nn.Module,
    examples: Examples | StoredExamples,
    collate: Callable[[list[Any]], Inputs],
    *,
    tokens: int,
    device: torch.device,
    between: Callable[[], None] = lambda: None,
) -> MeasuredLoss:
    """The loss of `examples`, about `tokens` padded tokens at once. What `between` batches raises gets out."""
    loss = SummedLoss(model)
    training = model.training
    model.eval()
    total, learned, words = 0.0, 0, 0
    lengths = examples.lengths
    order = sorted(range(len(lengths)), key=lengths.__getitem__, reverse=True)
    try:
        for at in micro_batches([lengths[row] for row in order], tokens):
            between()
            batch = [examples[row] for row in order[at]]
            inputs = {name: tensor.to(device) for name, tensor in collate(batch).items()}
            total += loss(model, inputs).item()
            learned += sum(example.loss_tokens for example in batch)
            words += sum(example.words for example in batch)
    finally:
        model.train(training)
    return MeasuredLoss(total / max(learned, 1), total / max(words, 1) / math.log(2))
