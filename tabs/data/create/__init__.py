"""Create: dialogues between models, judged and reviewed, become data sets where there is no log."""

from tabs.data.create.tab import build

__all__ = ["build"]
