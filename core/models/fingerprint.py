"""Which weights these are: a short hash of a model's files, to know a base again under another name.

Two models with the same name can differ, and one model can be a Hub id here and a folder there. The hash takes
the architecture's name and, of every .safetensors file, its size and samples from its whole length, so that a merged
or tuned copy, which leaves the embeddings at the beginning as they were, gets another one. It reads a quarter of a
megabyte of each file.
"""

import hashlib
import json
from pathlib import Path

SAMPLES, SAMPLE_BYTES = 64, 4096


def fingerprint(folder: Path) -> str:
    """16 hex digits, the same for the same files anywhere; "" where there are no .safetensors that can be read."""
    files = sorted(folder.glob("*.safetensors"))
    try:
        architecture = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
        digest = hashlib.sha256(f"{architecture}".encode())
        for path in files:
            _add(digest, path)
    except (OSError, ValueError, AttributeError):
        return ""
    return digest.hexdigest()[:16] if files else ""


def file_fingerprint(path: Path) -> str:
    """16 hex digits of one file of weights; "" where it cannot be read."""
    digest = hashlib.sha256()
    try:
        _add(digest, path)
    except OSError:
        return ""
    return digest.hexdigest()[:16]


def _add(digest: "hashlib._Hash", path: Path) -> None:
    size = path.stat().st_size
    digest.update(f"{size}".encode())
    with path.open("rb") as file:
        for number in range(SAMPLES):
            file.seek(max(0, size - SAMPLE_BYTES) * number // (SAMPLES - 1))
            digest.update(file.read(SAMPLE_BYTES))


def fingerprint_of(base: str, revision: str | None = None) -> str:
    """That of a folder, or of a Hub id whose files are in the cache; "" where they are not."""
    from huggingface_hub import try_to_load_from_cache

    if Path(base).is_dir():
        return fingerprint(Path(base))
    found = try_to_load_from_cache(base, "config.json", revision=revision)
    return fingerprint(Path(found).parent) if isinstance(found, str) else ""
