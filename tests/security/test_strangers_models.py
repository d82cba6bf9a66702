"""What strangers can have loaded, fetched and looked up: never what only this machine's token, disk or cache has."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import app
from core.catalogue.bundled import FOLDER
from core.catalogue.bundled import NAME as EMBEDDED
from core.errors import AppError, HubError, InputError, NotAllowedError
from core.models.loading import ModelStatus, ModelStore
from core.models.options import LoadOptions, Trust
from core.models.sizing.requirements import inspect_model
from core.settings import Settings
from tabs.train.form_values import find_base
from tabs.ui.services import make_services
from tests.helpers.fake_hub import WRITER, FakeHub
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present

OPEN, SECRET = "bob/open", "alice/secret"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


@pytest.fixture
def hub(base: Path, hub_online: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    """A Hub with a model for everybody and one of alice's, whose token this machine has."""
    from huggingface_hub.utils import close_session

    with FakeHub() as hub:
        files = {path.name: path.read_bytes() for path in base.iterdir()}
        hub.add_repo(OPEN, files)
        hub.add_repo(SECRET, files, private=True)
        hub.plug_in(monkeypatch, tmp_path / "cache")
        for module in ("core.models.download", "core.hub.client"):
            monkeypatch.setattr(f"{module}.login_token", lambda: WRITER)
        yield hub
        close_session()


def load(store: ModelStore, name: str | None) -> ModelStatus:
    store.start(name)
    return store.wait(60)


def test_the_person_at_the_machine_has_their_private_models(hub: FakeHub) -> None:
    assert load(ModelStore(), SECRET).state == "ready"


def test_a_stranger_has_what_the_hub_gives_to_everybody(hub: FakeHub) -> None:
    store = ModelStore(local_folders=False)
    assert load(store, OPEN).name == OPEN
    status = load(store, SECRET)
    assert isinstance(status.error, HubError) and "not found" in status.error.en
    assert store.current().name == OPEN
    assert {seen.token for seen in hub.requests} == {None}


def test_the_servers_own_model_may_be_private(hub: FakeHub) -> None:
    store = ModelStore(SECRET, local_folders=False)
    assert load(store, None).state == "ready" and WRITER in {seen.token for seen in hub.requests}
    assert load(store, SECRET).state == "ready", "who names it is given no more than all have"


@pytest.mark.parametrize("away", [False, True], ids=["the Hub answers", "the Hub is away"])
def test_the_machines_cache_is_not_for_strangers(hub: FakeHub, away: bool) -> None:
    load(ModelStore(), SECRET)  # it lies in the cache now
    if away:
        hub.stop()
    strangers = ModelStore(local_folders=False)
    assert isinstance(load(strangers, SECRET).error, HubError)
    with pytest.raises(HubError):
        inspect_model(SECRET, local_folders=False)
    with pytest.raises(HubError):
        strangers.check_visitor_may_use(SECRET)
    if away:
        hub.start()


def test_a_model_with_terms_is_not_fetched_for_strangers(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its terms were accepted by the owner of this machine alone."""
    from types import SimpleNamespace

    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: SimpleNamespace(gated="manual"))
    assert "accept its terms" in present(load(ModelStore(local_folders=False), OPEN).error).en


def test_a_base_for_training_follows_the_same_rule(hub: FakeHub, home: Path, base: Path) -> None:
    public = make_services(Settings(home=home, lock_model=False), public=True)
    public.jobs.close()
    assert find_base(public, OPEN).source == OPEN
    for name, error in ((SECRET, HubError), (str(base), InputError), ("/etc", InputError), ("../x", InputError)):
        with pytest.raises(error):
            find_base(public, name)
    own = make_services(Settings(home=home))
    own.jobs.close()
    assert find_base(own, SECRET).source == SECRET and find_base(own, str(base)).source == str(base)


def test_in_public_the_model_is_locked_unless_the_owner_says_otherwise(home: Path, hub: FakeHub) -> None:
    def models(*, public: bool, lock: bool | None = None) -> ModelStore:
        made = make_services(Settings(home=home, lock_model=lock), public=public)
        made.jobs.close()
        return made.models

    assert [models(public=True).locked, models(public=False).locked] == [True, False]
    assert [models(public=True, lock=False).locked, models(public=False, lock=True).locked] == [False, True]
    with pytest.raises(NotAllowedError, match="OMOKAGE_LOCK_MODEL=0"):
        models(public=True).start(OPEN)
    for own in (EMBEDDED, str(FOLDER)):
        models(public=True).check_visitor_may_use(own)
    with pytest.raises(NotAllowedError):
        models(public=True).check_visitor_may_use(OPEN)


def test_how_the_owner_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(*arguments: str, env: str = "") -> Settings:
        return app.with_options(Settings.from_env({"OMOKAGE_LOCK_MODEL": env}), app.parse(arguments))

    assert told().lock_model is None
    assert told("--unlock-model", env="1").lock_model is False
    assert [told(env=env).lock_model for env in ("1", "on", "0", "No")] == [True, True, False, False]
    with pytest.raises(InputError, match="maybe"):
        told(env="maybe")


def test_a_request_alone_never_runs_a_models_code(base: Path) -> None:
    code = LoadOptions(trust=Trust(code=True))
    with pytest.raises(NotAllowedError, match="--trust-remote-code"):
        ModelStore().start(str(base), code)
    with pytest.raises(NotAllowedError):
        ModelStore(local_folders=False, remote_code=True).start(None, code)
    store = ModelStore(remote_code=True)
    store.start(str(base), code)
    assert store.wait(60).state == "ready"


def test_the_command_line_alone_allows_code(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not app.with_options(Settings.from_env({"OMOKAGE_REMOTE_CODE": "1"}), app.parse([])).remote_code
    allowed = app.with_options(Settings(home=home), app.parse(["--trust-remote-code"]))
    for public in (False, True):
        made = make_services(allowed, public=public)
        made.jobs.close()
        assert made.models.remote_code is not public


def test_combining_reads_no_base_of_this_machine(home: Path, base: Path) -> None:
    """An adapter from outside names any folder as its base."""
    store = ModelStore(local_folders=False)
    for named in (str(base), "/etc", "~", "owner/../../etc"):
        with pytest.raises(AppError):
            store.check_visitor_may_use(named)
