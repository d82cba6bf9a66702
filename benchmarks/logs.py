"""How fast a long LINE talk is read up to the list of its speakers, and how much memory that takes.

    python benchmarks/logs.py [--messages 1000000] [--repeats 5] [--whatsapp-messages 100000]

The peers: a plain loop of readline, a regular expression and strptime, as one would write it in an evening;
and chat-miner (pip install chat-miner), where it is installed, on a WhatsApp file, as it reads no LINE.
Each reading is a fresh process, the readers in turn, after one uncounted reading of each. Timed is the
processor time from opening the file to the list; imports are not counted. Written to results/logs.json.
"""

import argparse
import importlib.util
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results" / "logs.json"
TARGET_RATIO = 3.0
TARGET_MEGABYTES = 400
PHRASES = (
    *(
        "今日は天気がいいですね",
        "了解！",
        "駅で待ってるね",
        "明日の会議は10時からでしたっけ",
        "それはちょっと難しいかも",
    ),
    *(
        "ありがとう",
        "笑",
        "また連絡しますね",
        "そうだね",
        "昨日の映画どうだった？",
        "帰りに牛乳を買ってきてくれると助かります",
        "w",
    ),
)
WEEKDAYS = "月火水木金土日"


@dataclass(frozen=True)
class Reading:
    """One reading: seconds of processor time, the peak of the process's memory, and what was found."""

    seconds: float
    megabytes: float
    messages: int
    speakers: int


@dataclass(frozen=True)
class Result:
    """Medians of every reader, their ratios to Omokage's, and what they were measured on."""

    line_megabytes: float
    line_messages: int
    seconds: dict[str, list[float]]
    median_seconds: dict[str, float]
    peak_megabytes: dict[str, float]
    times_faster: dict[str, float]
    target_times_faster: float
    target_megabytes: int
    whatsapp_messages: int
    chat_miner: str
    measured: str
    python: str
    system: str
    cpu: str
    cores: int | None


def write_line(path: Path, messages: int) -> None:
    """A LINE talk of two people over some years: stickers, quoted messages of several lines, date lines."""
    chance, now, day = random.Random(5), datetime(2015, 1, 1, 7), None
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("[LINE] 花子とのトーク履歴\n保存日時：2026/08/21 11:59\n")
        for _ in range(messages):
            now += timedelta(minutes=chance.choice((0, 0, 1, 1, 2, 5, 30)))
            if now.date() != day:
                day = now.date()
                file.write(f"\n{day:%Y/%m/%d}({WEEKDAYS[day.weekday()]})\n")
            file.write(f"{now:%H:%M}\t{chance.choice(('花子', '太郎'))}\t{_body(chance)}\n")


def _body(chance: random.Random) -> str:
    words = "".join(chance.choices(PHRASES, k=chance.choice((1, 1, 2, 2, 3))))
    place = chance.random()
    if place < 0.05:
        return "[スタンプ]" if place < 0.03 else "[写真]"
    return f'"{words}\n{chance.choice(PHRASES)}"' if place < 0.08 else words


def write_whatsapp(path: Path, messages: int) -> None:
    """The same talk as WhatsApp on Android writes it."""
    chance, now = random.Random(5), datetime(2015, 1, 1, 7)
    with path.open("w", encoding="utf-8", newline="") as file:
        for _ in range(messages):
            now += timedelta(minutes=chance.choice((0, 0, 1, 1, 2, 5, 30)))
            words = "".join(chance.choices(PHRASES, k=chance.choice((1, 1, 2, 2, 3))))
            file.write(f"{now:%d/%m/%Y, %H:%M} - {chance.choice(('花子', '太郎'))}: {words}\n")


def read_omokage(path: Path) -> tuple[int, int]:
    """(messages, speakers) as the page gets them."""
    from core.logs.detect import read_log

    log = read_log(path, max_bytes=10**10)
    return len(log.messages), len(log.speakers())


def read_omokage_whole(path: Path) -> tuple[int, int]:
    """The same, and every message made, which the page does only when rows are wanted."""
    from core.logs.detect import read_log

    log = read_log(path, max_bytes=10**10)
    return sum(1 for _ in log.messages), len(log.speakers())


def _loop(path: Path, head: str, stamp: str, day_line: str | None) -> tuple[int, int]:
    """The plain loop. `head` has the groups clock, name and text; `stamp` is for strptime."""
    pattern, days, day = re.compile(head), re.compile(day_line) if day_line else None, ""
    messages: list[dict[str, object]] = []
    with path.open(encoding="utf-8") as file:
        while line := file.readline():
            line = line.rstrip("\n")
            date = days.match(line) if days else None
            if date:
                day = date[1]
                continue
            match = pattern.match(line)
            if match:
                when = datetime.strptime(f"{day} {match[1]}".strip(), stamp)
                messages.append({"time": when, "sender": match[2], "text": match[3]})
            elif messages:
                messages[-1]["text"] = f"{messages[-1]['text']}\n{line}"
    return len(messages), len(Counter(message["sender"] for message in messages))


def read_line_loop(path: Path) -> tuple[int, int]:
    """(messages, speakers) of a LINE talk, by the plain loop."""
    return _loop(path, r"^(\d{2}:\d{2})\t([^\t]*)\t(.*)$", "%Y/%m/%d %H:%M", r"^(\d{4}/\d{2}/\d{2})\(.\)$")


def read_whatsapp_loop(path: Path) -> tuple[int, int]:
    """(messages, speakers) of a WhatsApp talk, by the plain loop."""
    return _loop(path, r"^(\d{2}/\d{2}/\d{4}, \d{2}:\d{2}) - ([^:]*): (.*)$", "%d/%m/%Y, %H:%M", None)


def read_chat_miner(path: Path) -> tuple[int, int]:
    """(messages, speakers) of a WhatsApp talk, by chat-miner."""
    from chatminer.chatparsers import WhatsAppParser  # pyright: ignore[reportMissingImports]  # installed for it alone

    parser = WhatsAppParser(str(path))
    parser.parse_file()
    frame = parser.parsed_messages.get_df(as_pandas=True)
    return len(frame), frame["author"].nunique()


READERS: dict[str, Callable[[Path], tuple[int, int]]] = {
    "line: omokage": read_omokage,
    "line: omokage, every message made": read_omokage_whole,
    "line: loop": read_line_loop,
    "whatsapp: omokage": read_omokage,
    "whatsapp: loop": read_whatsapp_loop,
    "whatsapp: chat-miner": read_chat_miner,
}


def read_once(reader: str, path: Path) -> Reading:
    """Read in this process; modules that the reader needs are imported before the clock starts."""
    READERS[reader](_small(path))
    began = time.process_time()
    messages, speakers = READERS[reader](path)
    return Reading(time.process_time() - began, _peak_megabytes(), messages, speakers)


def _small(path: Path) -> Path:
    """A few lines in the same shape, to import what is imported late."""
    small = path.with_name(f"small-{path.name}")
    with path.open(encoding="utf-8") as file:
        small.write_text("".join(file.readline() for _ in range(20)), encoding="utf-8")
    return small


def _peak_megabytes() -> float:
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def _in_process(reader: str, path: Path) -> Reading:
    command = [sys.executable, str(Path(__file__).resolve()), "--reader", reader, "--file", str(path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    if done.returncode:
        raise RuntimeError(f"{reader} failed:\n{done.stderr[-2000:]}")
    return Reading(**json.loads(done.stdout.splitlines()[-1]))


def cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


def measure(messages: int, whatsapp_messages: int, repeats: int) -> Result:
    """Read both files `repeats` times with each reader, in turn."""
    miner = importlib.util.find_spec("chatminer") is not None
    names = [name for name in READERS if miner or "chat-miner" not in name]
    readings: dict[str, list[Reading]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="omokage-logs-") as folder:
        line, whatsapp = Path(folder) / "line.txt", Path(folder) / "whatsapp.txt"
        write_line(line, messages)
        write_whatsapp(whatsapp, whatsapp_messages)
        size = line.stat().st_size / 1_000_000
        for n in range(repeats + 1):
            for name in names:
                reading = _in_process(name, line if name.startswith("line") else whatsapp)
                readings[name] += [reading] if n else []
                print(
                    f"{n or 'warm-up':>7}  {name:<34}  {reading.seconds:.3f} s  {reading.megabytes:.0f} MB", flush=True
                )
    _check_agreement(readings)
    seconds = {name: [round(one.seconds, 3) for one in own] for name, own in readings.items()}
    medians = {name: round(statistics.median(values), 3) for name, values in seconds.items()}
    return Result(
        line_megabytes=round(size, 1),
        line_messages=messages,
        seconds=seconds,
        median_seconds=medians,
        peak_megabytes={name: round(max(one.megabytes for one in own), 1) for name, own in readings.items()},
        times_faster={
            name: round(value / medians[f"{name.split(':')[0]}: omokage"], 2)
            for name, value in medians.items()
            if "omokage" not in name
        },
        target_times_faster=TARGET_RATIO,
        target_megabytes=TARGET_MEGABYTES,
        whatsapp_messages=whatsapp_messages,
        chat_miner="measured" if miner else "not installed, so not measured",
        measured=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        python=platform.python_version(),
        system=f"{platform.system()} {platform.machine()}",
        cpu=cpu_model(),
        cores=os.cpu_count(),
    )


def _check_agreement(readings: dict[str, list[Reading]]) -> None:
    """All readers of one file must have found the same; otherwise nothing is compared."""
    for kind in ("line", "whatsapp"):
        found = {(one.messages, one.speakers) for name, own in readings.items() if name.startswith(kind) for one in own}
        if len(found) != 1:
            raise RuntimeError(f"the readers of {kind} disagree: {found}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--messages", type=int, default=1_000_000, help="of the LINE talk (default: a million)")
    parser.add_argument("--whatsapp-messages", type=int, default=100_000, help="of the WhatsApp talk (default: 100000)")
    parser.add_argument("--repeats", type=int, default=5, help="counted readings of each (default: 5)")
    parser.add_argument("--reader", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.reader:
        print(json.dumps(asdict(read_once(options.reader, options.file))))
        return
    if min(options.messages, options.whatsapp_messages, options.repeats) < 1:
        parser.error("needs at least one message of each and one repeat")
    result = measure(options.messages, options.whatsapp_messages, options.repeats)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(asdict(result), indent=1) + "\n", encoding="utf-8")
    for name, times in result.times_faster.items():
        print(f"{name}: Omokage is {times} times as fast")
    print(f"targets: {TARGET_RATIO} times the loop, {TARGET_MEGABYTES} MB; written to {RESULTS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
