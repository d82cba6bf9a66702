"""transformers' Auto classes, which here know the architectures of this project too. Imports torch: import it late."""

from transformers import AutoConfig, AutoModelForCausalLM

import core.models.japanese_stablelm_alpha  # noqa: F401 - registers itself

__all__ = ["AutoConfig", "AutoModelForCausalLM"]
