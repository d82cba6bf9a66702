"""Mixing data sets for scripts: a main set and shares of others, such as general talk against forgetting.

    python -m core.data mix DIR --add DIR SHARE [--add DIR SHARE …] --out DIR

Each DIR is a folder with train.jsonl and perhaps validation.jsonl, test.jsonl and dataset.json. A SHARE is that of the
mix's rows to train on: 0.2 for a fifth. What was mixed goes to standard error as one JSON object.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.data.io.out_folder import check_free, make_folder
from core.data.io.store import DataSetInfo, read_info, write_set
from core.data.mix import Ingredient, mix
from core.data.rows import Row, read_rows
from core.errors import InputError
from core.workspace import SPLIT_FILES, Split


def run(arguments: Sequence[str]) -> str:
    """Mix and write what `arguments` ask for; returns what was mixed as JSON. Raises AppError."""
    options = _options(arguments)
    out = Path(options.out)
    check_free(out, overwrite=options.overwrite)
    mixed = mix(
        out.name,
        _read(options.main),
        [_read(folder, _share(share)) for folder, share in options.add],
        seed=options.seed,
    )
    make_folder(out)
    counts = {f"{split}_rows": len(rows) for split, rows in mixed.rows.items()}
    write_set(out, replace(mixed.info, **counts), mixed.rows)
    report = {"rows": counts, "mixed_from": [part.to_json() for part in mixed.parts]}
    return json.dumps(report, ensure_ascii=False, indent=1)


def _read(given: str, share: float = 0.0) -> Ingredient:
    folder = Path(given)
    rows: dict[Split, Sequence[Row]] = {split: tuple(read_rows(folder / file)) for split, file in SPLIT_FILES.items()}
    unknown = DataSetInfo(folder.name, "assistant", "", "", "rows", {}, 0, 0, 0, 0, 0.0, 0, "", "")
    return Ingredient(replace(read_info(folder) or unknown, name=folder.name), rows, share)


def _share(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        raise InputError(
            f"A share is a number such as 0.2, not “{given}”.", f"割合は 0.2 のような数にしてください（{given}）。"
        ) from None


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.data mix", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("main", metavar="DIR", help="the main set: all of it is kept, and its validation rows measure the mix")
    add("--add", nargs=2, action="append", required=True, metavar=("DIR", "SHARE"), help="another set and its share")
    add("--out", required=True, metavar="DIR", help="folder for the files")
    add("--overwrite", action="store_true", help="write over the files of an earlier run")
    add("--seed", type=int, default=0, metavar="N", help="of which rows are drawn (default: %(default)s)")
    return parser.parse_args(arguments)
