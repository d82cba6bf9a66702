"""What does packing the window cost a turn, in a chat of 5,000 turns?

    .venv/bin/python -m benchmarks.packing [--turns 5000]

A chat grows by an exchange at a time; before each reply its prompt is made for a window of 1,024 tokens, with a
background, by the embedded model's tokenizer. "packing" is the prompt made once more, when the words that are new
have been tokenised. The peer renders the whole chat with the tokenizer's `apply_chat_template` at every turn and
keeps the end of it: the simplest that works. The other peer drops the oldest message and renders again until it
fits, as text-generation-webui does; it is too slow for the whole chat and measured at a few lengths. How often
the beginning of the prompt changes is counted beside a window that slides. Writes results/packing.json.
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.startup import cpu_model
from core.catalogue.bundled import FOLDER
from core.messages import Turn
from core.prompt import PromptConfig, render, token_counter
from core.prompt.context import CONTEXT_PARTS, RetrievedContext
from core.prompt.packing import first_kept

RESULTS = Path(__file__).parent / "results" / "packing.json"
LINES = (
    "今日は何を食べたの？", "ラーメン！すごくおいしかったよ", "いいなあ、今度つれてってよ", "じゃあ土曜日はどう？",
    "行く行く！楽しみだな", "what did you do today?", "Nothing much, I read a book by the window.",
    "そういえば、昨日の映画どうだった？", "うーん、途中で寝ちゃった", "え、まじで？もったいない",
)  # fmt: skip
MIKA = PromptConfig(
    "ミカ", "あなたはミカです。明るくて、少し食いしんぼう。短い言葉で話します。", user="ケン", parts=CONTEXT_PARTS,
    context_window=1024, reply_reserve=200,
)  # fmt: skip
TOLD = RetrievedContext(
    tuple(f"ケンは{thing}が好き。" for thing in ("猫", "雨の日", "古い映画", "ラーメン", "将棋")),
    tuple(f"2026-0{month}-03: 二人で出かけた。" for month in range(1, 8)),
    tuple(f"2026-02-1{day} ケン: あの店のラーメンが忘れられない" for day in range(5)),
)


def seconds(work: Callable[[], object]) -> float:
    """Processor time, so that other work on the machine weighs little."""
    began = time.thread_time()
    work()
    return time.thread_time() - began


def whole_chat(turns: Sequence[Turn], tokenizer: Any) -> list[int]:
    """The peer: everything rendered and tokenised, the end of it kept."""
    chat = [{"role": "system", "content": MIKA.description}]
    chat += [{"role": turn.role, "content": "\n".join(turn.messages)} for turn in turns]
    ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
    return ids[-(MIKA.context_window - MIKA.reply_reserve) :]


def one_message_less(turns: Sequence[Turn], tokenizer: Any) -> list[int]:
    """The other peer: the oldest message dropped, everything rendered again, until it fits."""
    chat = [{"role": "system", "content": MIKA.description}]
    chat += [{"role": turn.role, "content": "\n".join(turn.messages)} for turn in turns]
    while True:
        ids = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
        if len(ids) <= MIKA.context_window - MIKA.reply_reserve:
            return ids
        del chat[1]


def changes(turns: Sequence[Turn], tokenizer: Any) -> dict[str, float]:
    """How often the first turn that is kept changes, in each hundred exchanges of a talk that is too long."""
    measure = token_counter(MIKA, tokenizer)
    sizes = [measure.turn(turn) for turn in turns]
    room, asked = 500, range(201, len(turns), 2)
    blocks = [first_kept(turns[:n], measure.turn, room) for n in asked]
    sliding, trimmed, start = [], [], 0
    for n in asked:
        at, used = n, 0
        while at and used + sizes[at - 1] <= room:
            at -= 1
            used += sizes[at]
        sliding.append(at)
        if sum(sizes[start:n]) > room:
            while sum(sizes[start:n]) > 0.6 * room:
                start += 2
        trimmed.append(start)

    def hundred(cuts: Sequence[int]) -> float:
        return 100 * sum(a != b for a, b in pairwise(cuts)) / len(cuts)

    def in_use(cuts: Sequence[int]) -> float:
        return statistics.mean(sum(sizes[at:n]) / room for at, n in zip(cuts, asked, strict=True))

    return {f"{name}_{what}": round(of(cuts), 3)
            for name, cuts in (("blocks", blocks), ("sliding", sliding), ("trimmed_to_60", trimmed))
            for what, of in (("changes_in_100", hundred), ("room_in_use", in_use))}  # fmt: skip


def main() -> None:
    from transformers import AutoTokenizer

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5000)
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    turns = [Turn(("user", "assistant")[n % 2], (f"{LINES[n * 7 % 10]} {n}",)) for n in range(options.turns)]
    render(MIKA, turns[:1], tokenizer, background=TOLD)
    first, again, peer, popping = [], [], {}, {}
    for n in range(1, options.turns, 2):
        told = replace(TOLD, recalled=(*TOLD.recalled[n % 5 :], f"2026-03-01 ケン: {n}"))
        first.append(seconds(lambda n=n, told=told: render(MIKA, turns[:n], tokenizer, background=told)))
        again.append(seconds(lambda n=n, told=told: render(MIKA, turns[:n], tokenizer, background=told)))
        if n % 500 == 1:
            peer[n] = seconds(lambda n=n: whole_chat(turns[:n], tokenizer))
        if n in (101, 201):
            popping[n] = seconds(lambda n=n: one_message_less(turns[:n], tokenizer))
    last = max(peer)
    result = {
        "turns": options.turns,
        "milliseconds": {
            "with_new_words_median": 1e3 * statistics.median(first),
            "packing_median": 1e3 * statistics.median(again),
            "packing_median_of_the_last_hundred": 1e3 * statistics.median(again[-100:]),
            "packing_99th_percentile": 1e3 * statistics.quantiles(again, n=100)[-1],
            "whole_chat_at": {n: 1e3 * took for n, took in peer.items()},
            "one_message_less_at": {n: 1e3 * took for n, took in popping.items()},
        },
        "whole_chat_takes_times_as_long": {"at_turn": last, "times": peer[last] / statistics.median(first[-100:])},
        "beginning": changes(turns[:1200], tokenizer),
        "machine": f"{cpu_model()}, {platform.system()}, Python {platform.python_version()}",
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
