"""Compare: which one is them?"""

from tabs.compare.tab import build

__all__ = ["build"]
