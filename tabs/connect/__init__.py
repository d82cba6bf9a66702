"""Connect: how do others reach the persona?"""

from tabs.connect.tab import build

__all__ = ["build"]
