"""What a test knows and a type does not say."""

from typing import Any, TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """`value`, which has to be there: fails the test where it is None."""
    assert value is not None
    return value


def untyped(model: object) -> Any:
    """`model`, for what torch and transformers leave out of its type: `generate`, and its layers by name."""
    return model
