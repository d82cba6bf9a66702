"""Chat: the talk, its persona and its model."""

from tabs.talk.tab import build

__all__ = ["build"]
