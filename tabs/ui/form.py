"""Forms: a page's components by name, and what they hold as one frozen value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import gradio as gr

F = TypeVar("F", bound="Form")


@dataclass(frozen=True)
class Form:
    """What a form holds: a field for each of its components, under the name that the component has in a dict.

    A handler takes a form as a parameter (see `tabs.ui.handler`); its event is given `inputs` in that place.
    """

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """The fields, in the order in which values come and go."""
        return tuple(field.name for field in fields(cls))

    @classmethod
    def inputs(cls, components: Mapping[str, gr.components.Component]) -> list[gr.components.Component]:
        """The components of the fields, as an event's inputs or outputs. Raises KeyError where one is missing."""
        return [components[name] for name in cls.field_names()]

    @classmethod
    def of(cls: type[F], values: Sequence[object]) -> F:
        """The values of `inputs` as Gradio passes them. Raises ValueError where there are more or fewer."""
        return cls(**dict(zip(cls.field_names(), values, strict=True)))

    def values(self) -> list:
        """The inverse of `of`, as outputs."""
        return [getattr(self, name) for name in self.field_names()]
