"""What tests of core/evaluate stand on: a data set whose persona writes unlike who it talks with."""

from dataclasses import replace
from pathlib import Path

from core.data.io.store import DataSetInfo, SavedDataSet, write_set
from core.data.rows import Row
from core.messages import Turn

SAID = (
    "うん、いくよ〜",
    "まじか！それな笑",
    "ねむい〜おやすみ",
    "それな！わかる笑",
    "まって〜いまいく",
    "えっまじ！笑",
)
ASKED = (
    "明日は来られますか。",
    "そうなんですね。",
    "お疲れさまでした。",
    "何時に着きますか。",
    "承知しました。",
    "大丈夫ですか。",
)
INFO = DataSetInfo("mika", "Mika", "You are Mika.", "", "", {}, 0, 0, 0, 0, 60.0, 256, "m", "", user="Ken")


def talk(session: int, replies: int = 2) -> Row:
    """A conversation of a few replies, unlike every other."""
    turns = [
        turn for k in range(replies) for turn in (
            Turn("user", (f"{ASKED[(session + k) % 6]}{session}-{k}",)),
            Turn("assistant", (SAID[(session * 2 + k) % 6], f"{SAID[(session + k) % 6]}{session}")),
        )
    ]  # fmt: skip
    return Row(session, None, tuple(turns))


def mika_set(folder: Path, *, train: int = 24, validation: int = 6) -> SavedDataSet:
    """A data set in `folder` with so many conversations."""
    folder.mkdir(parents=True)
    rows = {"train": [talk(n) for n in range(train)],
            "validation": [talk(n) for n in range(train, train + validation)]}  # fmt: skip
    info = replace(INFO, train_rows=train, validation_rows=validation)
    write_set(folder, info, rows)  # type: ignore[arg-type]
    return SavedDataSet(info, folder)
