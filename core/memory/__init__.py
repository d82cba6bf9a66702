"""What a persona remembers of its talks: turns, notes, a diary, documents; one SQLite file an owner.

`memory.Memory` is the door. It hands `core.prompt.context.RetrievedContext` to the prompt, and notes down after a reply
what is worth it.
"""
