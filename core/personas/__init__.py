"""Personas: who one talks with, how it starts, and how it samples."""

from core.models.sampling import Sampling
from core.personas.persona import Persona, format_examples, parse_examples
from core.personas.store import BUILT_IN, LONGEST_DESCRIPTION, Personas, built_in, check_description

__all__ = [
    "BUILT_IN", "LONGEST_DESCRIPTION", "Persona", "Personas", "Sampling", "built_in", "check_description",
    "format_examples", "parse_examples",
]  # fmt: skip
