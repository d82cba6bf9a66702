"""How much strangers may use, and what becomes of what they leave."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from core import limits as module
from core.data.io.store import DataSetInfo, DataSets
from core.data.rows import Row
from core.errors import InputError
from core.housekeeping import DAY, Housekeeping
from core.limits import LOCAL, PUBLIC, Counter, Limits, limits_in
from core.messages import Turn
from core.prompt import PromptConfig
from core.settings import Settings
from core.text import Text
from core.train.config.train_config import TrainConfig
from core.train.events import Launched, Stopped, append
from core.train.queue.jobs import Jobs
from core.train.spec import JobSpec
from core.workspace import Split, Workspace
from tests.helpers.tab_tiny import services_on
from tests.helpers.train_tiny import talks, write_dataset

ME, OTHER = "key-0123", "key-4567"
INFO = DataSetInfo("aoi", "Aoi", "", "", "", {}, 0, 0, 0, 0, 60.0, 256, "m", "")
ROWS: dict[Split, list[Row]] = {"train": [Row(0, None, (Turn("user", ("a",)), Turn("assistant", ("b",))))]}


def test_what_is_set_counts_and_what_is_none_is_told() -> None:
    given = limits_in({"OMOKAGE_LIMIT_DISK_MB": "7", "OMOKAGE_LIMIT_DATASETS": "0", "OTHER": "x"})
    assert given == {"disk_mb": 7, "datasets": 0}
    settings = Settings(home=Path("x"), limits=given)
    assert settings.limits_for(True) == replace(PUBLIC, disk_mb=7, datasets=0)
    assert settings.limits_for(False) == replace(LOCAL, disk_mb=7, datasets=0)
    for name, value in (
        ("OMOKAGE_LIMIT_DATASETS", "much"),
        ("OMOKAGE_LIMIT_DATASETS", "-1"),
        ("OMOKAGE_LIMIT_X", "1"),
    ):
        with pytest.raises(InputError, match=name):
            limits_in({name: value})


def test_visitors_addresses_and_all_together_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    counter = Counter(Text("tries", "試行"), each=2, total=5, seconds=60)
    for key in ("a", "b"):  # a new key for every try does not help
        counter.acquire(key, "10.0.0.1")
    with pytest.raises(InputError, match="2 tries"):
        counter.acquire("c", "10.0.0.1")
    for key in ("c", "d", "e"):
        counter.acquire(key)  # behind a tunnel: the sum has to do
    with pytest.raises(InputError, match="5 tries") as told:
        counter.acquire("f", "10.0.0.2")
    assert "あと 60 秒" in told.value.ja
    now[0] = 61
    counter.acquire("f", "10.0.0.1")


def test_who_has_too_much_is_told_what_takes_the_room(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, Limits(disk_mb=1))
    (workspace.folder(ME, "chats") / "x").write_bytes(b"x" * 900_000)
    cached = workspace.cache() / "u.txt"
    cached.write_bytes(b"x" * 200_000)
    with pytest.raises(InputError, match=r"900\.0 kB, this is 200\.0 kB, and 1\.0 MB"):
        workspace.take_upload(ME, cached, workspace.cache())
    assert cached.exists() and workspace.take_upload(OTHER, cached, workspace.cache()).exists()
    full = Workspace(tmp_path, Limits(disk_mb_total=1))
    with pytest.raises(InputError, match="everybody's things"):
        full.check_room(OTHER)


def test_data_sets_are_counted(tmp_path: Path) -> None:
    datasets = DataSets(Workspace(tmp_path, Limits(datasets=1)))
    datasets.import_rows(ME, INFO, ROWS)
    with pytest.raises(InputError, match="1 data sets"):
        datasets.import_rows(ME, INFO, ROWS)
    datasets.import_rows(OTHER, INFO, ROWS)
    datasets.delete(ME, "aoi")
    datasets.import_rows(ME, INFO, ROWS)


@pytest.fixture
def spec(tmp_path: Path) -> JobSpec:
    folder = write_dataset(tmp_path / "rows", talks(4), talks(2))
    return JobSpec("base", folder, PromptConfig("Mika"), TrainConfig(), "mika")


def test_trainings_are_counted(tmp_path: Path, spec: JobSpec) -> None:
    jobs = Jobs(Workspace(tmp_path, Limits(trainings=1, trainings_total=2)), start=False)
    first = jobs.submit(ME, spec)
    with pytest.raises(InputError, match="1 trainings that wait or run"):
        jobs.submit(ME, spec)
    jobs.submit(OTHER, spec)
    with pytest.raises(InputError, match="2 trainings"):
        jobs.submit("key-89", spec)
    jobs.delete(ME, first.id)
    jobs.submit(ME, spec)


def test_training_time_is_counted_over_a_day(tmp_path: Path, spec: JobSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = Jobs(Workspace(tmp_path, Limits(training_minutes=10, training_minutes_total=15)), start=False)
    now = [time.time()]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def trained(owner: str, minutes: float) -> None:
        job = jobs.submit(owner, spec)
        append(job.folder.events, Launched(0))
        now[0] += minutes * 60
        append(job.folder.events, Stopped(1))
        jobs.stop(owner, job.id)

    trained(ME, 9)
    trained(ME, 2)
    with pytest.raises(InputError, match=r"used up \(10 minutes for each visitor, 15 for all\)"):
        jobs.submit(ME, spec)
    trained(OTHER, 5)
    with pytest.raises(InputError, match="used up"):
        jobs.submit("key-89", spec)
    now[0] += DAY
    jobs.submit(ME, spec)


def test_downloads_go_within_the_hour(home: Path) -> None:
    services = services_on(home, home / "base", object())
    workspace = services.workspace
    places = [workspace.folder(ME, "downloads") / "a" / "x.zip", workspace.cache() / "0123" / "x.zip"]
    for place in places:
        place.parent.mkdir()
        place.write_bytes(b"x")
    kept = workspace.folder(ME, "chats") / "x.json"
    kept.write_bytes(b"x")
    sweeper = Housekeeping(services.own_files)
    sweeper.sweep(time.time() + 3500)
    assert all(place.exists() for place in places)
    sweeper.sweep(time.time() + 3700)
    assert not any(place.exists() for place in places) and kept.exists()
    services.jobs.close()


def test_who_stays_away_is_forgotten_a_day_after_that_was_noticed(home: Path) -> None:
    services = services_on(home, home / "base", object())
    public = replace(services, workspace=Workspace(home, Limits(expire_days=30)))
    workspace, sweeper = public.workspace, Housekeeping(public.own_files)
    for owner in (ME, OTHER):
        (workspace.folder(owner, "chats") / "x").write_bytes(b"x")
        workspace.seen(owner)
    now = time.time()
    sweeper.sweep(now + 29 * DAY)
    sweeper.sweep(now + 31 * DAY)  # perhaps the clock has jumped
    assert workspace.owners() == [ME, OTHER]
    os.utime(workspace.owner_folder(OTHER) / ".seen", (now + 31 * DAY, now + 31 * DAY))
    sweeper.sweep(now + 31.5 * DAY)
    assert workspace.owners() == [ME, OTHER]
    sweeper.sweep(now + 32.5 * DAY)
    assert workspace.owners() == [OTHER]
    local = Housekeeping(services.own_files)
    local.sweep(now + 999 * DAY)
    local.sweep(now + 1999 * DAY)
    assert workspace.owners() == [OTHER]
    services.jobs.close()


def test_a_removed_talk_can_be_put_back_for_an_hour(home: Path) -> None:
    services = services_on(home, home / "base", object())
    talk = services.conversations.save(ME, services.conversations.new("p").said("user", "x"))
    services.chat.remove(ME, talk.id)
    sweeper = Housekeeping(services.own_files)
    sweeper.sweep(time.time() + 3500)
    assert services.chat.put_back(ME, talk.id) == talk
    services.chat.remove(ME, talk.id)
    sweeper.sweep(time.time() + 3700)
    assert services.chat.put_back(ME, talk.id) is None
    services.jobs.close()
