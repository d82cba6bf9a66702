"""An engine beside the app: what is sent to it, what may be used, and what is said where it is none."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError, NotAllowedError
from core.models.remote import RemoteModels
from core.personas.voice import ReadingVoice
from core.speech.engines import VoiceEngines
from core.speech.spoken import LONGEST, spoken
from core.workspace import Workspace
from tests.helpers.fake_voicevox import FakeVoicevox, fake_voicevox

ME = "key-me"


@pytest.fixture
def engine() -> Iterator[FakeVoicevox]:
    with fake_voicevox() as server:
        yield server


def engines(home: Path, remotes: RemoteModels | None = None) -> VoiceEngines:
    return VoiceEngines.of(Workspace(home), remotes or RemoteModels())


def test_it_lists_who_talks_and_reads_with_the_personas_rate_and_pitch(engine: FakeVoicevox, tmp_path: Path) -> None:
    made = engines(tmp_path)
    found = made.connect(ME, f"{engine.url}/")
    assert [(style.name, style.voice) for style in found] == [
        ("四国めたん（ノーマル）", "voicevox:2"), ("ずんだもん（ノーマル）", "voicevox:3"),
    ]  # fmt: skip
    assert made.address(ME) == engine.url and made.address("key-other") == ""
    sound = made.read(ME, "**やあ**！ `x` https://example.com/a です", ReadingVoice("voicevox:3", 1.2, 0.5))
    assert sound == engine.sound
    (asked,) = engine.asked
    assert asked["text"] == "やあ！ x です" and asked["speaker"] == "3"
    assert asked["speedScale"] == 1.2 and asked["pitchScale"] == -0.075
    made.leave(ME)
    with pytest.raises(InputError, match="No VOICEVOX"):
        made.read(ME, "やあ", ReadingVoice("voicevox:3"))


def test_a_server_for_strangers_uses_only_what_it_may(engine: FakeVoicevox, tmp_path: Path) -> None:
    engines(tmp_path).connect(ME, engine.url)
    closed = engines(tmp_path, RemoteModels((), public=True))
    assert not closed.possible and closed.address(ME) == ""
    with pytest.raises(NotAllowedError):
        closed.connect(ME, engine.url)
    with pytest.raises(NotAllowedError):
        engines(tmp_path, RemoteModels(("http://127.0.0.1:1",), public=True)).connect(ME, engine.url)
    assert engines(tmp_path, RemoteModels((engine.url,), public=True)).connect(ME, engine.url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "127.0.0.1:50021", "http://u:p@127.0.0.1:50021", ""])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no server's address"):
        engines(tmp_path).connect(ME, url)


def test_no_redirect_is_followed(engine: FakeVoicevox, tmp_path: Path) -> None:
    engine.elsewhere = "http://127.0.0.1:1/speakers"
    with pytest.raises(InputError, match="302"):
        engines(tmp_path).connect(ME, engine.url)


def test_what_goes_wrong_is_said(engine: FakeVoicevox, tmp_path: Path) -> None:
    made = engines(tmp_path)
    made.connect(ME, engine.url)
    engine.sound = b"<html>"
    with pytest.raises(InputError, match="not that of VOICEVOX"):
        made.read(ME, "やあ", ReadingVoice("voicevox:3"))
    engine.status = 500
    with pytest.raises(InputError, match="error 500"):
        made.read(ME, "やあ", ReadingVoice("voicevox:3"))
    assert made.styles(ME) == []
    with pytest.raises(InputError, match="no words"):
        made.read(ME, "```\ncode\n```", ReadingVoice("voicevox:3"))
    with pytest.raises(InputError, match="does not answer"):
        made.connect(ME, "http://127.0.0.1:9")


def test_a_minute_has_its_readings(engine: FakeVoicevox, tmp_path: Path) -> None:
    made = engines(tmp_path)
    made = replace(made, readings=replace(made.readings, each=1))
    made.connect(ME, engine.url)
    made.read(ME, "やあ", ReadingVoice("voicevox:3"))
    with pytest.raises(InputError, match="readings a minute"):
        made.read(ME, "やあ", ReadingVoice("voicevox:3"))


def test_a_long_text_ends_with_a_sentence() -> None:
    words = spoken("これは文です。" * 300)
    assert len(words) <= LONGEST and words.endswith("。")


def test_a_voice_is_brought_into_bounds() -> None:
    assert ReadingVoice.within(" x ", 9, float("nan")) == ReadingVoice("x", 2.0, 1.0)
