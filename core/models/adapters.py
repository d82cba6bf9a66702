"""LoRA adapters on disk: a folder each, with the prompt contract they were trained on."""

import os
import shutil
import uuid
import zipfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError, ModelError
from core.prompt import PromptContract
from core.workspace import Workspace, read_json

FILES = ("adapter_config.json", "adapter_model.safetensors", "contract.json", "training.json", "README.md")


@dataclass(frozen=True)
class Adapter:
    """One adapter of one owner."""

    name: str
    folder: Path
    base: str
    """Name or folder of the model it was trained on, as the training recorded it."""
    contract: PromptContract | None
    """None for an adapter that came from elsewhere without one."""
    training: dict
    """`training.json`: base, dataset, config, metrics; empty for an adapter from elsewhere."""

    @classmethod
    def read(cls, folder: Path) -> "Adapter":
        """Raises ModelError when the folder holds no adapter."""
        if not all((folder / name).is_file() for name in FILES[:2]):
            raise ModelError(
                f"“{folder.name}” is not an adapter: {FILES[0]} or {FILES[1]} is missing. Choose another one.",
                f"「{folder.name}」はアダプターではありません（{FILES[0]} か {FILES[1]} がありません）。",
            )
        config = read_json(folder / "adapter_config.json")
        training = read_json(folder / "training.json") if (folder / "training.json").is_file() else {}
        contract = folder / "contract.json"
        return cls(
            folder.name, folder, training.get("base") or config.get("base_model_name_or_path") or "",
            PromptContract.from_json(read_json(contract)) if contract.is_file() else None, training,
        )  # fmt: skip


@dataclass(frozen=True)
class Adapters:
    """Every owner's shelf of adapters."""

    workspace: Workspace

    def list(self, owner: str) -> "list[Adapter]":
        """Newest first; folders that hold no adapter are left out."""
        found = []
        for name in self.workspace.names(owner, "adapters"):
            folder = self.workspace.place(owner, "adapters", name)
            if (folder / FILES[1]).is_file() and (folder / FILES[0]).is_file():
                found.append(Adapter.read(folder))
        return found

    def get(self, owner: str, name: str) -> Adapter:
        """Raises InputError when the owner has no adapter of that name."""
        folder = self.workspace.place(owner, "adapters", name)
        if not folder.is_dir():
            raise InputError(
                f"There is no adapter “{name}” any more. Choose another one.",
                f"アダプター「{name}」はもうありません。ほかのものを選んでください。",
            )
        return Adapter.read(folder)

    def keep(self, owner: str, wanted: str, source: Path) -> Adapter:
        """Copy a finished adapter to the owner's shelf under `wanted` or the next free name."""
        name = self.workspace.free_name(owner, "adapters", wanted)
        target = self.workspace.place(owner, "adapters", name)
        aside = target.with_name(f".{uuid.uuid4().hex}")
        try:
            aside.mkdir()
            for file in FILES:
                if (source / file).is_file():
                    shutil.copy2(source / file, aside / file)
            os.replace(aside, target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return Adapter.read(target)

    def delete(self, owner: str, name: str) -> None:
        """Remove an adapter for good."""
        shutil.rmtree(self.get(owner, name).folder)

    def zip(self, owner: str, name: str, into: Path) -> Path:
        """Write the adapter as `<name>.zip` into the folder `into` and return the file."""
        adapter = self.get(owner, name)
        target = into / f"{adapter.name}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
            for file in FILES:
                if (adapter.folder / file).is_file():
                    archive.write(adapter.folder / file, f"{adapter.name}/{file}")
        return target
