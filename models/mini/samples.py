"""Unselected samples: ten openings a language, answered as the app would, with seed 0."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core.messages import Turn
from core.models.sampling import Sampling
from core.prompt import render, stop_criteria
from core.prompt.token_text import decode
from models.mini.rows import contract_for

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PERSONAS = {
    "ja": ("札幌に住んでいます。", "パン屋で働いています。", "犬を一匹飼っています。", "休みの日は散歩をします。"),
    "en": ("I live in a small town.", "I work in a bakery.", "I have a dog.", "I like long walks."),
}
OPENINGS = {
    "ja": (
        ("こんにちは！", "お名前は？"),
        ("はじめまして、よろしくお願いします。", "どこに住んでいますか？"),
        ("お仕事は何をしていますか？", "大変なことはありますか？"),
        ("ペットを飼っていますか？", "かわいいですね。"),
        ("休みの日は何をしていますか？", "私も好きです。"),
        ("今日は寒いですね。", "風邪をひかないようにしないと。"),
        ("好きな食べ物は何ですか？", "おいしそうですね。"),
        ("最近、旅行に行きましたか？", "いいですね、私も行きたいです。"),
        ("疲れました。", "早く寝ることにします。"),
        ("映画は見ますか？", "おすすめを教えてください。"),
    ),
    "en": (
        ("Hi there!", "What is your name?"),
        ("Nice to meet you.", "Where do you live?"),
        ("What do you do for work?", "Is it hard?"),
        ("Do you have any pets?", "That is so cute."),
        ("What do you do on weekends?", "I like that too."),
        ("It is cold today.", "I should stay at home."),
        ("What is your favorite food?", "That sounds good."),
        ("Have you traveled lately?", "I would love to go there."),
        ("I am tired.", "I will go to bed early."),
        ("Do you like movies?", "Which one should I watch?"),
    ),
}


@dataclass(frozen=True)
class Talk:
    """What was said, turn by turn, the user first."""

    turns: tuple[Turn, ...]


def talks(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", language: str, *, seed: int = 0
) -> list[Talk]:
    """The ten talks of a language, as they come out."""
    import torch

    torch.manual_seed(seed)
    made = []
    for said in OPENINGS[language]:
        turns: list[Turn] = []
        for words in said:
            turns.append(Turn("user", (words,)))
            turns.append(Turn("assistant", (reply(model, tokenizer, PERSONAS[language], turns),)))
        made.append(Talk(tuple(turns)))
    return made


def reply(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerBase", persona: Sequence[str], turns: Sequence[Turn],
    sampling: Sampling | None = None,
) -> str:  # fmt: skip
    """One reply to `turns`, drawn with the app's default sampling. "…" where nothing was said."""
    import torch

    drawn = sampling or replace(Sampling(), max_new_tokens=80)
    prompt_config = replace(contract_for(persona), reply_reserve=drawn.max_new_tokens)
    ids = torch.tensor([render(prompt_config, turns, tokenizer).ids], device=model.device)
    language: Any = model
    with torch.inference_mode():
        out = language.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=drawn.temperature, top_p=drawn.top_p,
            min_p=drawn.min_p, top_k=0, repetition_penalty=drawn.repetition_penalty,
            max_new_tokens=drawn.max_new_tokens, eos_token_id=list(stop_criteria(prompt_config, tokenizer).token_ids),
            pad_token_id=tokenizer.pad_token_id,
        )  # fmt: skip
    said = decode(out[0, ids.shape[1] :], tokenizer, skip_special_tokens=True)
    return said.replace("\ufffd", "").strip() or "…"
