"""A chat completion as it is asked for, in OpenAI's form: read with care, and refused in words that name the field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.errors import InputError
from core.messages import Role, Turn
from core.models.sampling import BOUNDS, Sampling
from core.prompt import PlacedText
from core.text import Text, well_formed

MOST_MESSAGES = 4_000
MOST_STOPS, LONGEST_STOP = 16, 200
LONGEST_INSTRUCTIONS = 20_000  # characters of all system messages
ROLES: Mapping[str, Role] = {"user": "user", "assistant": "assistant"}
INSTRUCTING = ("system", "developer")
UNSUPPORTED = ("audio", "logprobs", "modalities", "functions")
SAMPLING = {"temperature": "temperature", "top_p": "top_p", "min_p": "min_p", "top_k": "top_k",
            "repetition_penalty": "repetition_penalty", "repeat_penalty": "repetition_penalty",
            "typical_p": "typical_p"}  # fmt: skip


class ApiError(InputError):
    """A request that cannot be answered, as OpenAI's clients read it."""

    def __init__(self, en: str, ja: str, *, status: int = 400, code: str | None = None, param: str | None = None):
        super().__init__(en, ja)
        self.status, self.code, self.param = status, code, param


@dataclass(frozen=True)
class CompletionRequest:
    """What is asked of a persona."""

    model: str
    turns: tuple[Turn, ...]
    instructions: tuple[PlacedText, ...] = ()
    """The caller's system messages: those before all others beside the description, the rest where they stood."""
    stream: bool = False
    stop: tuple[str, ...] = ()
    include_usage: bool = False
    """A last chunk of a stream with the tokens."""
    user: str = ""
    """Who talks, where the caller speaks for several."""
    memory: bool = False
    """Remember this talk, and what was said in others."""
    given: Mapping[str, float] = ()  # type: ignore[assignment]
    """The settings of `Sampling` that were sent."""

    @classmethod
    def read(cls, body: object) -> "CompletionRequest":
        """Parsed JSON as a request. Raises ApiError for what it must have and lacks, or asks for and cannot get."""
        if not isinstance(body, Mapping):
            raise ApiError("The body has to be a JSON object.", "本文は JSON のオブジェクトにしてください。")
        body = well_formed(dict(body))
        _refuse_unsupported(body)
        turns, instructions = _conversation(body.get("messages"))
        options = body.get("stream_options")
        return cls(
            model=_text(body, "model", needed=True),
            turns=turns,
            instructions=instructions,
            stream=bool(body.get("stream")),
            stop=_stops(body.get("stop")),
            include_usage=isinstance(options, Mapping) and bool(options.get("include_usage")),
            user=_text(body, "user")[:200],
            memory=body.get("memory") is True,
            given=_given(body),
        )

    def sampling(self, own: Sampling) -> Sampling:
        """The persona's own settings, with those that were sent in their place."""
        return replace(own, **self.given)


def _refuse_unsupported(body: Mapping[str, Any]) -> None:
    if body.get("n") not in (None, 1):
        raise ApiError("A persona gives one reply at a time: n has to be 1.",
                       "返事は一度に一つです。n は 1 にしてください。", param="n")  # fmt: skip
    form = body.get("response_format")
    typed = form.get("type") if isinstance(form, Mapping) else None
    asked = next((name for name in UNSUPPORTED if body.get(name)), None)
    asked = "response_format" if typed not in (None, "text") else asked
    asked = "tool_choice" if body.get("tool_choice") not in (None, "auto", "none") else asked
    if asked:
        raise ApiError(
            f"A persona only talks; “{asked}” is not supported. Leave it out.",
            f"人格は話すだけなので「{asked}」には対応していません。外してください。",
            code="unsupported_parameter", param=asked,
        )  # fmt: skip


def _conversation(messages: object) -> tuple[tuple[Turn, ...], tuple[PlacedText, ...]]:
    """(who said what, the instructions among it)."""
    if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
        raise ApiError("“messages” has to be a list with at least one message.",
                       "messages には一つ以上のメッセージのリストが必要です。", param="messages")  # fmt: skip
    if len(messages) > MOST_MESSAGES:
        raise ApiError(f"There are {len(messages)} messages; {MOST_MESSAGES} are allowed.",
                       f"メッセージが {len(messages)} 件あります。{MOST_MESSAGES} 件までです。",
                       param="messages")  # fmt: skip
    said: list[tuple[Role, str | None, str]] = []
    instructions: list[tuple[int, str]] = []
    for number, message in enumerate(messages):
        role, name, text = _message(message, number)
        if role in INSTRUCTING:
            instructions += [(len(said), text)] if text else []
        elif text:
            said.append((ROLES[role], name, text))
    if not said:
        raise ApiError("Nobody has said anything yet: send at least one message of the user.",
                       "まだ発言がありません。ユーザーのメッセージを一つ以上送ってください。",
                       param="messages")  # fmt: skip
    if (length := sum(len(text) for _, text in instructions)) > LONGEST_INSTRUCTIONS:
        raise ApiError(
            f"The system messages have {length:,} characters; {LONGEST_INSTRUCTIONS:,} are allowed.",
            f"システムメッセージが {length:,} 文字あります。{LONGEST_INSTRUCTIONS:,} 文字までです。", param="messages",
        )  # fmt: skip
    first = "\n\n".join(text for at, text in instructions if at == 0)
    placed = [PlacedText("note", first, "after_persona")] if first else []
    placed += [PlacedText("note", text, depth=len(said) - at) for at, text in instructions if at]
    return _turns(said), tuple(placed)


def _turns(said: Sequence[tuple[Role, str | None, str]]) -> tuple[Turn, ...]:
    """Neighbours of one speaker as one turn: a burst stays a burst."""
    turns: list[Turn] = []
    for role, name, text in said:
        if turns and (turns[-1].role, turns[-1].name) == (role, name):
            turns[-1] = replace(turns[-1], messages=(*turns[-1].messages, text))
        else:
            turns.append(Turn(role, (text,), name))
    return tuple(turns)


def _message(message: object, number: int) -> tuple[str, str | None, str]:
    """(role, name of one of a group, text without white ends)."""
    param = f"messages[{number}]"
    if not isinstance(message, Mapping) or message.get("role") not in (*ROLES, *INSTRUCTING):
        role = message.get("role") if isinstance(message, Mapping) else message
        raise ApiError(
            f"{param} has the role “{str(role)[:40]}”; user, assistant, system and developer are known.",
            f"{param} の role が「{str(role)[:40]}」です。user、assistant、system、developer のどれかにしてください。",
            param=param,
        )  # fmt: skip
    content, name = message.get("content"), message.get("name")
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = "\n".join(_part(part, f"{param}.content") for part in content)
    if content is not None and not isinstance(content, str):
        raise ApiError(f"{param}.content has to be text.", f"{param}.content はテキストにしてください。", param=param)
    named = name.strip()[:60] if isinstance(name, str) and message["role"] == "user" else ""
    return str(message["role"]), named or None, (content or "").strip()


def _part(part: object, param: str) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return part["text"]
    kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
    raise ApiError(
        f"A persona reads text only; {param} holds “{str(kind)[:40]}”.",
        f"人格が読めるのはテキストだけです。{param} に「{str(kind)[:40]}」があります。", param=param,
    )  # fmt: skip


def _text(body: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    value = body.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ApiError(f"“{name}” has to be text.", f"{name} にはテキストが必要です。", param=name)
    return value


def _stops(value: object) -> tuple[str, ...]:
    given = [value] if isinstance(value, str) else value if isinstance(value, list) else [] if value is None else None
    if given is None or not all(isinstance(one, str) for one in given) or len(given) > MOST_STOPS:
        raise ApiError(f"“stop” has to be a text, or a list of up to {MOST_STOPS} texts.",
                       f"stop はテキストか、{MOST_STOPS} 個までのテキストのリストにしてください。",
                       param="stop")  # fmt: skip
    return tuple(one[:LONGEST_STOP] for one in given if one)


def _given(body: Mapping[str, Any]) -> dict[str, float]:
    """The settings that were sent, with what other servers call "off" as it is called here."""
    found = {own: _number(body, name) for name, own in SAMPLING.items() if body.get(name) is not None}
    for name in ("max_completion_tokens", "max_tokens"):
        if body.get(name) is not None:
            found["max_new_tokens"] = min(int(_number(body, name, 1)), BOUNDS["max_new_tokens"][2])
    if body.get("seed") is not None:
        found["seed"] = max(-1, int(_number(body, "seed"))) % 2**31 if _number(body, "seed") >= 0 else -1
    if "top_k" in found:
        found["top_k"] = max(0, int(found["top_k"]))
    for name in ("top_p", "typical_p", "repetition_penalty"):
        if name in found:
            found[name] = max(BOUNDS[name][1], found[name])
    for name, number in found.items():
        low, high = BOUNDS[name][1:]
        if not low <= number <= high:
            raise ApiError(f"“{name}” is {number}; it goes from {low} to {high}.",
                           f"{name} が {number} です。{low} から {high} の間にしてください。", param=name)  # fmt: skip
    return found


def _number(body: Mapping[str, Any], name: str, least: float = float("-inf")) -> float:
    value = body[name]
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e18
    if not usable or value < least:
        wanted = Text("a number", "数") if least < 0 else Text("a number above 0", "1 以上の数")
        raise ApiError(f"“{name}” is {str(value)[:40]}; it has to be {wanted.en}.",
                       f"{name} が {str(value)[:40]} です。{wanted.ja}にしてください。", param=name)  # fmt: skip
    return value
