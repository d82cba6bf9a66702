"""Which share of a data set models made: what its recipe says, also of a mix."""

from collections.abc import Mapping, Sequence

MADE = "made"  # in a recipe: {"share": of the rows, "by": names of models, and figures}


def made_share(recipe: Mapping[str, object]) -> float:
    """Of the rows of a saved set, how many models made: 0–1; 0 where nothing says so."""
    made = recipe.get(MADE)
    share = made.get("share") if isinstance(made, Mapping) else None
    return float(share) if isinstance(share, int | float) else 0.0


def makers(recipe: Mapping[str, object]) -> list[str]:
    """The models that made them."""
    made = recipe.get(MADE)
    named = made.get("by") if isinstance(made, Mapping) else None
    return [str(name) for name in named] if isinstance(named, list) else []


def mixed_share(parts: Sequence[tuple[Mapping[str, object], int]]) -> dict[str, object]:
    """What the recipe of a mix says of it, from (recipe, rows) of each part; {} where people wrote all of it."""
    share = sum(made_share(recipe) * rows for recipe, rows in parts) / max(1, sum(rows for _, rows in parts))
    named = sorted({name for recipe, _ in parts for name in makers(recipe)})
    return {MADE: {"share": round(share, 4), "by": named}} if share else {}
