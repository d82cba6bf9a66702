"""Memory: what does it remember of our talks, since when, and from whom?"""

from tabs.memory.tab import build

__all__ = ["build"]
