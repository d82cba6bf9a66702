"""Whose things these are."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core import owners as module
from core.errors import NotAllowedError
from core.owners import KEY, Owners, new_key
from core.workspace import Workspace


class Hub:
    """Knows the tokens "hf_<name>" and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def whoami(self, token: str) -> str:
        self.asked += 1
        if not token.startswith("hf_"):
            raise NotAllowedError("unknown token", "")
        return token.split("-")[0].removeprefix("hf_")


@pytest.fixture
def hub() -> Hub:
    return Hub()


def test_kinds_of_owners_never_meet(hub: Hub) -> None:
    """The same letters as a login name, a Hub name and a key are three owners."""
    name = "a" * 40
    space = Owners(True, hub.whoami)
    found = [
        space.resolve_owner(login=name, token=None, key=None),
        space.resolve_owner(login=None, token=f"hf_{name}", key=None),
        space.resolve_owner(login=None, token=None, key=name),
    ]
    assert len(set(found)) == 3
    assert [owner.split("-")[0] for owner in found] == ["login", "hf", "key"]
    assert found == [
        space.resolve_owner(login=name, token="x", key=new_key()),  # a login stands above the rest
        space.resolve_owner(login=None, token=f"hf_{name}-another", key=new_key()),  # another token of the same user
        space.resolve_owner(login="", token="", key=name),
    ]


@pytest.mark.parametrize("key", [None, "", "short", "a" * 65, "a" * 31 + "/", "../" * 12, "a" * 32 + "\n", "あ" * 40])
def test_a_guest_shares_nothing(hub: Hub, key: str | None) -> None:
    owners = Owners(False, hub.whoami)
    ids = {owners.resolve_owner(login=None, token=None, key=key) for _ in range(20)}
    assert len(ids) == 20 and all(owner.startswith("guest-") for owner in ids)


def test_a_token_counts_on_a_space_only(hub: Hub) -> None:
    key = new_key()
    assert Owners(False, hub.whoami).resolve_owner(login=None, token="hf_alice", key=key).startswith("key-")
    assert hub.asked == 0
    with pytest.raises(NotAllowedError):
        Owners(True, hub.whoami).resolve_owner(login=None, token="forged", key=key)


def test_the_hub_is_asked_once_in_a_while(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    owners = Owners(True, hub.whoami)
    first = owners.resolve_owner(login=None, token="hf_alice", key=None)
    assert owners.resolve_owner(login=None, token="hf_alice", key=None) == first and hub.asked == 1
    assert owners.resolve_owner(login=None, token="hf_bob", key=None) != first and hub.asked == 2
    now[0] += module.WHOAMI_SECONDS + 1
    assert owners.resolve_owner(login=None, token="hf_alice", key=None) == first and hub.asked == 3
    assert len(owners._seen) == 1, "bob's answer is as old, and is not kept"


def test_a_refusal_is_not_remembered_as_a_name(hub: Hub) -> None:
    owners = Owners(True, hub.whoami)
    for _ in range(2):
        with pytest.raises(NotAllowedError):
            owners.resolve_owner(login=None, token="forged", key=None)


def test_many_threads_agree(hub: Hub) -> None:
    owners, start = Owners(True, hub.whoami), threading.Barrier(8)

    def ask(n: int) -> str:
        start.wait()
        return owners.resolve_owner(login=None, token=f"hf_{n % 2}", key=None)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 2


def test_keys_are_capabilities_and_owners_are_folders(hub: Hub, tmp_path) -> None:
    keys = {new_key() for _ in range(100)}
    assert len(keys) == 100 and all(KEY.fullmatch(key) for key in keys)
    names = ["alice", "../../etc", "ＣＯＮ", "x" * 500, "a/b", "\0"]
    folders = set()
    for login, token in itertools.zip_longest(names, [f"hf_{name}" for name in names]):
        for owner in (
            Owners(True, hub.whoami).resolve_owner(login=login, token=None, key=None),
            Owners(True, hub.whoami).resolve_owner(login=None, token=token, key=None),
        ):
            folders.add(Workspace(tmp_path).folder(owner, "chats"))
    assert len(folders) == 2 * len(names)
    assert all(folder.parent.parent == tmp_path / "owners" for folder in folders)
