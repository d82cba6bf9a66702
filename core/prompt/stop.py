"""How a persona's turn ends, found in what a template prints: the chat stops there, and training teaches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.prompt.chat_template import ChatTemplate, RenderedSegment, resolve_template
from core.prompt.config import PromptConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class StopCriteria:
    """How a persona's turn ends: a token id, or a text where the template has no token for it."""

    token_ids: tuple[int, ...]
    strings: tuple[str, ...]
    separator: str = "\n"
    """What the template makes of the prompt config's separator: rinna's writes <NL> for a newline."""


def eos_token_id(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """The id that ends a text; None where the tokenizer has none. transformers types it as any special token."""
    return found if isinstance(found := tokenizer.eos_token_id, int) else None


def pad_token_id(tokenizer: "PreTrainedTokenizerBase") -> int | None:
    """The id that fills rows; None where the tokenizer has none."""
    return found if isinstance(found := tokenizer.pad_token_id, int) else None


def stop_criteria(prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase") -> StopCriteria:
    """What a model tuned on this prompt config writes when the persona has finished its turn.

    A mark that the template also writes between the messages of one turn ends nothing: there, and where a
    turn in the middle has no mark, the words that introduce the user are what ends it. Where text ends a
    turn, a line that introduces the user ends it too, with either colon: not every model keeps the form.
    """
    template = resolve_template(tokenizer, prompt_config.template)
    texts = (("user", "u"), ("assistant", f"a{prompt_config.separator}a")) * 2
    probe = template.segments(
        [template.message_text(*w) for w in texts], names=(prompt_config.persona, prompt_config.user), reply=False
    )
    eos = eos_token_id(tokenizer)
    ids, strings = set[int]() if eos is None else {eos}, set[str]()
    written, introduction = prompt_config.separator, ""
    for number, said in enumerate(probe):
        if said.words in (1, 3):
            written = said.text.strip().removeprefix("a").removesuffix("a")
            introduction = introduction or _introduction(probe[number + 1 :], template)
            after = probe[number + 1] if number + 1 < len(probe) else None
            text = after.text.strip(" ") if after and after.ends_turn else ""
            mark = template.starts_with_mark(text.lstrip())
            if mark and mark not in said.text:
                ids.add(token_id(mark, tokenizer))
            elif text and not mark:
                strings.add(text)
            elif said.words == 1:
                strings |= _with_either_colon(introduction)
    if _opens_channels(template, prompt_config):
        ids.discard(token_id("<|end|>", tokenizer))
    line = introduction.rsplit("\n", 1)[-1]
    lines = {f"\n{line}" for line in _with_either_colon(line)} if strings else set()
    lines = {line for line in lines if not any(string in line for string in strings)}
    return StopCriteria(tuple(sorted(ids)), tuple(sorted(strings | lines)), written)


def _opens_channels(template: ChatTemplate, prompt_config: PromptConfig) -> bool:
    """Whether the model writes harmony's channels itself: a thought then ends in what else ends a turn."""
    if not {"<|channel|>", "<|end|>", "<|return|>"} <= set(template.added_tokens):
        return False
    names = (prompt_config.persona, prompt_config.user)
    asked = template.segments([template.message_text("user", "u")], names=names, reply=True)
    return not asked[-1].text.endswith("<|message|>")


def token_id(mark: str, tokenizer: "PreTrainedTokenizerBase") -> int:
    """The id of an added token. transformers types it as many, too."""
    found = tokenizer.convert_tokens_to_ids(mark)
    assert isinstance(found, int), "one token has one id"
    return found


def _with_either_colon(introduction: str) -> set[str]:
    """`Ken:` and `Ken：` of either; a name without a colon unchanged; nothing of an empty name."""
    name = introduction.rstrip(":：")
    return {name + colon for colon in (":：" if name != introduction else ("",)) if name}


def _introduction(segments: Sequence[RenderedSegment], template: ChatTemplate) -> str:
    """The letters that the template puts before the next words."""
    text = ""
    for segment in segments:
        if segment.words is not None:
            break
        text += segment.text
    for mark in template.added_tokens:
        text = text.replace(mark, "")
    return text.strip()
