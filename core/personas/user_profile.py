"""Who talks: one's own name and a few lines about oneself, the same with every persona."""

from dataclasses import asdict, dataclass

from core.errors import InputError
from core.files import disk_errors, read_json, write_json
from core.stored import DamagedError, parse, reading
from core.workspace import Workspace

FILE = "profile.json"
LONGEST_USER_NAME = 60  # characters
LONGEST_ABOUT = 1_000


@dataclass(frozen=True)
class UserProfile:
    """What somebody says of themselves; all of it may be empty."""

    name: str = ""
    """Stands for {{user}} and in templates that print names."""
    about: str = ""
    """Told to the model with every message."""


@dataclass(frozen=True)
class UserProfiles:
    """Each owner's own."""

    workspace: Workspace

    def get(self, owner: str) -> UserProfile:
        """The owner's profile, an empty one where there is none or its file cannot be read."""
        path = self.workspace.owner_folder(owner) / FILE
        try:
            with reading(path):
                return parse(UserProfile, read_json(path))
        except (FileNotFoundError, DamagedError):
            return UserProfile()

    def save(self, owner: str, profile: UserProfile) -> UserProfile:
        """Keep a profile. Raises InputError for one that is too long."""
        kept = UserProfile(" ".join(profile.name.split()), profile.about.strip())
        if len(kept.name) > LONGEST_USER_NAME or len(kept.about) > LONGEST_ABOUT:
            raise InputError(
                f"Your name has {len(kept.name):,} characters and the lines about you {len(kept.about):,}; "
                f"{LONGEST_USER_NAME} and {LONGEST_ABOUT:,} are allowed. Shorten them.",
                f"名前が {len(kept.name):,} 文字、紹介が {len(kept.about):,} 文字あります。"
                f"{LONGEST_USER_NAME} 文字と {LONGEST_ABOUT:,} 文字までにしてください。",
            )
        folder = self.workspace.owner_folder(owner)
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, asdict(kept))
        return kept
