"""Whatever is killed while it writes leaves a whole thing or none; a server that is asked to end ends well."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import InputError
from core.memory.turns import Turns
from tests.helpers.tab_tiny import services_on

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import itertools, sys
from pathlib import Path
from core.adapters.store import Adapters
from core.data.io.store import DataSetInfo, DataSets
from core.data.preferences import Pair, Preferences
from core.data.rows import Row
from core.chat.store import Conversations
from core.memory.store import MemoryStore
from core.memory.turns import Turns
from core.messages import Turn
from core.personas import Personas, built_in
from core.workspace import Workspace

workspace, me = Workspace(Path(sys.argv[1])), "key-0123"
datasets, conversations, personas = DataSets(workspace), Conversations(workspace), Personas(workspace)
turns = (Turn("user", ("a" * 500,)), Turn("assistant", ("b" * 500,)))
info = DataSetInfo("aoi", "Aoi", "", "", "", {}, 0, 0, 0, 0, 60.0, 256, "m", "")
rows = {"train": [Row(0, None, turns)] * 200, "validation": [Row(1, None, turns)] * 20}
socrates = built_in("en")[0]
adapter = Path(sys.argv[2])
memory = Turns(MemoryStore(workspace.place(me, "memory", "memory.sqlite")))
print("ready", flush=True)
for n in itertools.count():
    saved = datasets.import_rows(me, info, rows)
    talk = conversations.new("socrates").said("user", "x" * 50_000)
    conversations.save(me, talk)
    conversations.keep_prompt(me, talk, {"text": "y" * 50_000})
    personas.save(me, socrates)
    Adapters(workspace).keep(me, "mine", adapter)
    Preferences(workspace).add(me, Pair(turns[:1], ("b",), ("c",)))
    memory.keep("socrates", talk.id, talk.turns, float(n))
    if n % 3 == 2:
        datasets.delete(me, saved.info.name)
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_whole_things(home: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "b"}', encoding="utf-8")
    (adapter / "adapter_model.safetensors").write_bytes(b"x" * 2_000_000)
    drawn = random.Random(0)
    for _ in range(8):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home), str(adapter)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout and writer.stdout.readline() == "ready\n"
        time.sleep(drawn.uniform(0.05, 0.8))
        writer.kill()
        writer.wait()
    services, me = services_on(home, home / "base", object()), "key-0123"
    try:
        assert services.own_files.damaged(me) == []
        sets = services.datasets.list_all(me)
        assert sets and all(len(services.datasets.read_rows(me, one.info.name, "train")) == 200 for one in sets)
        sizes = {(one.folder / "adapter_model.safetensors").stat().st_size for one in services.adapters.list_all(me)}
        assert sizes == {2_000_000}
        talks = services.conversations.list_all(me, most=1000)
        assert talks and all(len(talk.turns[0].messages[0]) == 50_000 for talk in talks)
        assert Turns(services.memory.store(me)).count("socrates") <= len(talks)
        assert services.preferences.list_all(me)
    finally:
        services.jobs.close()


def test_a_home_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    import app

    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="Nothing can be written") as told:
        app.check_home(tmp_path / "file" / "home")
    assert "OMOKAGE_HOME" in told.value.en and "書き込めません" in told.value.ja
    app.check_home(tmp_path / "new" / "home")
    assert list((tmp_path / "new" / "home").iterdir()) == []


@pytest.mark.slow
def test_sigterm_ends_the_server_well(tmp_path: Path) -> None:
    from tests.helpers.served import Server

    server = Server(tmp_path / "home").start()
    assert server.process
    time.sleep(1)  # the page is there a moment before the server waits
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(30) == 0, server.log()[-2000:]
    assert (tmp_path / "home" / "jobs").is_dir()
