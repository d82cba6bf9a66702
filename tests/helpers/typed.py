"""What a test knows and a type does not say."""

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")


def present(value: T | None) -> T:
    """`value`, which has to be there: fails the test where it is None."""
    assert value is not None
    return value


def untyped(value: object) -> Any:
    """`value`, for what its type leaves out: a model's `generate`, the layers in it, what a file's JSON holds."""
    return value


def token_id(tokenizer: "PreTrainedTokenizerBase", token: str) -> int:
    """The id of one token."""
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found
