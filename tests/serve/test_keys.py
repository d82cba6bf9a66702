"""API keys: shown once, kept as a digest, and of no use once they are revoked, ended or damaged."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.limits import LOCAL
from core.serve import keys as keys_module
from core.serve.keys import KEY_TEXT, MOST_KEYS, ApiKeys
from core.workspace import Workspace

ME, OTHER = "login-me", "login-other"


@pytest.fixture
def keys(tmp_path: Path) -> ApiKeys:
    return ApiKeys(Workspace(tmp_path, LOCAL))


def test_the_key_itself_is_nowhere_on_the_disk(keys: ApiKeys) -> None:
    made, text = keys.create(ME, "  My   script ", model="socrates", memory=True, per_minute=5)
    assert KEY_TEXT.fullmatch(text) and made.name == "My script"
    stored = "".join(path.read_text() for path in keys.workspace.home.rglob("*.json"))
    assert text not in stored and text.rpartition("-")[2] not in stored and made.digest in stored
    assert keys.find(text) == made and keys.list_all(ME) == [made] and keys.list_all(OTHER) == []


@pytest.mark.parametrize("change", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t[:10], lambda t: "",
                                    lambda t: t + " ", lambda t: f"omk-{'0' * 16}{t[20:]}",
                                    lambda t: t.replace("omk-", "omk-*"), lambda t: "sk-" + t])  # fmt: skip
def test_nothing_else_is_the_key(keys: ApiKeys, change) -> None:
    _, text = keys.create(ME, "a")
    assert keys.find(change(text)) is None


def test_revoked_is_revoked_by_its_owner_alone(keys: ApiKeys) -> None:
    made, text = keys.create(ME, "a")
    keys.revoke(OTHER, made.id)
    assert keys.find(text)
    keys.revoke(ME, made.id)
    assert keys.find(text) is None and keys.list_all(ME) == []


def test_a_key_ends_by_itself(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    made, text = keys.create(ME, "a", days=7)
    monkeypatch.setattr(keys_module.time, "time", lambda: made.created + 7 * 86400 - 1)
    assert keys.find(text)
    monkeypatch.setattr(keys_module.time, "time", lambda: made.created + 7 * 86400)
    assert keys.find(text) is None and keys.list_all(ME)[0].ended


def test_the_last_use_is_known_and_counts_as_a_visit(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = keys.create(ME, "a")
    assert made.last_used == 0 and keys.list_all(ME)[0].last_used == 0
    keys.used(made)
    assert keys.list_all(ME)[0].last_used >= made.created, "at once, too"
    later = made.created + 86400
    monkeypatch.setattr(keys_module.time, "time", lambda: later)
    keys.used(made)
    assert keys.list_all(ME)[0].last_used == pytest.approx(later, abs=1)
    assert (keys.workspace.owner_folder(ME) / ".seen").exists()


def test_a_damaged_or_moved_file_opens_nothing(keys: ApiKeys) -> None:
    made, text = keys.create(ME, "a")
    path = keys.workspace.place(ME, "api_keys", f"{made.id}.json")
    moved = keys.workspace.place(OTHER, "api_keys", path.name)
    moved.write_bytes(path.read_bytes())
    path.write_text("{}")
    assert keys.find(text) is None and len(keys.damaged(ME)) == 1 and len(keys.damaged(OTHER)) == 1
    assert keys.list_all(ME) == []


@pytest.mark.parametrize("asked", [{"name": " "}, {"name": "x" * 61}, {"per_minute": 0}, {"per_minute": 10**6},
                                   {"days": -1}, {"days": 9999}])  # fmt: skip
def test_what_no_key_can_be(keys: ApiKeys, asked: dict) -> None:
    with pytest.raises(InputError):
        keys.create(ME, **{"name": "a", **asked})
    assert keys.list_all(ME) == []


def test_there_is_an_end_to_keys(keys: ApiKeys) -> None:
    for n in range(MOST_KEYS):
        keys.create(ME, f"{n}")
    with pytest.raises(InputError, match="50 API keys"):
        keys.create(ME, "one more")
