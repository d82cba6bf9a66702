"""What a server takes, learned from what it refuses, and messages put in the form that it takes.

Servers of OpenAI's kind differ in what they refuse, and their errors name it: a setting, the system role, the order of
the roles. What one error names is left out or changed, and the request is sent again.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from core.models.remote_presets import Limit, Prefill, RemotePreset

PlainMessage = Mapping[str, str]
SETTINGS = ("temperature", "top_p", "stop", "seed", "top_k", "min_p", "repetition_penalty")
# What is left out, a group at a time, where an error names nothing: the rarest first.
UNNAMED: tuple[tuple[str, ...], ...] = (
    ("response_format",), ("top_k", "min_p", "repetition_penalty"), ("stream_options",), ("seed",), ("stop",),
    ("temperature", "top_p"),
)  # fmt: skip
TOO_MUCH = re.compile(
    r"context (length|window|size)|too (large|long|many)|exceed|could not finish|at most \d", re.IGNORECASE
)
NO_SYSTEM = re.compile(
    r"system (role|message|prompt|instruction)s?\b.*\b(not|n't|un\w+)\b|developer instruction is not|"
    r"\brole\b.{0,40}does not support '(system|developer)'|(not|n't|only) .{0,40}\bsystem (role|message)",
    re.IGNORECASE | re.DOTALL,
)
ALTERNATE = re.compile(
    r"alternat|(after|expected).{0,60}(user|assistant).{0,40}role|consecutive .{0,20}(message|role)|"
    r"first message must|must (start|begin) with .{0,12}user|system message must be (at the beginning|first)",
    re.IGNORECASE | re.DOTALL,
)
NO_PREFILL = re.compile(
    r"prefill|must end with a user|last message (must|should).{0,40}user|continue_final_message", re.IGNORECASE
)


@dataclass(frozen=True)
class Dialect:
    """What one model of one server takes, as far as it is known."""

    refused: frozenset[str] = frozenset()
    """Settings that are not sent."""
    limit: Limit | None = "max_tokens"
    """What the longest reply is called; None: it is not sent."""
    system: bool = True
    """A system message may come first. Otherwise its text stands before the first words of the user."""
    alternates: bool = False
    """User and assistant have to take turns, the user first."""
    prefill: Prefill = ""
    """How it goes on with a reply; "" where it does not."""

    @classmethod
    def of(cls, preset: RemotePreset) -> "Dialect":
        """What is known of a kind of server before it is asked."""
        return cls(frozenset(preset.refuses), preset.limit, prefill=preset.prefill)

    @property
    def takes(self) -> tuple[str, ...]:
        """The settings that are sent."""
        return tuple(name for name in SETTINGS if name not in self.refused)

    def learned(self, said: str, parameter: str, sent: Iterable[str]) -> "Dialect | None":
        """The dialect after a refusal in the words `said`, which may name a `parameter`; None where nothing is learned.

        `sent` are the names of what was in the request.
        """
        names = frozenset(sent)
        if self.too_much(said):
            return None
        if self.prefill and "continued" in names and NO_PREFILL.search(said):
            return replace(self, prefill="")
        if NO_SYSTEM.search(said) and self.system:
            return replace(self, system=False)
        if ALTERNATE.search(said):
            if not self.alternates:
                return replace(self, alternates=True)
            return replace(self, system=False) if self.system else None
        return self._without(_named(said, parameter, names), said) or None

    def _without(self, named: frozenset[str], said: str) -> "Dialect | None":
        if self.limit in named:
            other: Limit = "max_completion_tokens" if self.limit == "max_tokens" else "max_tokens"
            tried = f"limit:{other}" in self.refused
            return replace(self, limit=None if tried else other, refused=self.refused | {f"limit:{self.limit}"})
        if {"temperature", "top_p"} <= named and re.search(r"\b(both|only one)\b", said, re.IGNORECASE):
            named = frozenset({"top_p"})
        return replace(self, refused=self.refused | named) if named - self.refused else None

    def less(self, said: str, sent: Iterable[str]) -> "Dialect | None":
        """The dialect without the next group of settings, after a refusal that names none; None where all are gone."""
        names = frozenset(sent)
        group = next((frozenset(group) & names for group in UNNAMED if frozenset(group) & names), None)
        return replace(self, refused=self.refused | group) if group and not self.too_much(said) else None

    @staticmethod
    def too_much(said: str) -> bool:
        """Whether an error is about the length of what was sent, which no other setting would mend."""
        return TOO_MUCH.search(said) is not None

    def fitted(self, messages: Sequence[PlainMessage], opening: str) -> list[dict[str, str]]:
        """The messages in the form that is taken; `opening` stands for a user who has said nothing.

        Some user's words are among them always: hosted services take no request without.
        """
        plain = [{"role": one["role"], "content": one["content"]} for one in messages]
        if not (self.system and not self.alternates):
            plain = _folded(plain, keep_first=self.system)
        if self.alternates:
            plain = _taking_turns(plain, opening)
        if not any(one["role"] == "user" for one in plain):
            at = 1 if plain and plain[0]["role"] == "system" else 0
            plain.insert(at, {"role": "user", "content": opening})
        return plain


def _named(said: str, parameter: str, sent: frozenset[str]) -> frozenset[str]:
    """What was sent and is named in an error."""
    found = {name for name in sent if re.search(rf"(?<![\w]){re.escape(name)}(?![\w])", said)}
    if "max_tokens" in found and "max_completion_tokens" in said:
        found = {"max_tokens"} & sent
    last = re.split(r"[.\[]", parameter)[0]
    return frozenset(found | ({last} & sent))


def _folded(messages: Sequence[Mapping[str, str]], *, keep_first: bool) -> list[dict[str, str]]:
    """System texts stand before the next words of the user, or as words of the user where none follow."""
    result: list[dict[str, str]] = []
    held: list[str] = []
    for number, one in enumerate(messages):
        if one["role"] == "system" and not (keep_first and number == 0):
            held.append(one["content"])
        elif held and one["role"] == "user":
            result.append({"role": "user", "content": "\n\n".join([*held, one["content"]])})
            held = []
        elif held and not any(before["role"] != "system" for before in result):  # the persona opens
            result += [{"role": "user", "content": "\n\n".join(held)}, dict(one)]
            held = []
        else:
            result.append(dict(one))
    return result + ([{"role": "user", "content": "\n\n".join(held)}] if held else [])


def _taking_turns(messages: Sequence[Mapping[str, str]], opening: str) -> list[dict[str, str]]:
    """Neighbours of one role are one message, and the user begins."""
    result: list[dict[str, str]] = []
    for one in messages:
        last = result[-1]["role"] if result else ""
        if one["role"] == last:
            result[-1]["content"] += f"\n\n{one['content']}"
            continue
        if one["role"] == "assistant" and last in ("", "system"):
            result.append({"role": "user", "content": opening})
        result.append(dict(one))
    return result
