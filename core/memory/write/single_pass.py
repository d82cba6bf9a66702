"""One structured answer that holds the reply and what to remember and forget, voted on among several.

It is here to be compared with the usual way (a free reply, notes afterwards): small models talk worse while they keep
to a form, and nothing can be shown before the whole answer is there.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.adapters.store import Adapter
from core.memory.notes import MemoryNote
from core.memory.write.generate import GenerationRequest
from core.memory.write.note_taking import Write
from core.memory.write.operations import Decided, Operations, ParseMethod, operations_schema, parse, vote
from core.memory.write.request import reply_format
from core.models.loading import LoadedModel
from core.prompt import Prompt, stop_criteria
from core.prompt.config import PromptConfig
from core.text import normalize_for_match

LONGEST_GRAM = 4
MOST_TOKENS = 400


@dataclass(frozen=True)
class SinglePassReply:
    """The reply that is most like the others, and what half of the answers wanted noted."""

    reply: str
    decided: Decided
    parse_method: ParseMethod
    samples: int


def with_format(prompt_config: PromptConfig, listed: Sequence[MemoryNote]) -> PromptConfig:
    """The prompt config that asks for a structured answer, with `listed` notes numbered."""
    return replace(prompt_config, reply_format=reply_format(prompt_config, [note.text for note in listed]))


def single_pass(
    loaded: LoadedModel,
    prompt_config: PromptConfig,
    prompt: Prompt,
    listed: Sequence[MemoryNote],
    write: Write,
    stop: threading.Event,
    *,
    adapter: Adapter | None = None,
    samples: int = 3,
    temperature: float = 0.7,
) -> SinglePassReply:
    """Ask for `samples` structured answers to `prompt` and agree on one; text that is no JSON counts as a reply alone.

    `listed` are the notes as the prompt numbers them. Raises Interrupted when `stop` is set.
    """
    room = max(prompt_config.context_window - len(prompt.ids), 1)
    order = GenerationRequest(
        loaded,
        prompt.ids,
        stop_criteria(prompt_config, loaded.tokenizer),
        stop,
        samples=samples,
        temperature=temperature,
        most_tokens=min(MOST_TOKENS, room),
        schema=operations_schema(len(listed), reply=True),
        adapter=adapter,
    )
    written = write(order)
    read = [parse(text) for text in written.texts]
    answers = [
        operations if how != "none" else Operations(reply=text)
        for (operations, how), text in zip(read, written.texts, strict=True)
    ]
    methods: list[ParseMethod] = [how for _, how in read if how != "none"]
    method: ParseMethod = methods[0] if methods else "none"
    method = "grammar" if written.by_grammar and method == "json" else method
    replies = [answer.reply for answer in answers if answer.reply]
    return SinglePassReply(medoid(replies) if replies else "", vote(answers, listed), method, samples)


def medoid(texts: Sequence[str]) -> str:
    """The text that is most like the others; the first of equals."""
    return max(texts, key=lambda text: sum(ngram_f(text, other) for other in texts))


def ngram_f(one: str, other: str) -> float:
    """Character n-gram F-score of two texts, the mean over n = 1 … 4 (Popović 2015, with equal weights): 0 to 1.

    Unlike `core.text.similarity`, which compares sets of bigrams, it counts how often each is there.
    """
    a, b = normalize_for_match(one), normalize_for_match(other)
    scores = []
    for n in range(1, LONGEST_GRAM + 1):
        left, right = (Counter(text[i : i + n] for i in range(len(text) - n + 1)) for text in (a, b))
        if total := left.total() + right.total():
            scores.append(2 * (left & right).total() / total)
    return sum(scores) / len(scores) if scores else float(a == b)
