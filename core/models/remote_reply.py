"""What a server streams, as words and thoughts: its parts come in several forms."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """Tokens of one request, as the server counted them."""

    prompt: int
    reply: int
    """With those of thoughts."""


class RemoteText(NamedTuple):
    """What a server has written so far."""

    text: str
    thoughts: str = ""
    """What it sent in a field of its own."""
    chunks: int = 0
    """Parts that came: a token each with most servers."""
    ended: str = ""
    """Why it ended, or ""."""
    usage: Usage | None = None


def grown_by(now: RemoteText, chunk: Any) -> RemoteText:
    """`now` grown by a part of the stream."""
    if usage := getattr(chunk, "usage", None):
        now = now._replace(usage=Usage(usage.prompt_tokens or 0, usage.completion_tokens or 0))
    for choice in (chunk.choices or [])[:1]:
        words, thoughts = _parts(choice.delta)
        now = now._replace(
            text=now.text + words, thoughts=now.thoughts + thoughts, chunks=now.chunks + bool(words or thoughts),
            ended=choice.finish_reason or now.ended,
        )  # fmt: skip
    return now


def _parts(delta: Any) -> tuple[str, str]:
    """(words, thoughts) of a part: thoughts come in fields of two names, or in a list of typed pieces (Mistral)."""
    content = getattr(delta, "content", None) or ""
    thoughts = _thoughts_in_fields(delta)
    if isinstance(content, str):
        return content, thoughts
    words = ""
    for piece in content if isinstance(content, list) else ():
        if not isinstance(piece, Mapping):
            continue
        if piece.get("type") == "text":
            words += str(piece.get("text", ""))
        elif piece.get("type") == "thinking":
            inner = piece.get("thinking")
            thoughts += "".join(str(t.get("text", "")) for t in inner) if isinstance(inner, list) else str(inner or "")
    return words, thoughts


def _thoughts_in_fields(delta: Any) -> str:
    """What was thought, from the first field that holds it: servers that know both names send it twice."""
    named = (getattr(delta, name, None) for name in ("reasoning_content", "reasoning"))
    if found := next((one for one in named if isinstance(one, str)), ""):
        return found
    details = getattr(delta, "reasoning_details", None)  # OpenRouter
    pieces = [piece for piece in details if isinstance(piece, Mapping)] if isinstance(details, list) else []
    return "".join(str(piece.get("text") or piece.get("summary") or "") for piece in pieces)
