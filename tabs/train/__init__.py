"""Train: what to learn, how it goes, what came out."""

from tabs.train.tab import build

__all__ = ["build"]
