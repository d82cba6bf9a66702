"""Forms: a page's components by name, and what they hold as one frozen value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias, TypeVar

import gradio as gr
from gradio.blocks import BlockContext
from gradio.components import Component

F = TypeVar("F", bound="Form")

Control: TypeAlias = gr.Checkbox | gr.Dropdown | gr.Number | gr.Radio | gr.Slider | gr.Textbox
"""What a person fills in: it has the events change and input."""
PagePart: TypeAlias = Component | BlockContext
"""What an event can change: a component, a row, a column or a fold."""


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
    def inputs(cls, components: Mapping[str, object]) -> list[PagePart]:
        """The components of the fields, as an event's inputs or outputs. Raises KeyError where one is missing."""
        return parts(components, cls.field_names())

    @classmethod
    def of(cls: type[F], values: Sequence[object]) -> F:
        """The values of `inputs` as Gradio passes them. Raises ValueError where there are more or fewer."""
        return cls(**dict(zip(cls.field_names(), values, strict=True)))

    def values(self) -> list:
        """The inverse of `of`, as outputs."""
        return [getattr(self, name) for name in self.field_names()]


def parts(page: Mapping[str, object], names: Iterable[str]) -> list[PagePart]:
    """The parts of a page by name, in the order of `names`. Raises KeyError, or TypeError for another value."""
    found = []
    for name in names:
        part = page[name]
        if not isinstance(part, PagePart):
            raise TypeError(f"“{name}” is no part of a page: {part!r}.")
        found.append(part)
    return found
