"""The folder that is pushed to Hugging Face as a Space: `make space` writes it, and says what would fail there.

    python .ci/space.py [INTO] [--docker] [--hardware NAME] [--model ID]      default: ./space, Gradio, cpu-basic
    python .ci/space.py INTO --check                                            only looks at what is there

It holds what the app runs with and nothing else. A Gradio Space installs pre-requirements.txt and requirements.txt by
itself; `--docker` builds the Dockerfile instead, for a GPU or a bucket of one's own. `--model` is fetched while the
Space is built, and has to be named in its settings, too, as the variable OMOKAGE_MODEL. Nothing is sent anywhere.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
HOLDS = ("app.py", "LICENSE", "core", "tabs", "prompt_templates", "datasets", "models/omokage-mini",
         "requirements.txt", "requirements-extra.txt")  # fmt: skip
FOR_GRADIO, FOR_DOCKER = ("pre-requirements.txt",), ("Dockerfile", ".dockerignore", "constraints.txt")
HARDWARE = ("cpu-basic", "cpu-upgrade", "t4-small", "t4-medium", "l4x1", "a10g-small", "a10g-large", "a100-large")
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
LARGEST = 10_000_000  # bytes: above it the Hub wants a file by LFS or Xet
PORT = 7860
MODEL_ID = re.compile(r"[\w.\-]{1,96}/[\w.\-]{1,96}", re.ASCII)


def header(readme: Path) -> dict:
    """The YAML between the dashes at the top. Raises ValueError where there is none."""
    parts = readme.read_text(encoding="utf-8").split("---\n", 2)
    found = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    if not isinstance(found, dict):
        raise ValueError(f"{readme.name} does not begin with a header between two lines of ---")
    return found


def write(into: Path, *, docker: bool, hardware: str, model: str) -> None:
    """Make the folder anew; what is hidden in it, as the .git of a Space that was cloned, stays."""
    into.mkdir(parents=True, exist_ok=True)
    for old in into.iterdir():
        if not old.name.startswith("."):
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for name in _tracked((*HOLDS, *(FOR_DOCKER if docker else FOR_GRADIO))):
        target = into / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    (into / "README.md").write_text(_readme(docker=docker, hardware=hardware, model=model), encoding="utf-8")
    large = [path.relative_to(into) for path in _files(into) if path.stat().st_size > LARGEST]
    lines = [f"{path.as_posix()} filter=lfs diff=lfs merge=lfs -text" for path in large]
    (into / ".gitattributes").write_text("\n".join(["* -text", *lines, ""]), encoding="utf-8")


def _tracked(names: Sequence[str]) -> list[str]:
    """The files below `names` that git knows; without git, or outside of a repository, all but caches."""
    if shutil.which("git"):
        done = subprocess.run(["git", "ls-files", "-z", *names], cwd=ROOT, capture_output=True, text=True)
        if found := [name for name in done.stdout.split("\0") if name]:
            return found
    paths = [path for name in names for path in ([ROOT / name] if (ROOT / name).is_file() else _files(ROOT / name))]
    return [path.relative_to(ROOT).as_posix() for path in paths if "__pycache__" not in path.parts]


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)


def _readme(*, docker: bool, hardware: str, model: str) -> str:
    head = header(ROOT / "README.md")
    if docker:
        head = {k: v for k, v in head.items() if k not in ("sdk_version", "python_version", "app_file")}
        head |= {"sdk": "docker", "app_port": PORT}
    head |= {"suggested_hardware": hardware, "tags": ["omokage", "persona", "lora"]}
    if model:
        head |= {"models": [model], "preload_from_hub": [model]}
    fetched = f"Set the variable `OMOKAGE_MODEL` to `{model}` in the Space's settings.\n" if model else ""
    return f"---\n{yaml.safe_dump(head, allow_unicode=True, sort_keys=False)}---\n{BODY}{fetched}"


BODY = """
# 面影 Omokage

Talk with a persona, turn a chat log into training data, train a LoRA adapter, and talk to what came out.
人格と話し、トークログから学習データを作り、LoRA を学習して、できた人格と話せます。

Attach a bucket at `/data` to keep what visitors make. `python app.py --check` says what this Space has and lacks.
"""


def faults(folder: Path) -> Iterator[str]:
    """What would fail on Hugging Face, a sentence each."""
    try:
        head = header(folder / "README.md")
    except (OSError, ValueError, yaml.YAMLError) as error:
        yield f"README.md: {error}"
        return
    yield from _header_faults(head, folder)
    attributes = folder / ".gitattributes"
    by_lfs = attributes.read_text(encoding="utf-8") if attributes.is_file() else ""
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            yield f"{name} is a link"
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if path.stat().st_size > LARGEST and f"{name} filter=lfs" not in by_lfs:
            yield f"{name} is larger than 10 MB and not stored by LFS"


def _header_faults(head: dict, folder: Path) -> Iterator[str]:
    wanted = {"gradio": ("sdk_version", "python_version", "app_file"), "docker": ("app_port",)}
    sdk = head.get("sdk")
    if sdk not in wanted:
        yield f"sdk is {sdk!r}, not gradio or docker"
        return
    yield from (f"the header lacks {name}" for name in ("title", "license", *wanted[sdk]) if not head.get(name))
    yield from (f"{name} is no colour of Spaces" for name in ("colorFrom", "colorTo") if head.get(name) not in COLOURS)
    if head.get("suggested_hardware") not in (*HARDWARE, None):
        yield f"suggested_hardware {head['suggested_hardware']!r} is not one that this app was written for"
    if sdk == "docker":
        text = (folder / "Dockerfile").read_text(encoding="utf-8") if (folder / "Dockerfile").is_file() else ""
        if f"EXPOSE {head.get('app_port')}" not in text:
            yield "the Dockerfile is missing, or exposes another port than app_port"
        return
    if not (folder / str(head.get("app_file"))).is_file():
        yield f"app_file {head.get('app_file')!r} is not there"
    if not re.fullmatch(r"3\.1[0-3]", str(head.get("python_version"))):
        yield f"python_version {head.get('python_version')!r} is none that the app runs on"
    before = folder / "pre-requirements.txt"
    pins = before.read_text(encoding="utf-8").splitlines() if before.is_file() else []
    if f"gradio=={head.get('sdk_version')}" not in pins:
        yield f"sdk_version {head.get('sdk_version')} is not the gradio of pre-requirements.txt"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the folder and say what would fail; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("into", type=Path, nargs="?", default=ROOT / "space")
    parser.add_argument("--docker", action="store_true", help="a Docker Space instead of a Gradio one")
    parser.add_argument("--hardware", choices=HARDWARE, default="cpu-basic", help="suggested to who copies the Space")
    parser.add_argument("--model", default="", metavar="ID", help="a model of the Hub to begin with")
    parser.add_argument("--check", action="store_true", help="only say what would fail")
    options = parser.parse_args(arguments)
    if options.model and not MODEL_ID.fullmatch(options.model):
        parser.error(f"--model {options.model!r} is no owner/name of the Hub")
    if not options.check:
        if options.into.is_dir() and any(options.into.iterdir()) and not (options.into / "README.md").is_file():
            parser.error(f"{options.into} holds something else; name a new folder, or a Space that was cloned")
        write(options.into, docker=options.docker, hardware=options.hardware, model=options.model)
    found = list(faults(options.into))
    size = sum(path.stat().st_size for path in _files(options.into))
    print(*found, f"{options.into}: {size / 1e6:.0f} MB, {len(found)} faults", sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
