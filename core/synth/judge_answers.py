"""A judge's answers: a server's, or of a model of this machine, under a grammar where there is llguidance."""

import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import closing

from core.chat.service import REMOTE_TEMPLATE
from core.memory.write.generate import GenerationRequest, Interrupted, write_texts
from core.messages import Turn
from core.models.loading import LoadedModel, ModelStore
from core.models.remote import stream
from core.models.remote_reply import RemoteText
from core.models.sampling import Sampling
from core.prompt import Prompt, PromptConfig, render, stop_criteria
from core.synth.backends import Backend
from core.synth.judge import HIGHEST, MOST_TOKENS, SCHEMA, JudgeAnswer, JudgeReply
from core.synth.voices import RunInterrupted, bundled_tokenizer, loaded_store, remote_model
from core.thoughts import split_thoughts

ROOM_FOR_THOUGHTS = 2000  # tokens that a server's judge may think before it answers
GUIDANCE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}  # for llguidance
SCORE = re.compile(r'"(tone|coherence)"\s*:\s*(?=\d)')


def answers_of(
    backend: Backend, stores: dict[str, ModelStore], stop: threading.Event, schema: Mapping[str, object] = SCHEMA
) -> JudgeAnswer:
    """What asks a backend for answers of a JSON schema; it raises RunInterrupted once `stop` is set.

    Raises AppError where there is no model.
    """
    if backend.kind == "remote":
        return _of_server(backend, stop, schema)
    return _of_this_machine(backend, stores, stop, schema)


def expected_score(likely: Sequence[float]) -> float:
    """The mean of scores from 0 on, each weighed by its likelihood; the likelihoods need not add up to 1.

    >>> expected_score([0.0, 0.5, 0.5, 0.0, 0.0])
    1.5
    """
    return sum(score * weight for score, weight in enumerate(likely)) / sum(likely)


def _of_this_machine(
    backend: Backend, stores: dict[str, ModelStore], stop: threading.Event, schema: Mapping[str, object]
) -> JudgeAnswer:
    store = loaded_store(backend, stores)
    loaded = store.current()

    def answer(system: str, question: str, temperature: float) -> JudgeReply:
        prompt, text, by_grammar = structured(store, system, question, schema, stop, temperature=temperature)
        expected = {} if loaded.gguf else store.run(_expected, loaded, prompt.ids, text, whose="synth").result()
        return JudgeReply(text, by_grammar, expected)

    return answer


def structured(
    store: ModelStore, system: str, question: str, schema: Mapping[str, object], stop: threading.Event, *,
    temperature: float = 0.0,
) -> tuple[Prompt, str, bool]:  # fmt: skip
    """(prompt, answer, whether a grammar held it) of the model in memory.

    Raises RunInterrupted once `stop` is set, and ModelError where it cannot write.
    """
    loaded = store.current()
    config = _config(system, loaded.context)
    prompt = render(config, (Turn("user", (question,)),), loaded.tokenizer)
    order = GenerationRequest(
        loaded, prompt.ids, stop_criteria(config, loaded.tokenizer), stop, temperature=temperature,
        most_tokens=MOST_TOKENS, schema={**schema, "x-guidance": GUIDANCE},
    )  # fmt: skip
    try:
        result = write_texts(store, order)
    except Interrupted as error:
        raise RunInterrupted from error
    return prompt, result.texts[0], result.by_grammar


def _expected(loaded: LoadedModel, prompt: Sequence[int], text: str) -> Mapping[str, float]:
    """By the likelihoods of the digits where the answer has its scores. Runs in the model's thread."""
    import torch

    found: dict[str, float] = {}
    for place in SCORE.finditer(text):
        answers = [
            loaded.tokenizer.encode(f"{text[: place.end()]}{score}", add_special_tokens=False)
            for score in range(HIGHEST + 1)
        ]
        shared = answers[0][:-1]
        if any(ids[:-1] != shared for ids in answers):  # digits that are no tokens of their own
            continue
        ids = torch.tensor([[*prompt, *shared]], device=loaded.device)
        with torch.inference_mode():
            logits = loaded.pretrained(ids, use_cache=False).logits[0, -1].float()
        likely = logits[[one[-1] for one in answers]].softmax(0)
        found[place[1]] = round(expected_score(likely.tolist()), 3)
    return found


def _of_server(backend: Backend, stop: threading.Event, schema: Mapping[str, object]) -> JudgeAnswer:
    model, tokenizer = remote_model(backend), bundled_tokenizer()

    def answer(system: str, question: str, temperature: float) -> JudgeReply:
        config = _config(system, model.context, template=REMOTE_TEMPLATE)
        messages = render(config, (Turn("user", (question,)),), tokenizer).messages
        sampling = Sampling(temperature=temperature, top_p=1, min_p=0, repetition_penalty=1,
                            max_new_tokens=MOST_TOKENS + ROOM_FOR_THOUGHTS)  # fmt: skip
        with closing(stream(model, messages, sampling, (), stop=stop, schema=schema)) as parts:
            said = next(iter(deque(parts, maxlen=1)), RemoteText(""))
        if stop.is_set():
            raise RunInterrupted
        return JudgeReply(split_thoughts(said.text).words, "response_format" not in model.dialect.refused)

    return answer


def _config(system: str, window: int, *, template: str = "auto") -> PromptConfig:
    """The judge plays nobody: its question holds the dialogue."""
    reserve = min(MOST_TOKENS, window // 2)
    return PromptConfig("Judge", system, user="Clerk", template=template, context_window=window, reply_reserve=reserve)
