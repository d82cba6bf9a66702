"""Which VOICEVOX each owner has words read by."""

from dataclasses import dataclass

from core.errors import AppError, InputError
from core.files import disk_errors, read_json, write_json
from core.limits import Counter
from core.models.remote import RemoteModels
from core.models.remote_server import Server
from core.personas.voice import ReadingVoice
from core.speech.spoken import spoken
from core.speech.voicevox import SpeakerStyle, style_of, styles, synthesis
from core.stored import UNREADABLE
from core.text import Text
from core.workspace import Workspace

FILE = "voice.json"
READINGS = 60  # a minute


@dataclass(frozen=True)
class VoiceEngines:
    """Each owner's engine; the same addresses may be used as for models elsewhere."""

    workspace: Workspace
    remotes: RemoteModels
    readings: Counter

    @classmethod
    def of(cls, workspace: Workspace, remotes: RemoteModels) -> "VoiceEngines":
        return cls(workspace, remotes, Counter(Text("readings a minute", "1 分間の読み上げ"), READINGS))

    @property
    def possible(self) -> bool:
        """Whether any engine may be used here."""
        return not self.remotes.public or bool(self.remotes.allowed)

    def address(self, owner: str) -> str:
        """Where the owner's engine is; "" for none."""
        try:
            kept = read_json(self.workspace.owner_folder(owner) / FILE)
            return self.remotes.checked(Server(kept["url"])).url  # what may be used can have changed
        except (FileNotFoundError, AppError, *UNREADABLE):
            return ""

    def styles(self, owner: str) -> list[SpeakerStyle]:
        """What the owner's engine can sound like; nothing where there is none or it does not run."""
        url = self.address(owner)
        try:
            return styles(url) if url else []
        except InputError:
            return []

    def connect(self, owner: str, url: str) -> list[SpeakerStyle]:
        """Try an engine, and use it from now on. Raises InputError or NotAllowedError."""
        url = self.remotes.checked(Server(url)).url
        found = styles(url)
        folder = self.workspace.owner_folder(owner)
        with disk_errors():
            folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / FILE, {"url": url})
        return found

    def leave(self, owner: str) -> None:
        """Use no engine any more."""
        (self.workspace.owner_folder(owner) / FILE).unlink(missing_ok=True)

    def read(self, owner: str, text: str, voice: ReadingVoice, address: str = "") -> bytes:
        """The words of a message as a WAV. Raises InputError where that is not possible."""
        url, style, words = self.address(owner), style_of(voice), spoken(text)
        if not url or style is None:
            raise InputError(
                "No VOICEVOX is connected. Connect one under “Voice” below the message box.",
                "VOICEVOX につながっていません。メッセージ欄の下の「声」からつないでください。",
            )
        if not words:
            raise InputError("There are no words to read.", "読み上げる言葉がありません。")
        self.readings.acquire(owner, address)
        return synthesis(url, words, style, voice)
