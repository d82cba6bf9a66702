"""The training loop: seeded, resumable at every checkpoint, on a CPU or a GPU.

Matrices learn with Muon (Jordan et al., 2024; torch.optim.Muon), embeddings and norms with AdamW. The
rate warms up, stays, and falls over the last quarter (WSD; Hu et al., arXiv 2404.06395), so a run may be
made longer or shorter while it goes. The project's own exchanges join in that last quarter, and are half of
what the last steps see: they are few, and how the built-in personas talk is what people meet first.
"""

import json
import math
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from core.prompt.stop import eos_token_id, pad_token_id
from core.train.worker import attention
from models.mini.measure import bits_per_byte
from models.mini.rows import Row
from models.mini.tokenizer import CONTEXT

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DECAY = 0.25  # of the steps
WARM_UP = 40  # steps
OWN_TOKENS = 1_024  # padded tokens of own exchanges in a step of the last quarter
OWN_AT_LAST = 4_096  # the same, beside as many of the corpora, in the recipe's last steps


@dataclass(frozen=True)
class Recipe:
    """What is trained and how; two runs with equal recipes and rows see the same batches."""

    hidden: int = 256
    layers: int = 6
    feed_forward: int = 768
    heads: int = 4
    key_value_heads: int = 2
    steps: int = 2_250
    last_steps: int = 200
    """Of `steps`, those in which half is the project's own exchanges."""
    step_tokens: int = 8_192
    """Padded tokens of one optimizer step."""
    batch_tokens: int = 4_096
    """Padded tokens of one pass through the model."""
    matrix_rate: float = 5e-3
    other_rate: float = 4e-3
    weight_decay: float = 0.05
    dropout: float = 0.0
    seed: int = 0


def new_model(recipe: Recipe, tokenizer: "PreTrainedTokenizerBase") -> "PreTrainedModel":
    """A Llama with tied embeddings, and with every block silent at the start."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(recipe.seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=recipe.hidden, intermediate_size=recipe.feed_forward,
            num_hidden_layers=recipe.layers, num_attention_heads=recipe.heads,
            num_key_value_heads=recipe.key_value_heads, max_position_embeddings=CONTEXT, tie_word_embeddings=True,
            attention_dropout=recipe.dropout, bos_token_id=None, eos_token_id=eos_token_id(tokenizer),
            pad_token_id=pad_token_id(tokenizer),
        )
    )  # fmt: skip
    layers: Any = model.model.layers
    for layer in layers:
        torch.nn.init.zeros_(layer.self_attn.o_proj.weight)
        torch.nn.init.zeros_(layer.mlp.down_proj.weight)
    return model


@dataclass(frozen=True)
class Corpus:
    """Rows to learn from. Of each Japanese dialogue an epoch takes one side, of the English ones both."""

    ja: dict[str, Sequence[Row]]
    en: dict[str, Sequence[Row]]
    own: Sequence[Row]

    def epoch(self, number: int) -> list[Row]:
        """The rows of epoch `number`; the Japanese sides alternate."""
        a, b = ("AB", "BA")[number % 2]
        half = len(self.ja[a]) // 2
        return [*self.ja[a][:half], *self.ja[b][half:], *self.en["A"], *self.en["B"]]


class Run:
    """A training run in a folder: `state.pt` to go on from, `log.jsonl` of what happened."""

    def __init__(
        self, folder: Path, recipe: Recipe, corpus: Corpus, validation: Mapping[str, Sequence[Row]],
        tokenizer: "PreTrainedTokenizerBase", device: str, *, compiled: bool = True,
    ) -> None:  # fmt: skip
        self.folder, self.recipe, self.corpus, self.validation = folder, recipe, corpus, validation
        self.device = torch.device(device)
        pad = pad_token_id(tokenizer)
        assert pad is not None, "the mini model's tokenizer has one"
        self.pad = pad
        self.model = new_model(recipe, tokenizer)
        torch.nn.Module.to(self.model, self.device)
        if self.device.type == "cpu":
            self.model.set_attn_implementation(attention.NAME)
        # 1.25 times as fast on 2 cores, after a minute or two of compiling.
        self.body = torch.compile(self.model.model, dynamic=True) if compiled else self.model.model
        self.optimizers = _optimizers(self.model, recipe)
        self.step = self.epoch = self.taken = self.tokens = 0
        self.seconds = 0.0
        if (folder / "state.pt").exists():
            self._resume()

    def train(self, *, measure_every: int = 200, save_every: int = 50, until: int | None = None) -> None:
        """Go on to step `until`, or to the recipe's last. May be interrupted at any time; what was saved stays."""
        batches = self._batches()
        own = {most: self._own_batches(most) for most in (OWN_TOKENS, OWN_AT_LAST)}
        while self.step < min(until or self.recipe.steps, self.recipe.steps):
            began = time.monotonic()
            loss = self._learn(batches, own)
            self.seconds += time.monotonic() - began
            if self.step % 10 == 0:
                self._log(loss=round(loss, 4), rate=round(self._rate(), 4))
            last = self.step == self.recipe.steps
            if self.step % measure_every == 0 or last:
                self._log(**{f"bits_{k}": round(v, 4) for k, v in self.measure().items()})
            if self.step % save_every == 0 or last:
                self._save("state.pt")
            if self.step == self._decay_begins():
                self._save("stable.pt")  # a longer run goes on from here

    def measure(self, most: int = 80) -> dict[str, float]:
        """Bits per UTF-8 byte of the persona's words in the first validation dialogues of each language."""
        return {name: bits_per_byte(self.model, rows[:most], self.pad) for name, rows in self.validation.items()}

    def _learn(self, batches: Iterator[list[Row]], own: dict[int, Iterator[list[Row]]]) -> float:
        rows, size = [], 0
        at_last = self.step >= self.recipe.steps - self.recipe.last_steps and self.corpus.own
        step_tokens = OWN_AT_LAST if at_last else self.recipe.step_tokens
        while size + self.recipe.batch_tokens / 2 < step_tokens:
            rows.append(next(batches))
            size += _padded(rows[-1])
        if self.step >= self._decay_begins() and self.corpus.own:
            rows.append(next(own[OWN_AT_LAST if at_last else OWN_TOKENS]))
        count = sum(int(row.learned[1:].sum()) for batch in rows for row in batch)
        total = 0.0
        self.model.train()
        for batch in rows:
            loss = self._loss(batch) / count
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * self._rate()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += sum(len(row.ids) for batch in rows for row in batch)
        return total

    def _loss(self, batch: Sequence[Row]) -> torch.Tensor:
        """Summed over the learned tokens of `batch`; rows are padded on the right, so no mask is needed."""
        ids, learned = padded(batch, self.pad)
        ids, learned = ids.to(self.device), learned.to(self.device)
        with torch.autocast(self.device.type, torch.bfloat16):
            hidden = self.body(input_ids=ids, use_cache=False).last_hidden_state
            logits = self.model.lm_head(hidden[:, :-1][learned[:, 1:]])
        return functional.cross_entropy(logits.float(), ids[:, 1:][learned[:, 1:]], reduction="sum")

    def _batches(self) -> Iterator[list[Row]]:
        """Batches from where the run stands: rows of like length, in an order drawn by seed and epoch."""
        while True:
            draw = random.Random(f"{self.recipe.seed} {self.epoch}")
            batches = _batched(self.corpus.epoch(self.epoch), self.recipe.batch_tokens, draw)
            while self.taken < len(batches):
                self.taken += 1
                yield batches[self.taken - 1]
            self.epoch, self.taken = self.epoch + 1, 0

    def _own_batches(self, most: int) -> Iterator[list[Row]]:
        draw = random.Random(f"{self.recipe.seed} own {self.step}")
        while True:
            yield from _batched(self.corpus.own, most, draw)

    def _decay_begins(self) -> int:
        return round(self.recipe.steps * (1 - DECAY))

    def _rate(self) -> float:
        """The share of the peak rate at this step."""
        left = (self.recipe.steps - self.step) / max(self.recipe.steps - self._decay_begins(), 1)
        return min((self.step + 1) / WARM_UP, 1.0, max(left, 0.02))

    def _log(self, **values: float) -> None:
        event = {"step": self.step, "epoch": self.epoch, "tokens": self.tokens, "seconds": round(self.seconds, 1)}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(event | values) + "\n")
        print(" ".join(f"{k} {v}" for k, v in (event | values).items()), flush=True)

    def _save(self, name: str) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "place": {k: getattr(self, k) for k in ("step", "epoch", "taken", "tokens", "seconds")},
            "recipe": asdict(self.recipe),
        }
        torch.save(state, self.folder / f".{name}")
        os.replace(self.folder / f".{name}", self.folder / name)

    def _resume(self) -> None:
        state = torch.load(self.folder / "state.pt", map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        for name, value in state["place"].items():
            setattr(self, name, value)


def padded(batch: Sequence[Row], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and learned of `batch`, [rows, longest], padded on the right."""
    longest = max(len(row.ids) for row in batch)
    ids = np.full((len(batch), longest), pad, np.int64)
    learned = np.zeros((len(batch), longest), bool)
    for number, row in enumerate(batch):
        ids[number, : len(row.ids)] = row.ids
        learned[number, : len(row.ids)] = row.learned
    return torch.from_numpy(ids), torch.from_numpy(learned)


def _padded(batch: Sequence[Row]) -> int:
    return len(batch) * max(len(row.ids) for row in batch)


def _batched(rows: Sequence[Row], most: int, draw: random.Random) -> list[list[Row]]:
    """`rows` in batches of up to `most` padded tokens. Lengths are blurred, so that neighbours change."""
    ordered = sorted(rows, key=lambda row: len(row.ids) * math.exp(draw.uniform(-0.05, 0.05)))
    batches: list[list[Row]] = [[]]
    for row in ordered:
        if batches[-1] and _padded([*batches[-1], row]) > most:
            batches.append([])
        batches[-1].append(row)
    draw.shuffle(batches)
    return batches


def _optimizers(model: "PreTrainedModel", recipe: Recipe) -> list[torch.optim.Optimizer]:
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    ours = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in ours]
    found = [
        torch.optim.Muon(
            matrices, lr=recipe.matrix_rate, weight_decay=recipe.weight_decay, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(others, lr=recipe.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]
    for optimizer in found:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return found
