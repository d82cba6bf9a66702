"""What a prompt may carry besides its persona and the conversation: lines that were looked up for it."""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class RetrievedContext:
    """Lines of text for the next reply. How many of them fit is the prompt's business (`core.prompt`)."""

    knowledge: tuple[str, ...] = ()
    """What both know at any time: notes, the character book, passages of documents. Most important first."""
    timeline: tuple[str, ...] = ()
    """What happened when, dated, oldest first."""
    recalled: tuple[str, ...] = ()
    """Words of old turns that bear on what was just said, dated. Most relevant first."""


CONTEXT_PARTS = tuple(field.name for field in fields(RetrievedContext))
NO_CONTEXT = RetrievedContext()
