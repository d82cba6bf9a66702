"""VOICEVOX over its HTTP API, which AivisSpeech and others speak as well: its voices, and words read with one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import InputError
from core.personas.voice import ReadingVoice
from core.text import Text

if TYPE_CHECKING:
    import httpx2

PREFIX = "voicevox:"
"""Before the number of a style in the name of a persona's voice."""
CONNECT_SECONDS, READ_SECONDS = 5.0, 60.0
LARGEST = 20_000_000  # bytes of a sound
PITCH = 0.15  # VOICEVOX's own scale goes from -0.15 to 0.15


@dataclass(frozen=True)
class SpeakerStyle:
    """One way in which one of the engine's speakers speaks."""

    name: str
    id: int

    @property
    def voice(self) -> str:
        """The name by which a persona's voice names it."""
        return f"{PREFIX}{self.id}"


def style_of(voice: ReadingVoice) -> int | None:
    """The number of the engine's style that a voice names; None for a voice of the browser."""
    number = voice.name.removeprefix(PREFIX)
    named = voice.name.startswith(PREFIX) and number.isascii() and number.isdecimal() and len(number) < 12
    return int(number) if named else None


def styles(url: str) -> list[SpeakerStyle]:
    """What the engine at `url` can sound like. Raises InputError when it is none, or does not answer."""
    with _client(url) as client:
        listed = client.get("/speakers").raise_for_status().json()
        if not isinstance(listed, list):
            raise TypeError("no list of speakers")
        found = [
            SpeakerStyle(f"{speaker['name']}（{style['name']}）"[:120], int(style["id"]))
            for speaker in listed
            for style in speaker["styles"]
            if style.get("type", "talk") == "talk"  # others sing
        ]
        if not found:
            raise ValueError("no speakers")
        return found


def synthesis(url: str, words: str, style: int, voice: ReadingVoice) -> bytes:
    """`words` as a WAV. Raises InputError when the engine does not answer or refuses."""
    with _client(url) as client:
        asked = client.post("/audio_query", params={"text": words, "speaker": style}).raise_for_status().json()
        asked |= {"speedScale": voice.rate, "pitchScale": round((voice.pitch - 1.0) * PITCH, 4)}
        with client.stream("POST", "/synthesis", params={"speaker": style}, json=asked) as answer:
            answer.raise_for_status()
            sound = b""
            for part in answer.iter_bytes():
                sound += part
                if len(sound) > LARGEST:
                    raise ValueError("more sound than can be played")
        if not sound.startswith(b"RIFF"):
            raise ValueError("no WAV")
        return sound


@contextmanager
def _client(url: str) -> "Iterator[httpx2.Client]":
    """A client that follows no redirect; what goes wrong is said as a sentence."""
    import httpx2

    timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    try:
        # A redirect would lead from an address that may be used to any other.
        with httpx2.Client(base_url=url, timeout=timeout, follow_redirects=False, trust_env=False) as client:
            yield client
    except httpx2.TransportError as error:
        raise _failed(url, Text("it does not answer", "応答がありません")) from error
    except httpx2.HTTPStatusError as error:
        code = error.response.status_code
        raise _failed(url, Text(f"it answered with the error {code}", f"エラー {code} が返りました")) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        said = Text("its answer is not that of VOICEVOX", "VOICEVOX の応答ではありません")
        raise _failed(url, said) from error


def _failed(url: str, why: Text) -> InputError:
    return InputError(
        f"{url}: {why.en}. Start VOICEVOX or AivisSpeech, and see to the address (often http://127.0.0.1:50021 or "
        "http://127.0.0.1:10101).",
        f"{url}: {why.ja}。VOICEVOX か AivisSpeech を起動して、アドレス（多くは http://127.0.0.1:50021 か "
        "http://127.0.0.1:10101）を確かめてください。",
    )
