"""Chat templates: which one a model is asked with, and what it can hold.

A template renders chat messages to segments of text that know where each message's words begin and end.
To find them in any template, words are numbered and wrapped in noncharacters that no text may contain,
the template is rendered as it is, and the wrapping is taken out again; so nothing here knows ChatML
from Gemma. What a person typed that spells a special token is cut inside it, so that it stays letters;
what spells a label that the template writes in plain letters ("Ken:", "### 応答:") gets a space before its end.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from core.errors import ModelError
from core.prompt.default_template import default_template
from core.prompt.encoder import added_tokens
from core.prompt.sandbox import TemplateRefusedError, render_template
from core.prompt.template_names import AUTO, is_jinja, label, source, template_names

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Noncharacters, never valid in exchanged text: OPEN number NUMBERED words CLOSE, and CUT within words.
OPEN, NUMBERED, CLOSE, CUT = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
WRAPPING = re.compile(f"[{OPEN}{NUMBERED}{CLOSE}{CUT}]")
NEWLINES = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
WORDS = re.compile(f"{OPEN}(\\d{{1,9}}){NUMBERED}([^{OPEN}{CLOSE}]*){CLOSE}")
# Llama 3's own default: with today's date a persona would be asked otherwise than it was trained.
DATE = "26 Jul 2024"


@dataclass(frozen=True)
class MessageText:
    """A message to render: its role and its text, wrapped by `ChatTemplate.message_text`; several may be joined."""

    role: str
    wrapped: str

    def followed_by(self, between: str, other: "MessageText") -> "MessageText":
        """One message with the words of both, each found on its own."""
        return MessageText(self.role, self.wrapped + between + other.wrapped)

    def joined_with(self, between: str, other: "MessageText") -> "MessageText":
        """One message in which the last words of this one and the first of `other` are one."""
        return MessageText(self.role, self.wrapped.removesuffix(CLOSE) + between + other.wrapped.removeprefix(OPEN))


@dataclass(frozen=True, slots=True)
class RenderedSegment:
    """A segment of rendered text: the words number `words`, or the template's own text (None).

    `ends_turn`: the template's mark right behind a persona's words, which a model learns as its end.
    `cuts`: places that no token may reach over.
    """

    text: str
    words: int | None
    ends_turn: bool = False
    cuts: tuple[int, ...] = ()

    @classmethod
    def of(cls, rendered: str, words: int | None, *, ends_turn: bool = False) -> "RenderedSegment":
        """From rendered text, which may hold CUTs."""
        text, *rest = rendered.split(CUT)
        cuts = []
        for part in rest:
            cuts.append(len(text))
            text += part
        return cls(text, words, ends_turn, tuple(cuts))


@dataclass(frozen=True)
class ChatTemplate:
    """A template, and what it turned out to accept. Made by `resolve_template`; cached by template and tokens."""

    name: str
    jinja: str
    """What it is rendered from."""
    tokens: tuple[tuple[str, str], ...]
    """The tokenizer's special tokens by name, as templates expect them (bos_token, eos_token, …)."""
    added_tokens: tuple[str, ...]
    """Texts that the tokenizer turns into one token wherever they stand."""
    takes_system: bool = True
    persona_may_open: bool = True
    lead: str = ""
    """White space that the template prints before a reply in a row and not when it asks for one: the
    model writes it, and it belongs to the words. Llama 2 and Mistral write a space."""

    def message_text(self, role: str, text: str) -> MessageText:
        """A message's words, ready to be rendered."""
        return MessageText(role, f"{OPEN}{self.plain(text.strip())}{CLOSE}")

    def plain(self, text: str) -> str:
        """`text` with a CUT inside everything that spells a mark, which makes it letters."""
        text = WRAPPING.sub("", text)
        marks = _any_of(self.added_tokens)
        return marks.sub(rf"\1{CUT}", text) if marks else text

    def said(self, text: str, names: tuple[str, str]) -> str:
        """`text` as somebody may say it between `names` (persona, user): in it the template's labels are none."""
        labels = _labels(self, names)
        return labels.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}", text) if labels else text

    def starts_with_mark(self, text: str) -> str | None:
        """The longest mark at the beginning of `text`."""
        return next((mark for mark in sorted(self.added_tokens, key=len, reverse=True) if text.startswith(mark)), None)

    def segments(
        self, messages: Sequence[MessageText], *, names: tuple[str, str], reply: bool
    ) -> list[RenderedSegment]:
        """Render `messages`; with `reply`, up to where the persona's next words begin.

        `names` are (persona, user), for templates that print them. Raises ModelError when the template
        refuses the messages or does not print each of them once and in order.
        """
        text, spans = self._render(messages, names, reply)
        found = list(WORDS.finditer(text))
        roles = [message.role for message in messages for _ in range(message.wrapped.count(OPEN))]
        if [int(match[1]) for match in found] != list(range(len(roles))):
            raise _unusable(self.name, "it does not print every message once and in order")
        segments, at = [], 0
        for number, match in enumerate(found):
            lead = self.lead if roles[number] == "assistant" and text[: match.start()].endswith(self.lead) else ""
            before = roles[number - 1] if number else ""
            segments += self._between(text[at : match.start() - len(lead)], at, spans, role=before, last=False)
            segments.append(RenderedSegment.of(lead + match[2], number))
            at = match.end()
        return segments + self._between(text[at:], at, spans, role=roles[-1] if roles else "", last=True)

    def _between(
        self, text: str, at: int, spans: list[tuple[int, int]], *, role: str, last: bool
    ) -> list[RenderedSegment]:
        """The template's text at character `at`, which follows words of `role`."""
        end = self._end_of_turn(text, at, spans, last=last) if role == "assistant" else ""
        parts = ((end, True), (text.removeprefix(end), False))
        return [RenderedSegment.of(part, None, ends_turn=ends) for part, ends in parts if part]

    def _end_of_turn(self, text: str, at: int, spans: list[tuple[int, int]], *, last: bool) -> str:
        """The part of `text`, which follows a persona's words at character `at`, that ends its turn.

        From the template's {% generation %} spans where it has them, else its first special token;
        the end-of-sequence token where a final turn has no mark at all.
        """
        for start, end in spans:
            if start <= at < end:
                return text[: end - at]
        if mark := self.starts_with_mark(text.lstrip()):
            return text[: text.index(mark) + len(mark)]
        return dict(self.tokens).get("eos_token", "") if last and not text.strip() else ""

    def _render(
        self, messages: Sequence[MessageText], names: tuple[str, str], reply: bool
    ) -> tuple[str, list[tuple[int, int]]]:
        number = itertools.count()
        chat = [
            {"role": m.role, "content": re.sub(OPEN, lambda _: f"{OPEN}{next(number)}{NUMBERED}", m.wrapped)}
            for m in messages
        ]
        values = {
            "enable_thinking": False,
            "date_string": DATE,
            "persona_name": self.plain(" ".join(names[0].split())),
            "user_name": self.plain(" ".join(names[1].split())),
            **dict(self.tokens),
        }
        try:
            return render_template(self.jinja, chat, reply=reply, values=values)
        except TemplateRefusedError as error:
            raise _unusable(self.name, WRAPPING.sub("", str(error))) from error


@lru_cache(maxsize=32)
def _any_of(added: tuple[str, ...]) -> "re.Pattern[str] | None":
    """Finds the first character of every mark in a text, also of those that overlap."""
    if not added:
        return None
    first = "".join(sorted({re.escape(mark[0]) for mark in added}))
    return re.compile(f"(?=[{first}])(?={'|'.join(map(re.escape, added))})(.)", re.DOTALL)


@lru_cache(maxsize=64)
def _labels(template: ChatTemplate, names: tuple[str, str]) -> "re.Pattern[str] | None":
    """Finds what `template` writes in plain letters around words to say who speaks, where a person types it.

    What a special token leads in needs no care. Bare words ("user") are too common to be told from talk.
    """
    roles = ("system",) * template.takes_system + ("user", "assistant") * 2
    laid = template.segments([template.message_text(role, "w\nw") for role in roles], names=names, reply=True)
    newline = next(segment.text.strip()[1:-1] for segment in laid if segment.words is not None)
    around = "".join(segment.text if segment.words is None else OPEN for segment in laid).replace(newline, "\n")
    for mark in template.added_tokens:
        around = around.replace(mark, CUT)
    found = {
        (match[2], match[1] in "\n") for match in re.finditer(rf"(^|[{OPEN}{CUT}\n])\s*([^{OPEN}{CUT}\n]+)", around)
    }
    labels = {
        (label.strip(), starts) for label, starts in found if re.search(r"\w", label) and re.search(r"[^\w\s]", label)
    }
    first = {label for label, starts in labels if starts}
    anywhere = {label for label, _ in labels} - first | ({newline} - {"\n", *template.added_tokens})
    patterns = [rf"(?<![^{NEWLINES}])[^\S{NEWLINES}]*(?:{_either_colon(first)})"] if first else []
    patterns += [_either_colon(anywhere)] if anywhere else []
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


def _either_colon(labels: set[str]) -> str:
    return "|".join(re.sub("[:：]$", "[:：]", re.escape(label)) for label in sorted(labels, key=len, reverse=True))


def _unusable(name: str, reason: str) -> ModelError:
    return ModelError(
        f"The chat template “{name}” cannot lay out this conversation ({reason[:200]}). Choose another template.",
        f"チャットテンプレート「{name}」ではこの会話を並べられません（{reason[:200]}）。別のテンプレートを選んでください。",
    )


def resolve_template(tokenizer: "PreTrainedTokenizerBase", wanted: str = AUTO) -> ChatTemplate:
    """The template to ask a model with.

    `wanted` is a name from `template_names`, Jinja text of one's own, "model" for the tokenizer's own template, or
    "auto": the tokenizer's own if what it prints before a reply is the same in a chat and in a training row; else the
    format that `core.prompt.default_template` knows for the model, which is a plain dialogue for base models.
    """
    tokens = tuple(sorted((k, v) for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)))
    added = tuple(sorted(set(added_tokens(tokenizer).values())))
    own = tokenizer.chat_template
    own = own.get("default") if isinstance(own, dict) else own
    if wanted == "model" or (wanted == AUTO and own):
        template = _fitted("model", own, tokens, added) if own else None
        if template and (wanted == "model" or _stable(template)):
            return template
    if wanted in (AUTO, "model"):
        wanted = default_template(tokenizer.name_or_path, added, own)
    jinja = source(wanted)
    if jinja is None:
        raise ModelError(
            f"There is no chat template “{wanted}”. There are: {', '.join(template_names())}.",
            f"テンプレート「{wanted}」はありません。使えるのは {'、'.join(template_names())} です。",
        )
    template = _fitted(label(wanted), jinja, tokens, added)
    if template is None:
        raise _unusable(label(wanted), "it prints no plain exchange with this tokenizer")
    return template


def definite_template(tokenizer: "PreTrainedTokenizerBase", wanted: str) -> str:
    """What a prompt config is to name so that it means the same everywhere: "auto" depends on the model."""
    return wanted if is_jinja(wanted) else resolve_template(tokenizer, wanted).name


PROBE_NAMES = ("P", "U")


@lru_cache(maxsize=32)
def _fitted(name: str, jinja: str, tokens: tuple[tuple[str, str], ...], added: tuple[str, ...]) -> ChatTemplate | None:
    """The template with what it accepts, found by trying; None when it prints no plain exchange."""
    template = ChatTemplate(name, jinja, tokens, added)

    def prints(*roles: str, reply: bool = False) -> bool:
        try:
            _probe(template, roles, reply=reply)
        except ModelError:
            return False
        return True

    talk = ("user", "assistant") * 2
    if not (prints(*talk) and prints(*talk[:2]) and prints(*talk[:1], reply=True)):
        return None
    takes_system = prints("system", *talk)
    starts = ((), ("system",)) if takes_system else ((),)
    may_open = all(prints(*start, *talk[1:]) and prints(*start, reply=True) for start in starts)
    return replace(template, takes_system=takes_system, persona_may_open=may_open, lead=_lead(template))


def _lead(template: ChatTemplate) -> str:
    """See `ChatTemplate.lead`."""
    asked = "".join(segment.text for segment in _probe(template, ("user",), reply=True))
    row = _probe(template, ("user", "assistant"), reply=False)
    before = "".join(segment.text for segment in itertools.takewhile(lambda segment: segment.words != 1, row))
    lead = before.removeprefix(asked)
    return lead if lead.isspace() else ""


@lru_cache(maxsize=32)
def _stable(template: ChatTemplate) -> bool:
    """Whether the text before each reply is the same in a chat prompt and inside a training row.

    Qwen3's own template is not: it prints an empty thought before the newest reply only.
    """
    talk = ("user", "assistant") * 2
    rows = [talk, talk[1:]] if template.persona_may_open else [talk]
    rows += [("system", *row) for row in rows] if template.takes_system else []
    for roles in rows:
        row = _probe(template, roles, reply=False)
        for n in (n for n, role in enumerate(roles) if role == "assistant"):
            before = row[: next(i for i, segment in enumerate(row) if segment.words == n)]
            asked = _probe(template, roles[:n], reply=True)
            if "".join(s.text for s in asked) != "".join(s.text for s in before):
                return False
    return True


def _probe(template: ChatTemplate, roles: Sequence[str], *, reply: bool) -> list[RenderedSegment]:
    talk = [template.message_text(role, f"{role} {number}") for number, role in enumerate(roles)]
    return template.segments(talk, names=PROBE_NAMES, reply=reply)
