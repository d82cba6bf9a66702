"""Chat logs: an export file in, a Log of messages out. One module a format, one way in."""

from core.logs.detect import FORMATS, detect, read_log
from core.logs.log import Format, Guess, Hints, LineCount, Log, Note, Speaker

__all__ = ["FORMATS", "Format", "Guess", "Hints", "LineCount", "Log", "Note", "Speaker", "detect", "read_log"]
