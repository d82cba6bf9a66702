"""How long until the first token, and how long a token takes: this app's two engines beside what is below them.

    python -m benchmarks.decode [--repeats 5] [--models mini smollm2 gemma3]

Of the embedded model, SmolLM2-135M-Instruct and Gemma 3 270M (`make real-models`): the transformers engine beside
transformers' own `generate`, the GGUF engine beside llama.cpp's server (package xllamacpp), each in turn in one
process, with a persona of 300 tokens. Cold: nothing was read before. Warm: a second message follows. One visitor,
greedy, `OMP_NUM_THREADS` threads. Figures are processor seconds divided by the threads, so that other work on the
machine weighs little; the median of the repeats. The embedded model has no GGUF, and is measured in one engine alone.
Writes results/decode.json.
"""

import argparse
import json
import os
import platform
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.startup import cpu_model
from core.chat.engine import Engine
from core.models.gguf.packages import llama_cpp
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.prompt import StopCriteria
from models.real_models import FOLDER, SOURCES

RESULTS = Path(__file__).parent / "results" / "decode.json"
PROMPT, MORE, REPLY = 300, 30, 32  # tokens: the persona, a second message, a reply
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=REPLY)
NEVER = StopCriteria((), ())
TARGETS = {"transformers": 1.2, "gguf": 1.1}


@dataclass
class Times:
    """Processor seconds by what was waited for."""

    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    token: list[float] = field(default_factory=list)

    def medians(self) -> dict[str, float]:
        """In milliseconds, the first round left out."""
        return {name: round(1000 * statistics.median(values[1:]), 2) for name, values in vars(self).items()}


def threads() -> int:
    import torch

    return torch.get_num_threads()


def loaded(name: str | None) -> LoadedModel:
    store = ModelStore(name)
    store.start()
    status = store.wait()
    assert status.state == "ready", status.error
    return store.current()


def timed(times: Times, stream: Callable[[Sequence[int]], Callable[[Callable[[], None]], int]], first: list[int],
          more: list[int]) -> None:  # fmt: skip
    """One talk of two turns: `stream(ids)` answers, and calls back at its first token; it returns their number."""
    for name, prompt in (("cold", first), ("warm", more)):
        began, at_first = time.process_time(), [0.0]

        def heard(at_first: list[float] = at_first) -> None:
            at_first[0] = at_first[0] or time.process_time()

        tokens = stream(prompt)(heard)
        ended = time.process_time()
        getattr(times, name).append((at_first[0] - began) / threads())
        if tokens > 1:
            times.token.append((ended - at_first[0]) / threads() / (tokens - 1))


def by_engine(model: LoadedModel) -> Callable[[Sequence[int]], Callable[[Callable[[], None]], int]]:
    engine = Engine(ModelStore())

    def stream(ids: Sequence[int]) -> Callable[[Callable[[], None]], int]:
        def answer(heard: Callable[[], None]) -> int:
            last = 0
            for reply in engine.stream(model, ids, GREEDY, NEVER, stop=threading.Event()):
                heard()
                last = reply.tokens
            return last

        return answer

    return stream


def by_generate(model: LoadedModel) -> Callable[[Sequence[int]], Callable[[Callable[[], None]], int]]:
    """transformers alone, as a script would: nothing is kept between turns."""
    import torch

    class First:
        def __init__(self, heard: Callable[[], None]) -> None:
            self.heard, self.puts = heard, 0

        def put(self, value: object) -> None:
            self.puts += 1
            if self.puts > 1:
                self.heard()

        def end(self) -> None:
            pass

    def stream(ids: Sequence[int]) -> Callable[[Callable[[], None]], int]:
        def answer(heard: Callable[[], None]) -> int:
            given, speaker = torch.tensor([list(ids)]), model.pretrained
            with torch.inference_mode():
                generate: Any = speaker.generate
                out = generate(
                    input_ids=given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=REPLY,
                    eos_token_id=None, pad_token_id=0, streamer=First(heard),
                )  # fmt: skip
            return out.shape[1] - len(ids)

        return answer

    return stream


def by_llama_cpp(model: LoadedModel) -> Callable[[Sequence[int]], Callable[[Callable[[], None]], int]]:
    """llama.cpp's own completions with its defaults, but for the threads, which do not spin."""
    assert model.gguf is not None
    llama = llama_cpp()
    params = llama.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.verbosity = str(model.folder), model.context, 1, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads()
    params.cpuparams.poll = params.cpuparams_batch.poll = 0
    server = llama.Server(params)

    def stream(ids: Sequence[int]) -> Callable[[Callable[[], None]], int]:
        def answer(heard: Callable[[], None]) -> int:
            used = [0]

            def chunk(found: Any) -> bool:
                heard()
                used[0] = found.get("usage", {}).get("completion_tokens", used[0])
                return False

            asked = {"prompt": list(ids), "n_predict": REPLY, "temperature": 0, "ignore_eos": True, "stream": True}
            server.handle_completions(asked, chunk)
            return used[0]

        return answer

    return stream


def measured(model: LoadedModel, ways: dict[str, Any], repeats: int) -> dict[str, dict[str, float]]:
    """Medians of each way, taken in turn, with other words each time."""
    import random

    draw, times = random.Random(0), {name: Times() for name in ways}
    size = len(model.tokenizer)
    for _ in range(repeats + 1):
        first = [draw.randrange(300, size) for _ in range(PROMPT)]
        for name, stream in ways.items():
            own = [*first[:-8], *(draw.randrange(300, size) for _ in range(8))]
            model.prefix_cache.clear()
            timed(times[name], stream, own, [*own, *(draw.randrange(300, size) for _ in range(MORE))])
    return {name: found.medians() for name, found in times.items()}


def row(name: str, repeats: int) -> dict[str, Any]:
    """All ways of one model, by kind."""
    source = SOURCES.get(name)
    plain = loaded(str(FOLDER / source.name) if source else None)
    dtype = str(plain.pretrained.dtype).removeprefix("torch.")
    found: dict[str, Any] = {"model": plain.name, "dtype": dtype}
    found["transformers"] = measured(plain, {"ours": by_engine(plain), "bare": by_generate(plain)}, repeats)
    del plain
    if source:
        packed = loaded(str(FOLDER / f"{source.name}.gguf"))
        found["gguf"] = measured(packed, {"ours": by_engine(packed), "bare": by_llama_cpp(packed)}, repeats)
    found["ratio"] = {
        kind: {of: round(found[kind]["ours"][of] / found[kind]["bare"][of], 2) for of in ("cold", "token")}
        for kind in ("transformers", "gguf") if kind in found
    }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--models", nargs="*", default=["mini", *SOURCES])
    options = parser.parse_args()
    result: dict[str, Any] = {
        "prompt_tokens": PROMPT, "reply_tokens": REPLY, "repeats": options.repeats, "threads": threads(),
        "targets": TARGETS, "cpu": cpu_model(), "cores": os.cpu_count(), "load": os.getloadavg()[0],
        "python": platform.python_version(), "torch": version("torch"), "transformers": version("transformers"),
        "xllamacpp": version("xllamacpp"), "measured": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "models": [],
    }  # fmt: skip
    for name in options.models:
        found = row(name, options.repeats)
        print(json.dumps(found), flush=True)
        result["models"].append(found)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
