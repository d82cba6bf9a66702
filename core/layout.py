"""Chat layouts: which Jinja template a model is asked with, and what that template can hold.

A layout renders chat messages to pieces of text that know where each message's words begin and end.
To find them in any template, words are wrapped in two noncharacters that no text may contain, the
template is rendered as it is, and the marks are taken out again; so nothing here knows ChatML from Gemma.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.settings import ROOT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TEMPLATES = ROOT / "prompt_templates"
OPEN, CLOSE = "\ufdd0", "\ufdd1"  # noncharacters: never valid in exchanged text
MARKS = re.compile(f"[{OPEN}{CLOSE}]")

# The generation tracker of transformers lives on the cached template and cannot be entered twice.
_rendering = threading.Lock()


@dataclass(frozen=True)
class Words:
    """The words of one message, wrapped so that they can be found in the rendered text."""

    role: str
    marked: str

    @classmethod
    def of(cls, role: str, text: str) -> "Words":
        return cls(role, f"{OPEN}{MARKS.sub('', text).strip()}{CLOSE}")


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of rendered text: the words number `words`, or the template's own text (None).

    `ends_turn`: the template's mark right behind a persona's words, which a model learns as its end.
    """

    text: str
    words: int | None
    ends_turn: bool = False


@dataclass(frozen=True)
class Layout:
    """A template, and what it turned out to accept. Made by `layout_for`; cached by template and tokens."""

    name: str
    template: str
    tokens: tuple[tuple[str, str], ...]
    """The tokenizer's special tokens by name, as templates expect them (bos_token, eos_token, …)."""
    marks: tuple[str, ...]
    """Texts that the tokenizer turns into one special token wherever they stand."""
    takes_system: bool = True
    persona_may_open: bool = True

    def stretches(self, messages: Sequence[Words], *, names: tuple[str, str], reply: bool) -> list[Stretch]:
        """Render `messages`; with `reply`, up to where the persona's next words begin.

        `names` are (persona, user), for layouts that print them. Raises ModelError when the template
        refuses the messages or does not print each of them once and in order.
        """
        text, spans = self._render(messages, names, reply)
        pieces = re.split(f"{OPEN}(.*?){CLOSE}", text, flags=re.DOTALL)
        if len(pieces) != 2 * sum(m.marked.count(OPEN) for m in messages) + 1:
            raise _unusable(self.name, "it does not print every message once")
        stretches, at, word = [], 0, 0
        roles = [m.role for m in messages for _ in range(m.marked.count(OPEN))]
        for index, piece in enumerate(pieces):
            if index % 2:
                stretches.append(Stretch(piece, word))
                at, word = at + len(piece) + 2, word + 1
                continue
            after_persona = word > 0 and roles[word - 1] == "assistant"
            end = self._end_of_turn(piece, at, spans, last=word == len(roles)) if after_persona else ""
            if end:
                stretches.append(Stretch(end, None, ends_turn=True))
            rest = piece.removeprefix(end)
            if rest:
                stretches.append(Stretch(rest, None))
            at += len(piece)
        return stretches

    def _end_of_turn(self, text: str, at: int, spans: list[tuple[int, int]], *, last: bool) -> str:
        """The part of `text`, which follows a persona's words at character `at`, that ends its turn.

        From the template's {% generation %} spans where it has them, else its first special token;
        the end-of-sequence token where a final turn has no mark at all.
        """
        for start, end in spans:
            if start <= at <= end:
                return text[: end - at]
        for mark in sorted(self.marks, key=len, reverse=True):
            if text.lstrip().startswith(mark):
                return text[: text.index(mark) + len(mark)]
        return dict(self.tokens).get("eos_token", "") if last and not text.strip() else ""

    def _render(self, messages: Sequence[Words], names: tuple[str, str], reply: bool) -> tuple[str, list[tuple[int, int]]]:
        import jinja2
        from transformers.utils.chat_template_utils import render_jinja_template

        chat = [{"role": m.role, "content": m.marked} for m in messages]
        try:
            with _rendering:
                texts, spans = render_jinja_template(
                    [chat],
                    chat_template=self.template,
                    add_generation_prompt=reply,
                    return_assistant_tokens_mask=True,
                    enable_thinking=False,
                    persona_name=names[0],
                    user_name=names[1],
                    **dict(self.tokens),
                )
        except (jinja2.TemplateError, TypeError, ValueError, IndexError, KeyError) as error:
            raise _unusable(self.name, str(error)) from error
        return texts[0], [tuple(span) for span in spans[0]]


def _unusable(name: str, reason: str) -> ModelError:
    return ModelError(
        f"The chat template “{name}” cannot lay out this conversation ({reason[:200]}). Choose another template.",
        f"チャットテンプレート「{name}」ではこの会話を並べられません（{reason[:200]}）。別のテンプレートを選んでください。",
    )


def template_names() -> list[str]:
    """The layouts in `prompt_templates/` that a contract may name."""
    return sorted(path.stem for path in TEMPLATES.glob("*.jinja"))


def layout_for(tokenizer: "PreTrainedTokenizerBase", wanted: str = "auto") -> Layout:
    """The layout to ask a model with.

    `wanted` is a name from `template_names`, "model" for the tokenizer's own template, or "auto": the
    tokenizer's own if what it prints before a reply is the same in a chat and in a training row; else
    ChatML where the tokenizer knows its marks; else a plain dialogue, for base models.
    """
    tokens = tuple(sorted((k, v) for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)))
    marks = tuple(sorted({t.content for t in tokenizer.added_tokens_decoder.values() if t.content.strip()}))
    own = tokenizer.chat_template
    own = own.get("default") if isinstance(own, dict) else own
    if wanted == "model" or (wanted == "auto" and own):
        layout = _fitted("model", own, tokens, marks) if own else None
        if layout and (wanted == "model" or _stable(layout)):
            return layout
    if wanted in ("auto", "model"):
        wanted = "chatml" if "<|im_start|>" in marks and "<|im_end|>" in marks else "dialogue"
    if wanted not in template_names():
        raise ModelError(
            f"There is no chat template “{wanted}”. There are: {', '.join(template_names())}.",
            f"テンプレート「{wanted}」はありません。使えるのは {'、'.join(template_names())} です。",
        )
    return _fitted(wanted, (TEMPLATES / f"{wanted}.jinja").read_text(encoding="utf-8"), tokens, marks)


PROBE_NAMES = ("P", "U")


@lru_cache(maxsize=32)
def _fitted(name: str, template: str, tokens: tuple[tuple[str, str], ...], marks: tuple[str, ...]) -> Layout | None:
    """The layout with what its template accepts, found by trying; None when it prints no plain exchange."""
    layout = Layout(name, template, tokens, marks)

    def prints(*roles: str) -> bool:
        try:
            layout.stretches([Words.of(r, f"{r} {i}") for i, r in enumerate(roles)], names=PROBE_NAMES, reply=False)
        except ModelError:
            return False
        return True

    if not prints("user", "assistant"):
        return None
    return Layout(
        name, template, tokens, marks,
        takes_system=prints("system", "user", "assistant"),
        persona_may_open=prints("assistant", "user", "assistant"),
    )  # fmt: skip


@lru_cache(maxsize=32)
def _stable(layout: Layout) -> bool:
    """Whether the text before each reply is the same in a chat prompt and inside a training row.

    Qwen3's own template is not: it prints an empty thought before the newest reply only.
    """
    talk = [Words.of(role, f"{role} {i}") for i, role in enumerate(("user", "assistant") * 2)]
    row = layout.stretches(talk, names=PROBE_NAMES, reply=False)
    for n in (1, 3):
        asked = "".join(s.text for s in layout.stretches(talk[:n], names=PROBE_NAMES, reply=True))
        before = "".join(s.text for s in row[: next(i for i, s in enumerate(row) if s.words == n)])
        if asked != before:
            return False
    return True
