"""A judge's answers: a server's, or of a model of this machine, under a grammar where there is llguidance."""

import threading
from collections import deque
from contextlib import closing

from core.chat.service import REMOTE_TEMPLATE
from core.memory.write.generate import GenerationRequest, Interrupted, write_texts
from core.messages import Turn
from core.models.loading import ModelStore
from core.models.remote import stream
from core.models.remote_reply import RemoteText
from core.models.sampling import Sampling
from core.prompt import PromptConfig, render, stop_criteria
from core.synth.backends import Backend
from core.synth.judge import MOST_TOKENS, SCHEMA, JudgeAnswer
from core.synth.voices import RunInterrupted, bundled_tokenizer, loaded_store, remote_model
from core.thoughts import split_thoughts

ROOM_FOR_THOUGHTS = 2000  # tokens that a server's judge may think before it answers


def answers_of(backend: Backend, stores: dict[str, ModelStore], stop: threading.Event) -> JudgeAnswer:
    """What asks a backend; it raises RunInterrupted once `stop` is set. Raises AppError where there is no model."""
    return _of_server(backend, stop) if backend.kind == "remote" else _of_this_machine(backend, stores, stop)


def _of_this_machine(backend: Backend, stores: dict[str, ModelStore], stop: threading.Event) -> JudgeAnswer:
    store = loaded_store(backend, stores)
    loaded = store.current()

    def answer(system: str, question: str, temperature: float) -> tuple[str, bool]:
        config = _config(system, loaded.context)
        prompt = render(config, (Turn("user", (question,)),), loaded.tokenizer)
        order = GenerationRequest(
            loaded, prompt.ids, stop_criteria(config, loaded.tokenizer), stop, temperature=temperature,
            most_tokens=MOST_TOKENS, schema=SCHEMA,
        )  # fmt: skip
        try:
            result = write_texts(store, order)
        except Interrupted as error:
            raise RunInterrupted from error
        return result.texts[0], result.by_grammar

    return answer


def _of_server(backend: Backend, stop: threading.Event) -> JudgeAnswer:
    model, tokenizer = remote_model(backend), bundled_tokenizer()

    def answer(system: str, question: str, temperature: float) -> tuple[str, bool]:
        config = _config(system, model.context, template=REMOTE_TEMPLATE)
        messages = render(config, (Turn("user", (question,)),), tokenizer).messages
        sampling = Sampling(temperature=temperature, top_p=1, min_p=0, repetition_penalty=1,
                            max_new_tokens=MOST_TOKENS + ROOM_FOR_THOUGHTS)  # fmt: skip
        with closing(stream(model, messages, sampling, (), stop=stop)) as parts:
            said = next(iter(deque(parts, maxlen=1)), RemoteText(""))
        if stop.is_set():
            raise RunInterrupted
        return split_thoughts(said.text).words, False

    return answer


def _config(system: str, window: int, *, template: str = "auto") -> PromptConfig:
    """The judge plays nobody: its question holds the dialogue."""
    reserve = min(MOST_TOKENS, window // 2)
    return PromptConfig("Judge", system, user="Clerk", template=template, context_window=window, reply_reserve=reserve)
