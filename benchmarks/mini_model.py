"""What the model that comes with the app is worth, beside a character 5-gram trained on the same dialogues.

    python -m benchmarks.mini_model --ja FOLDER --en FOLDER --plato FOLDER

Validation bits per UTF-8 byte; what the right persona is worth against another's; loops and variety of 200
replies; first token and tokens a second in the app's engine; and Socrates learned from six of Plato's
dialogues with Meno held out (benchmarks/plato.py). Writes results/mini_model.json.
"""

import argparse
import json
import platform
import random
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.five_gram import FiveGram
from core.catalogue.bundled import FOLDER
from core.chat.engine import Engine
from core.messages import Turn
from core.models.loading import ModelStore
from core.models.sampling import Sampling
from core.prompt import render, stop_criteria
from models.mini import corpora
from models.mini.corpora import Dialogue
from models.mini.measure import bits_per_byte
from models.mini.publish import load
from models.mini.rows import contract_for, rows_of, turns_of
from models.mini.samples import reply

RESULTS = Path(__file__).parent / "results" / "mini_model.json"
REPLIES = 100  # of each language
LONGEST = 60  # tokens of such a reply
# A unit of up to 12 characters four times in a row; laughter and long vowels are no loops.
LOOP = re.compile(r"(.{1,12}?)\1{3,}", re.DOTALL)
LAUGHTER = re.compile(r"[wWｗ笑ーー〜～!！?？.。…・♪]+")


def five_gram(learned: Sequence[Dialogue], validation: Sequence[Dialogue]) -> float:
    """Bits per byte of the 5-gram on speaker A's turns."""
    peer = FiveGram("\n".join(messages) for talk in learned for _, messages in talk.turns)
    asked = ["\n".join(messages) for talk in validation for who, messages in talk.turns if who == "A"]
    return peer.bits(asked) / sum(len(text.encode()) for text in asked)


def persona_gain(model: Any, tokenizer: Any, validation: Sequence[Dialogue]) -> dict[str, float]:
    """Bits per byte of A's words with A's persona, another dialogue's, and none."""
    others = [*validation[1:], validation[0]]
    wrong = [
        replace(talk, personas=talk.personas | {"A": other.personas["A"]})
        for talk, other in zip(validation, others, strict=True)
    ]
    none = [replace(talk, personas=talk.personas | {"A": ()}) for talk in validation]
    return {
        name: round(bits_per_byte(model, rows_of(talks, tokenizer, "A"), tokenizer.pad_token_id), 4)
        for name, talks in (("right", validation), ("wrong", wrong), ("none", none))
    }


def two_hundred(model: Any, tokenizer: Any, validation: Mapping[str, Sequence[Dialogue]]) -> dict[str, float]:
    """Loop rate, unended rate and distinct-2 of replies to validation beginnings, drawn as in a chat."""
    import torch

    torch.manual_seed(0)
    draw, texts = random.Random(0), []
    for talks in validation.values():
        for talk in (list(talks) * REPLIES)[:REPLIES]:
            turns = turns_of(talk, "A")
            ends = [n for n, turn in enumerate(turns) if turn.role == "user"][:8]
            sampling = replace(Sampling(), max_new_tokens=LONGEST)
            texts.append(reply(model, tokenizer, talk.personas["A"], turns[: draw.choice(ends) + 1], sampling))
    pairs = [pair for text in texts for pair in pairwise(tokenizer(text)["input_ids"])]
    loops = sum(bool(LOOP.search(LAUGHTER.sub("", text))) for text in texts)
    return {
        "replies": len(texts),
        "loop_rate": loops / len(texts),
        "mean_characters": round(statistics.mean(map(len, texts)), 1),
        "distinct_2": round(len(set(pairs)) / len(pairs), 3),
        "different_replies": len(set(texts)) / len(texts),
    }


def speed(repeats: int = 7) -> dict[str, float]:
    """Seconds to the first token, and tokens a second after it, of the app's engine with 300 tokens of prompt."""
    store = ModelStore()
    began = time.perf_counter()
    store.start()
    store.wait()
    loading = time.perf_counter() - began
    loaded, engine = store.current(), Engine(store)
    prompt_config = contract_for(["私は札幌に住んでいます。"])
    turns: list[Turn] = []
    while len(ids := render(prompt_config, [*turns, Turn("user", ("元気ですか？",))], loaded.tokenizer).ids) < 300:
        turns += [Turn("user", ("今日は何をしましたか？",)), Turn("assistant", ("散歩をしました。",))]
    sampling = replace(Sampling(), max_new_tokens=100)
    unending = replace(stop_criteria(prompt_config, loaded.tokenizer), token_ids=())
    firsts, rates = [], []
    for seed in range(repeats + 1):
        began, times = time.perf_counter(), []
        for _ in engine.stream(loaded, ids, sampling, unending, stop=threading.Event(), seed=seed):
            times.append(time.perf_counter())
        if seed:
            firsts.append(times[0] - began)
            rates.append((len(times) - 2) / (times[-2] - times[0]))
    return {
        "loading_seconds": round(loading, 2),
        "prompt_tokens": len(ids),
        "first_token_seconds": round(statistics.median(firsts), 3),
        "tokens_per_second": round(statistics.median(rates), 1),
    }


def plato(folder: Path) -> dict[str, float]:
    """benchmarks/plato.py in a process of its own: bits per byte before and after, and seconds."""
    subprocess.run([sys.executable, "-m", "benchmarks.plato", str(folder)], check=True)
    metrics = json.loads((RESULTS.parent / "plato.json").read_text(encoding="utf-8"))["metrics"]
    before, after = metrics["validation_bpb_before"], metrics["validation_bpb_after"]
    return {"before": before, "after": after, "change": after / before - 1, "seconds": metrics["seconds"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ja", required=True)
    parser.add_argument("--en", required=True)
    parser.add_argument("--plato", type=Path, required=True)
    options = parser.parse_args()

    import torch
    from transformers import AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(FOLDER), load(FOLDER)
    found = {"ja": corpora.japanese(options.ja), "en": corpora.english(options.en)}
    kept = {name: [talk for talk in talks if talk.validation] for name, talks in found.items()}
    result: dict[str, object] = {"parameters": model.num_parameters(), "threads": torch.get_num_threads()}
    for name, talks in found.items():
        result[name] = {
            "held_out_chats": len(kept[name]),
            "bits_per_byte": (gain := persona_gain(model, tokenizer, kept[name]))["right"],
            "five_gram_bits_per_byte": round(five_gram([t for t in talks if not t.validation], kept[name]), 4),
            "persona": gain,
        }
        print(name, json.dumps(result[name]), flush=True)
    result["replies"] = two_hundred(model, tokenizer, kept)
    print(json.dumps(result["replies"]), flush=True)
    result["speed"] = speed()
    print(json.dumps(result["speed"]), flush=True)
    result["plato"] = plato(options.plato)
    result["machine"] = f"{platform.machine()}, {platform.system()}, torch {torch.__version__}"
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
