"""A persona for other programs: a full model, its chat template, an Ollama Modelfile, instructions."""
