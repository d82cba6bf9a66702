"""Data: from a log to rows, and what became of every message."""

from tabs.data.tab import build

__all__ = ["build"]
