"""How long a talk of thousands of messages takes to be brought in, saved, opened again and listed.

    python -m benchmarks.long_talk

For 1,250 to 20,000 messages, the median of five, in processor milliseconds; opening is measured from disk and from
memory. Each doubling should cost at most about twice as much. Writes results/long_talk.json.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.chat.store import Conversations
from core.chat.transfer import read
from core.workspace import Workspace

SIZES = (1250, 2500, 5000, 10_000, 20_000)
TIMES = 5
OWNER = "key-bench"


def milliseconds(work: Callable[[], object]) -> float:
    """Median processor time of TIMES calls."""
    found = []
    for _ in range(TIMES):
        started = time.process_time()
        work()
        found.append(1000 * (time.process_time() - started))
    return round(statistics.median(found), 2)


def measure(count: int, folder: Path) -> dict[str, float]:
    """What a talk of `count` messages of about 70 characters costs."""
    said = ({"name": "x", "is_user": n % 2 == 0, "mes": f"message {n} " + "words " * 10} for n in range(count))
    data = "\n".join(map(json.dumps, said)).encode()
    store = Conversations(Workspace(folder))
    fresh = store.new("socrates")
    talk = store.save(OWNER, read(data, fresh, persona="P", user="U"))
    return {
        "messages": count,
        "bring in": milliseconds(lambda: read(data, fresh, persona="P", user="U")),
        "save": milliseconds(lambda: store.save(OWNER, talk)),
        "say and save": milliseconds(lambda: store.save(OWNER, talk.said("user", "hi").said("assistant", "hello"))),
        "open from disk": milliseconds(lambda: Conversations(Workspace(folder)).get(OWNER, talk.id)),
        "open again": milliseconds(lambda: store.get(OWNER, talk.id)),
        "list": milliseconds(lambda: store.list_all(OWNER)),
    }


def main() -> None:
    """Measure every size and write the results."""
    rows = []
    for count in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(count, Path(folder)))
        print(rows[-1], flush=True)
    (Path(__file__).parent / "results" / "long_talk.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
