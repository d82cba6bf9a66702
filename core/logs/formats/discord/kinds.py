"""The sentences that Discord itself writes in a person's name."""

import re

from core.messages import Kind

CALL = re.compile(r"Started a call(?: that lasted [\d.,]+ (?:minutes|seconds|hours))?\.")
SERVICE = re.compile(
    r"Joined the server\.|Pinned a message\.|(?:Added|Removed) .{1,40} (?:to|from) the group\.|Left the group\."
    r"|Changed the channel (?:name|icon)(?: to .{0,80})?\.|Started a thread(?:: .{0,80})?\.|Created a thread\."
)


def service_kind(words: str) -> Kind | None:
    """CALL or SYSTEM for a sentence of Discord's own, None for what was typed."""
    if CALL.fullmatch(words):
        return Kind.CALL
    return Kind.SYSTEM if SERVICE.fullmatch(words) else None
