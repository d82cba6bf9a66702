"""What a data set's card says of rows that models made."""

from collections.abc import Mapping

from core.data.made import MADE, made_share, makers
from core.hub.redact import public_name

FIGURES = {
    "dialogues": "dialogues", "samples": "samples", "tokens": "tokens in all", "mean": "tokens of a sample, mean",
    "shortest": "fewest", "longest": "most", "user_mean": "of the other side's words, mean",
    "persona_mean": "of the persona's words, mean",
}  # fmt: skip


def made_line(recipe: Mapping[str, object]) -> str:
    """Which share of the rows models made, and which models; "" where none says so."""
    share, named = made_share(recipe), ", ".join(public_name(name) for name in makers(recipe))
    return f"{share:.0%} of the rows{f', by {named}' if named else ''}" if share else ""


def made_figures(recipe: Mapping[str, object]) -> list[tuple[str, str]]:
    """(figure, value) of a variant of made dialogues; [] of other sets."""
    made = recipe.get(MADE)
    given = made if isinstance(made, Mapping) else {}
    found = ((title, given.get(name)) for name, title in FIGURES.items())
    return [(title, f"{value:,}") for title, value in found if isinstance(value, int | float)]
