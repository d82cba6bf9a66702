"""The model that comes with the app: a small-talk model in the repository, for any computer and without a hub.

How it was made is in `models/`; what it can and cannot do, in its card.
"""

from pathlib import Path

from core.settings import ROOT

NAME = "omokage-mini"
FOLDER = ROOT / "models" / NAME


def located(base: str) -> str:
    """`base`, the base of an adapter; where it is the embedded model, the place of that on this machine."""
    return str(FOLDER) if Path(base).name == NAME else base
