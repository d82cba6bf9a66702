"""Models as GGUF files, run by llama.cpp (package xllamacpp) and asked with the same token ids as all others."""
