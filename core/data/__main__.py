"""Training data for scripts: the rows of one log or of several, their splits, and what became of every message.

    python -m core.data FILE… --persona NAME --out DIR [options] 2> ledger.json
    python -m core.data mix DIR --add DIR SHARE … --out DIR      (see `mix --help`)

DIR gets train.jsonl, validation.jsonl, test.jsonl (with --test-share), dataset.json and ledger.json. The ledger goes
to standard error too, as one JSON object. Talks of different files are never joined. What cannot be read or makes
no row is one sentence on standard error and exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from core.data import mix_command
from core.data.io.export import EXPORT_FORMATS, FILE_TYPES, Export, PreambleKind, preamble_text, write_samples
from core.data.io.out_folder import LEDGER, check_free, make_folder
from core.data.io.store import Split, info_of, prompt_config_for, write_set
from core.data.ledger import LABELS
from core.data.log_rows import LARGEST_BUDGET, log_language, make_rows
from core.data.prepare import Prepared
from core.data.privacy.replace import counts
from core.data.profile import typing_pace
from core.data.recipe import Burst, Recipe, RowShape
from core.data.rows import Row
from core.errors import AppError, InputError
from core.logs.archives import joined
from core.logs.detect import FORMATS, read_log
from core.logs.log import Hints, Log
from core.messages import Kind
from core.text import speak_utf8

LARGEST_BYTES = 4_000_000_000  # one's own files may be larger than what a page takes
LONGEST_EXAMPLE = 200  # letters
DEFAULT = Recipe()


def main(arguments: Sequence[str] | None = None) -> int:
    """Read, prepare, write and return the exit status."""
    speak_utf8(sys.stdout, sys.stderr)
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        ledger = mix_command.run(given[1:]) if given[:1] == ["mix"] else run(_options(given))
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    print(ledger, file=sys.stderr)
    return 0


def run(options: argparse.Namespace) -> str:
    """Write the files that `options` ask for; returns the ledger as JSON. Raises AppError."""
    out = Path(options.out)
    check_free(out, overwrite=options.overwrite)
    given = {name: getattr(options, name, None) for name in Recipe.__dataclass_fields__}
    recipe = Recipe.from_json({name: value for name, value in given.items() if value is not None})
    log = read_all([Path(file) for file in options.files], format=options.format)
    prepared, model = _prepared(log, recipe, options)
    ledger = json.dumps(ledger_of(log, prepared), ensure_ascii=False, indent=1)
    make_folder(out)
    (out / LEDGER).write_text(ledger + "\n", encoding="utf-8")
    if not prepared.train:
        raise InputError(
            f"No row was made of what “{options.persona}” wrote. {out / LEDGER} says why.",
            f"「{options.persona}」の発言から行を作れませんでした。理由は {out / LEDGER} にあります。",
        )
    splits: dict[Split, Sequence[Row]] = {
        "train": prepared.train,
        "validation": prepared.validation,
        "test": prepared.test,
    }
    info = info_of(
        out.name,
        prepared,
        description=options.description,
        model=model,
        typing=typing_pace(log.messages, prepared.persona),
    )
    write_set(out, info, splits)
    if options.export:
        preamble = preamble_text(options.preamble, options.persona, options.description, language=log_language(log))
        for split, rows in splits.items():
            if rows:
                target = out / f"{split}.{options.export}.{options.file_type}"
                write_samples(target, rows, Export(options.export, preamble), options.file_type)
    return ledger


def read_all(files: Sequence[Path], *, format: str | None = None) -> Log:
    """The logs in `files` as one, each a conversation of its own. Raises InputError with a file that cannot be read."""
    logs = {}
    for number, path in enumerate(files, start=1):
        try:
            logs[str(path) if str(path) not in logs else f"{path} {number}"] = read_log(
                path, format=format, max_bytes=LARGEST_BYTES
            )
        except InputError as error:
            raise InputError(f"{path}: {error.en}", f"{path}：{error.ja}") from error
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}.", f"{path}：開けません（{error.strerror}）。") from error
    if len(logs) == 1:
        return next(iter(logs.values()))
    return replace(joined(logs, {}, Hints()), file_name=", ".join(path.name for path in files))


def ledger_of(log: Log, prepared: Prepared) -> dict[str, object]:
    """What became of every message, with examples; rows are counted apart."""
    ledger = prepared.ledger
    examples = ledger.examples()
    return {
        "messages": ledger.messages,
        "missing": ledger.missing,
        "outcomes": {
            outcome.value: {
                "messages": n,
                "meaning": LABELS[outcome].en,
                "examples": [_example(log, prepared, i) for i in examples[outcome]],
            }
            for outcome, n in ledger.counts.items()
        },
        "sessions": prepared.sessions,
        "rows": {"train": len(prepared.train), "validation": len(prepared.validation), "test": len(prepared.test)},
        "replaced": {kind.value: n for kind, n in counts(list(prepared.masked.values())).items()},
    }


def _example(log: Log, prepared: Prepared, position: int) -> dict[str, object]:
    """A message as it is learned; where names are replaced, nothing that was not looked at is told."""
    message = log.messages[position]
    text = prepared.masked[position].after if position in prepared.masked else message.text
    if prepared.recipe.private:
        return {"line": message.line, "text": text[:LONGEST_EXAMPLE] if message.kind is Kind.TEXT else ""}
    return {"line": message.line, "sender": message.sender, "text": text[:LONGEST_EXAMPLE]}


def _prepared(log: Log, recipe: Recipe, options: argparse.Namespace) -> tuple[Prepared, str]:
    """The rows, and the name of the model whose tokenizer measured them."""
    from core.catalogue.bundled import FOLDER, NAME
    from core.models.tokenizers.check import load_tokenizer

    tokenizer = load_tokenizer(options.model or str(FOLDER))
    prompt_config = prompt_config_for(
        None, context_window=options.budget, persona=options.persona, description=options.description
    )
    prepared, _ = make_rows(log, prompt_config, tokenizer, recipe, options.budget)
    return prepared, options.model or NAME


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("files", nargs="+", metavar="FILE", help="an export of a messenger, or a zip of it")
    add("--persona", required=True, metavar="NAME", help="who is learned")
    add("--out", required=True, metavar="DIR", help="folder for the files")
    add("--overwrite", action="store_true", help="write over the files of an earlier run")
    add("--description", default="", metavar="TEXT", help="who the persona is: the system text of the prompt")
    add("--format", choices=[one.id for one in FORMATS], help="the format of the files, instead of detection")
    add(
        "--model", metavar="ID", help="Hub id or folder of the model whose tokenizer counts (default: the embedded one)"
    )
    add("--budget", type=int, default=LARGEST_BUDGET, metavar="N", help="tokens a row may have (default: %(default)s)")
    rows = parser.add_argument_group("how rows are made").add_argument
    rows("--gap-minutes", type=float, metavar="N", help=f"silence that ends a talk (default: {DEFAULT.gap_minutes:g})")
    rows("--shape", choices=get_args(RowShape), help=f"default: {DEFAULT.shape}")
    rows("--turns", type=int, metavar="N", help="most turns of a row (default: as many as fit; 9 in a window)")
    rows("--context", type=int, metavar="K", help="turns of the row before, as context (default: 0)")
    rows("--burst", choices=get_args(Burst), help=f"several messages in a row (default: {DEFAULT.burst})")
    rows("--separator", metavar="TEXT", help="between them, with --burst separator")
    rows(
        "--validation-share",
        type=float,
        metavar="X",
        help=f"of the talks, held out (default: {DEFAULT.validation_share:g})",
    )
    rows(
        "--test-share", type=float, metavar="X", help=f"of the talks, for a last test (default: {DEFAULT.test_share:g})"
    )
    rows("--clean", action="store_true", help="leave copies and placeholders out, cap very frequent replies")
    rows("--private", action="store_true", help="replace what tells who somebody is")
    rows(
        "--names",
        nargs="+",
        metavar="NAME",
        help='names to replace, with --private; "花子=さくら" chooses the stand-in',
    )
    rows("--seed", type=int, metavar="N", help="of what is drawn (default: 0)")
    exports = parser.add_argument_group("other formats, beside the rows").add_argument
    exports("--export", choices=EXPORT_FORMATS, help="write the splits in this format too")
    exports("--file-type", choices=FILE_TYPES, default="jsonl", help="default: %(default)s")
    exports("--preamble", choices=get_args(PreambleKind), default="none",
            help="a sentence before the other side's first words")  # fmt: skip
    return parser.parse_intermixed_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
