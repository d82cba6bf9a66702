"""Personas for other programs: keys, names of models, and chat completions as OpenAI's API has them."""
