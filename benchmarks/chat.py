"""How much sooner a chat's second turn begins than if its whole prompt were read again, and how soon a stop is done.

    python -m benchmarks.chat [--repeats 9]

The app's engine answers a prompt of about 1,000 tokens, then the same with its answer and 20 or 100 new tokens
behind it: once with what it remembers, once after forgetting, in turn. Greedy, float32; what it says is held
against plain `generate`. Models: the embedded one, and a random one in the shape of Qwen3 with 91 M parameters.
Writes results/chat.json.
"""

import argparse
import json
import os
import platform
import random
import statistics
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.startup import cpu_model
from core.catalogue.bundled import FOLDER
from core.chat.engine import Engine
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.prompt import StopCriteria
from core.prompt.token_text import decode

RESULTS = Path(__file__).parent / "results" / "chat.json"
TARGET = 5.0
PROMPT = 1000  # tokens; the embedded model's window is 1,024
QWEN3 = {"hidden_size": 640, "num_hidden_layers": 10, "num_attention_heads": 10, "num_key_value_heads": 5,
         "head_dim": 64, "intermediate_size": 1920, "vocab_size": 65_536, "tie_word_embeddings": True,
         "max_position_embeddings": 4096}  # fmt: skip
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=8)
NEVER = StopCriteria((), ())


def embedded() -> LoadedModel:
    store = ModelStore()
    store.start()
    store.wait()
    return store.current()


def qwen3_shaped() -> LoadedModel:
    """Random weights; the tokenizer is the embedded model's, which speed does not ask about."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, Qwen3Config

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(Qwen3Config(**QWEN3), dtype=torch.float32).eval()
    return LoadedModel("Qwen3-shaped, random", FOLDER, model, AutoTokenizer.from_pretrained(FOLDER), 4096)


def answer(engine: Engine, loaded: LoadedModel, prompt: Sequence[int]) -> tuple[float, str]:
    """Seconds to the first token, and what was said."""
    began, first, text = time.perf_counter(), 0.0, ""
    for reply in engine.stream(loaded, prompt, GREEDY, NEVER, stop=threading.Event()):
        first, text = first or time.perf_counter() - began, reply.text
    return first, text


def plain(loaded: LoadedModel, prompt: Sequence[int]) -> list[int]:
    """The ids that transformers' generate adds, with nothing remembered."""
    import torch

    ids = torch.tensor([prompt])
    with torch.inference_mode():
        model: Any = loaded.pretrained
        out = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, eos_token_id=None, pad_token_id=0,
            max_new_tokens=GREEDY.max_new_tokens,
        )  # fmt: skip
    return out[0, len(prompt) :].tolist()


def second_turn(engine: Engine, loaded: LoadedModel, new: int, repeats: int) -> dict[str, object]:
    """First-token times of second turns that add `new` tokens, remembered and not, in turn."""
    draw, times, same = random.Random(0), {"remembered": [], "read_again": []}, True
    size = loaded.pretrained.config.vocab_size
    for _ in range(repeats + 1):
        first = [draw.randrange(10, size) for _ in range(PROMPT - new - GREEDY.max_new_tokens)]
        prompt = [*first, *plain(loaded, first), *(draw.randrange(10, size) for _ in range(new))]
        said = set()
        for name in times:
            loaded.prefix_cache.clear()
            if name == "remembered":
                answer(engine, loaded, first)
            seconds, text = answer(engine, loaded, prompt)
            times[name].append(seconds)
            said.add(text)
        expected = decode(plain(loaded, prompt), loaded.tokenizer, skip_special_tokens=True)
        same = same and said == {expected.replace("\ufffd", "").strip()}
    medians = {name: statistics.median(values[1:]) for name, values in times.items()}
    return {
        "new_tokens": new,
        "first_token_ms": {name: round(1000 * value, 1) for name, value in medians.items()},
        "times_sooner": round(medians["read_again"] / medians["remembered"], 1),
        "same_as_generate": same,
    }


def stop_ms(engine: Engine, loaded: LoadedModel, repeats: int) -> float:
    """From the wish to stop until the model is free, in a reply under way; median."""
    waits = []
    long = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=500)
    for _ in range(repeats):
        stop = threading.Event()
        stream = engine.stream(loaded, range(10, 210), long, NEVER, stop=stop)
        for _ in range(5):
            next(stream)
        began = time.perf_counter()
        stop.set()
        engine.store.run(lambda: None).result()
        waits.append(time.perf_counter() - began)
        stream.close()
    return round(1000 * statistics.median(waits), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    result: dict[str, Any] = {
        "prompt_tokens": PROMPT, "target": TARGET, "repeats": repeats, "cpu": cpu_model(), "cores": os.cpu_count(),
        "python": platform.python_version(), "torch": version("torch"), "transformers": version("transformers"),
        "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"), "models": [],
    }  # fmt: skip
    engine = Engine(ModelStore())
    for make in (embedded, qwen3_shaped):
        loaded = make()
        turns = [second_turn(engine, loaded, new, repeats) for new in (20, 100)]
        row = {"name": loaded.name, "parameters": loaded.model.num_parameters(), "second_turn": turns,
               "stop_ms": stop_ms(engine, loaded, repeats)}  # fmt: skip
        print(json.dumps(row), flush=True)
        result["models"].append(row)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
