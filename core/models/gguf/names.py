"""How a GGUF model is named: a file of this machine, or a file in a repository of the Hub."""

import os
import re

HUB_FILE = re.compile(r"([\w][\w.\-]{0,95}/[\w][\w.\-]{0,95})/((?:[\w][\w.\- ]*/)*[\w][\w.\- ]*\.gguf)")
PART = re.compile(r"-\d{5}-of-\d{5}\.gguf$")


def names_gguf(name: str) -> bool:
    """Whether `name` ends as GGUF files do."""
    return name.lower().endswith(".gguf")


def hub_file(name: str) -> tuple[str, str] | None:
    """(repository, file) of owner/repository/file.gguf; None for anything else, and for a file that is here."""
    match = HUB_FILE.fullmatch(name)
    return (match[1], match[2]) if match and ".." not in name and not os.path.isfile(name) else None


def all_parts(file: str) -> str:
    """The pattern of all files of a model that is split into parts; `file` itself where it is not."""
    return PART.sub("-*.gguf", file)
