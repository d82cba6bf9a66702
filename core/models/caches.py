"""By which name a model is handed what it has read: transformers 5.24 turned `past_key_values` into `cache`.

A forward that takes any keyword and looks for the other name would leave the cache unread without a word, and
the model would go on from its last token alone. So the name is decided here, for every call and every model.
"""

import inspect
from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAMES = ("cache", "past_key_values")


@cache
def keyword() -> str:
    """`cache` or `past_key_values`: what the installed transformers' `generate` takes, hands on and gives back."""
    from transformers import GenerationMixin

    asked = inspect.signature(vars(GenerationMixin)["prepare_inputs_for_generation"]).parameters
    return next(name for name in NAMES if name in asked)


def accept_cache_keyword(model: "PreTrainedModel") -> "PreTrainedModel":
    """`model` itself, which now hears the cache under the name that `generate` uses.

    Models of transformers know it already. Program code from a model's repository may know the other one only.
    """
    for name in ("forward", "prepare_inputs_for_generation"):
        method = getattr(model, name, None)
        if method is not None and _knows_only_other_name(method):
            setattr(model, name, _translated(method))
    return model


def _knows_only_other_name(method: Callable[..., Any]) -> bool:
    known = inspect.signature(method).parameters
    return keyword() not in known and any(name in known for name in NAMES)


def _translated(method: Callable[..., Any]) -> Callable[..., Any]:
    """`method`, with `generate`'s name in its signature too, where transformers looks for it."""
    new = keyword()
    old = next(name for name in NAMES if name != new)

    @wraps(method)
    def both(*args: Any, **kwargs: Any) -> Any:
        found = kwargs.pop(new, None)
        if found is not None and kwargs.get(old) is None:
            kwargs[old] = found
        return method(*args, **kwargs)

    known = inspect.signature(method)
    named = [p for p in known.parameters.values() if p.kind is not p.VAR_KEYWORD]
    rest = [p for p in known.parameters.values() if p.kind is p.VAR_KEYWORD]
    added = inspect.Parameter(new, inspect.Parameter.KEYWORD_ONLY, default=None)
    vars(both)["__signature__"] = known.replace(parameters=[*named, added, *rest])
    return both
