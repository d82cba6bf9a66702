"""The model that comes with the app: a small-talk model in the repository, for any computer and without a hub.

How it was made is in `models/`; what it can and cannot do, in its card.
"""

from core.settings import ROOT

NAME = "omokage-mini"
FOLDER = ROOT / "models" / NAME
