"""LoRA adapters on disk: a folder each, with the prompt config they were trained on."""

import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import AppError, InputError, ModelError
from core.files import disk_errors, new_folder, read_json, remove_folder
from core.prompt.config import PromptConfig
from core.stored import DamagedError, readable, reading
from core.workspace import (
    ADAPTER_CONFIG,
    ADAPTER_FILES,
    ADAPTER_WEIGHTS,
    PROMPT_CONFIG_FILE,
    TRAINING_FILE,
    Workspace,
    size_of,
)


@dataclass(frozen=True)
class Adapter:
    """One adapter of one owner."""

    name: str
    folder: Path
    base: str
    """Name or folder of the model it was trained on, as the training recorded it."""
    prompt_config: PromptConfig | None
    """None for an adapter that came from elsewhere without one."""
    training: dict
    """`training.json`: base, dataset, config, metrics; empty for an adapter from elsewhere."""

    @property
    def typing(self) -> float:
        """Letters a second that its persona typed in the log, as its data set told; 0 where that is not known."""
        dataset = self.training.get("dataset")
        told = dataset.get("typing") if isinstance(dataset, dict) else None
        return float(told) if isinstance(told, int | float) and 0 < told < 1000 else 0.0

    @classmethod
    def read(cls, folder: Path) -> "Adapter":
        """Raises ModelError when the folder holds no adapter, DamagedError when a file about it cannot be read."""
        if not all((folder / name).is_file() for name in (ADAPTER_CONFIG, ADAPTER_WEIGHTS)):
            raise ModelError(
                f"“{folder.name}” is not an adapter: {ADAPTER_CONFIG} or {ADAPTER_WEIGHTS} is missing. "
                "Choose another one.",
                f"「{folder.name}」はアダプターではありません（{ADAPTER_CONFIG} か {ADAPTER_WEIGHTS} がありません）。"
                "別のものを選んでください。",
            )
        config, training, prompt_config = (
            _object(folder / name) for name in (ADAPTER_CONFIG, TRAINING_FILE, PROMPT_CONFIG_FILE)
        )
        base = (training or {}).get("base") or (config or {}).get("base_model_name_or_path") or ""
        if not isinstance(base, str):
            raise DamagedError(folder, f"its base is {str(base)[:60]}, not a name")
        with reading(folder / PROMPT_CONFIG_FILE):
            held = PromptConfig.from_json(prompt_config) if prompt_config is not None else None
        return cls(folder.name, folder, base, held, training or {})


def _object(path: Path) -> dict | None:
    """The JSON object in `path`, or None when there is no such file. Raises DamagedError when it is none."""
    if not path.is_file():
        return None
    with reading(path):
        value = read_json(path)
        if not isinstance(value, dict):
            raise ValueError(f"it holds {type(value).__name__}, not an object")
        return value


@dataclass(frozen=True)
class Adapters:
    """Every owner's adapters."""

    workspace: Workspace

    def list_all(self, owner: str) -> "list[Adapter]":
        """Newest first; folders that hold no adapter, or one that cannot be read, are left out."""
        return readable(self.workspace.names(owner, "adapters"), lambda name: self._read(owner, name))[0]

    def damaged(self, owner: str) -> "list[DamagedError]":
        """What `list_all` leaves out."""
        return readable(self.workspace.names(owner, "adapters"), lambda name: self._read(owner, name))[1]

    def _read(self, owner: str, name: str) -> Adapter:
        """Raises DamagedError of the whole folder: half an adapter is none."""
        folder = self.workspace.place(owner, "adapters", name)
        try:
            return Adapter.read(folder)
        except AppError as error:
            raise DamagedError(folder, error) from error

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
        """Copy a finished adapter to the owner's store under `wanted` or the next free name.

        Raises ModelError when `source` holds none, and InputError when the disk is full.
        """
        Adapter.read(source)
        self.workspace.check_room(owner, size_of(source))
        name = self.workspace.free_name(owner, "adapters", wanted)
        target = self.workspace.place(owner, "adapters", name)
        with disk_errors(), new_folder(target) as tmp:
            for file in ADAPTER_FILES:
                if (source / file).is_file():
                    shutil.copy2(source / file, tmp / file)
        return Adapter.read(target)

    def delete(self, owner: str, name: str) -> None:
        """Remove an adapter for good."""
        remove_folder(self.get(owner, name).folder)

    def zip_file(self, owner: str, name: str, into: Path) -> Path:
        """Write the adapter as `<name>.zip` into the folder `into` and return the file."""
        adapter = self.get(owner, name)
        target = into / f"{adapter.name}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:  # weights do not compress
            for file in ADAPTER_FILES:
                if (adapter.folder / file).is_file():
                    archive.write(adapter.folder / file, f"{adapter.name}/{file}")
        return target
