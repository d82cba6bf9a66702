"""A prompt config as an Ollama Modelfile: the same prompt in Go's template language, and the same ends.

A chat template is, for all that Ollama can say, what it prints before each message, by who spoke before and
who speaks now. That is found by rendering probes, and held against longer conversations: a template that
depends on more gets no Modelfile, with the reason. Not tried with Ollama itself.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.export.chat_template import described
from core.prompt import stop_criteria
from core.prompt.chat_template import ChatTemplate, resolve_template
from core.prompt.config import PromptConfig

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

START, REPLY = "", "reply"
TALK = ("user", "assistant") * 3


@dataclass(frozen=True)
class TemplateFrame:
    """What stands before each message, by (who spoke before, who speaks): START, system, user, assistant, REPLY."""

    before: dict[tuple[str, str], str]

    def render(self, messages: Sequence[tuple[str, str]]) -> str:
        """The prompt for the next reply to (role, words)."""
        roles = [START, *(role for role, _ in messages), REPLY]
        words = [*(text for _, text in messages), ""]
        return "".join(self.before[pair] + text for pair, text in zip(pairwise(roles), words, strict=True))


def frame_of(template: ChatTemplate, prompt_config: PromptConfig) -> TemplateFrame:
    """The template as Ollama can say it. Raises ModelError when it depends on more than its neighbours."""
    before: dict[tuple[str, str], str] = {}
    system = ("system",) if described(prompt_config) else ()
    for turns in (1, 3, 5):
        roles = (*system, *TALK[:turns])
        pieces = _pieces(template, prompt_config, roles)
        for pair, text in zip(pairwise([START, *roles, REPLY]), pieces, strict=True):
            if before.setdefault(pair, text) != text:
                who = f"{pair[0] or 'start'} → {pair[1]}"
                raise ModelError(
                    f"The template “{template.name}” cannot be said in an Ollama template: what it prints "
                    f"between {who} changes along the conversation. "
                    "Use the chat template with llama.cpp's --jinja instead.",
                    f"書式「{template.name}」は Ollama の TEMPLATE では表せません（{who} の間が"
                    "会話の途中で変わります）。"
                    "llama.cpp の --jinja でチャットテンプレートを使ってください。",
                )
    bos = dict(template.tokens).get("bos_token") or ""
    for pair in before:
        if pair[0] == START:  # Ollama puts it there by itself
            before[pair] = before[pair].removeprefix(bos)
    return TemplateFrame(before)


def _pieces(template: ChatTemplate, prompt_config: PromptConfig, roles: Sequence[str]) -> list[str]:
    """What the template prints before each of the messages, and before the reply."""
    words = [f"w{number}w" for number in range(len(roles))]
    messages = [template.message_text(role, text) for role, text in zip(roles, words, strict=True)]
    if roles[0] == "system" and not template.takes_system:
        instructions, first = (template.message_text("user", text) for text in words[:2])
        messages[:2] = [instructions.followed_by("\n\n", first)]
    names = (prompt_config.persona, prompt_config.user)
    text = "".join(stretch.text for stretch in template.segments(messages, names=names, reply=True))
    pieces = []
    for word in words:
        piece, text = text.split(word, 1)
        pieces.append(piece)
    return [*pieces, text]


def modelfile(prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase", *, source: str = "./model") -> str:
    """The Modelfile. `source` is the folder or GGUF file of the model, seen from where it lies.

    Raises ModelError as `frame_of` does.
    """
    template = resolve_template(tokenizer, prompt_config.template)
    lines = [
        f"# {' '.join(prompt_config.persona.split())}, made with Omokage. Here: ollama create NAME -f Modelfile",
        "# Where Ollama does not know the architecture, make a GGUF first (README.md) and write FROM ./model.gguf",
        f"FROM {source}",
        f"TEMPLATE {_quoted(go_template(frame_of(template, prompt_config)))}",
    ]
    if system := described(prompt_config):
        lines.append(f"SYSTEM {_quoted(_printed(template, prompt_config, 'system', system))}")
    said = (
        (turn.role, prompt_config.separator.join(filter(None, map(str.strip, turn.messages))))
        for turn in prompt_config.examples
    )
    lines += [f"MESSAGE {role} {_quoted(_printed(template, prompt_config, role, text))}" for role, text in said]
    lines += [f"PARAMETER stop {_quoted(stop)}" for stop in stops(prompt_config, tokenizer)]
    lines += [
        f"PARAMETER num_ctx {prompt_config.context_window}",
        f"PARAMETER num_predict {prompt_config.reply_reserve}",
    ]
    return "\n".join(lines) + "\n"


def stops(prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """Every text that ends the persona's turn, for programs that know nothing of this one's templates."""
    ends = stop_criteria(prompt_config, tokenizer)
    return [*tokenizer.convert_ids_to_tokens(list(ends.token_ids)), *ends.strings]


def go_template(frame: TemplateFrame) -> str:
    """The frame in Go's text/template, over Ollama's .Messages; the white space between its tags prints nothing."""
    lines = ['{{- $last := "" }}', "{{- range .Messages }}"]
    spoken = [role for role in ("system", "user", "assistant") if any(now == role for _, now in frame.before)]
    for number, role in enumerate(spoken):
        lines.append(f'{{{{- {"else if" if number else "if"} eq .Role "{role}" }}}}')
        lines += _by_last({last: text for (last, now), text in frame.before.items() if now == role})
        lines.append("{{- .Content }}")
    lines += ["{{- end }}", "{{- $last = .Role }}", "{{- end }}"]
    lines += _by_last({last: text for (last, now), text in frame.before.items() if now == REPLY})
    return "\n".join(lines)


def _by_last(texts: dict[str, str]) -> list[str]:
    """What to print by who spoke last."""
    if len(set(texts.values())) == 1:
        return [f"{{{{- {_string(next(iter(texts.values())))} }}}}"]
    lines = []
    for number, (last, text) in enumerate(texts.items()):
        what = "else" if number == len(texts) - 1 else f'{"else if" if number else "if"} eq $last "{last}"'
        lines.append(f"{{{{- {what} }}}}")
        lines.append(f"{{{{- {_string(text)} }}}}")
    return [*lines, "{{- end }}"]


def _string(text: str) -> str:
    """A string of Go: JSON's escapes are a part of Go's."""
    return json.dumps(text, ensure_ascii=False)


def _quoted(text: str) -> str:
    """A value of a Modelfile, which knows no escapes; three quotes in a row cannot be said."""
    return f'"""{text.replace(chr(34) * 3, chr(39) * 3)}"""'


def _printed(template: ChatTemplate, prompt_config: PromptConfig, role: str, words: str) -> str:
    """Words as the template prints them: rinna's writes <NL> for a newline, which no Ollama template can."""
    spoken = role if role != "system" or template.takes_system else "user"
    talk = {"system": ("system", "user"), "user": ("user",), "assistant": ("user", "assistant")}[spoken]
    messages = [template.message_text(one, words if one == spoken else "u") for one in talk]
    found = template.segments(messages, names=(prompt_config.persona, prompt_config.user), reply=False)
    return next(stretch.text for stretch in found if stretch.words == talk.index(spoken)).strip()


def write_modelfile(path: Path, prompt_config: PromptConfig, tokenizer: "PreTrainedTokenizerBase") -> str | None:
    """Write the Modelfile; where the template has none, write nothing and return the reason in English."""
    try:
        path.write_text(modelfile(prompt_config, tokenizer), encoding="utf-8")
    except ModelError as error:
        return error.en
    return None
