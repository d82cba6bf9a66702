"""transformers' Auto classes, which here know the architectures of this project too. Imports torch: import it late."""

from transformers import CONFIG_MAPPING, AutoConfig, AutoModelForCausalLM

import core.models.japanese_stablelm_alpha  # noqa: F401 - registers itself

__all__ = ["CONFIG_MAPPING", "AutoConfig", "AutoModelForCausalLM"]
