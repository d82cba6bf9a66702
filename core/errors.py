"""Errors a person may see: what was wrong, with the value, and what to do next.

Each carries its sentence in English and in Japanese, written where it is raised. The core raises
them; the page turns them into a message in one place (`tabs/ui/toasts.py`), the command line prints them.
"""

from core.text import Text, well_formed


class AppError(Exception):
    """Base of all errors that are shown as they are. `str(error)` is the English sentence."""

    def __init__(self, en: str, ja: str) -> None:
        self.text = Text(well_formed(en), well_formed(ja))  # what was found in a file may stand in them
        super().__init__(self.text.en)

    @property
    def en(self) -> str:
        return self.text.en

    @property
    def ja(self) -> str:
        return self.text.ja


class InputError(AppError):
    """What a person gave cannot be used: a file, a name, a setting."""


class ModelError(AppError):
    """A model or an adapter cannot be loaded, or cannot answer."""


class JobError(AppError):
    """A training job cannot be started, found, stopped or resumed."""


class HubError(AppError):
    """The Hugging Face Hub refused, or could not be reached."""


class NotAllowedError(AppError):
    """The thing asked for belongs to somebody else, or needs a login."""
