"""Make the model that comes with the app: from two corpora to `models/omokage-mini/`, in one command.

    python -m models.train_mini                                  # corpora from the Hub
    python -m models.train_mini --ja FOLDER --en FOLDER --device cuda

Stop it whenever you like; the same command goes on from the last checkpoint (every 50 steps).
"""

import argparse
import pickle
import platform
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.settings import ROOT
from models.mini import corpora, tokenizer
from models.mini.corpora import Dialogue
from models.mini.rows import Row, rows_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from models.mini.training import Corpus, Recipe

WORK = ROOT / "workspace" / "mini"


def main() -> None:
    """Tokenizer, rows, training, publishing; each step is kept in the work folder and not done twice."""
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    dialogues = [*corpora.japanese(options.ja), *corpora.english(options.en)]
    words = tokenizer_for(options.work / "tokenizer", [d for d in dialogues if not d.validation], options.seed)
    corpus, validation = rows_for(options.work / "rows.pkl", dialogues, words, options.seed)

    import torch

    from models.mini.training import Run

    torch.set_num_threads(options.threads)
    run = Run(options.work, recipe(options), corpus, validation, words, options.device)
    run.train()
    if not options.unpublished:
        from models.mini.publish import publish

        publish(run, words, options.out, hardware=options.hardware, note=options.note)


def tokenizer_for(folder: Path, dialogues: Iterable[Dialogue], seed: int) -> "PreTrainedTokenizerBase":
    """The tokenizer in `folder`, trained on `dialogues` if there is none yet. English counts three times:
    its corpus is a tenth of the Japanese one."""
    from transformers import AutoTokenizer

    if not folder.exists():
        dialogues = list(dialogues)
        ja, en = (texts_of(d for d in dialogues if d.language == language) for language in ("ja", "en"))
        tokenizer.train([*ja, *en * 3], seed=seed).save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def texts_of(dialogues: Iterable[Dialogue]) -> list[str]:
    """Everything said in `dialogues` and about their speakers, each text once, sorted."""
    texts: set[str] = set()
    for dialogue in dialogues:
        texts.update(text for _, messages in dialogue.turns for text in messages)
        texts.update(sentence for persona in dialogue.personas.values() for sentence in persona)
    return sorted(texts)


def rows_for(
    cache: Path, dialogues: Sequence[Dialogue], words: "PreTrainedTokenizerBase", seed: int
) -> "tuple[Corpus, dict[str, list[Row]]]":
    """Rows to learn from, and validation rows by language. The corpora's are kept in `cache`."""
    from models.mini.training import Corpus

    if not cache.exists():
        learned, kept = {}, {}
        for language in ("ja", "en"):
            mine = [d for d in dialogues if d.language == language]
            learned[language] = {
                side: rows_of((d for d in mine if not d.validation), words, side, vary=seed) for side in "AB"
            }
            kept[language] = rows_of((d for d in mine if d.validation), words, "A")
        cache.write_bytes(pickle.dumps((learned, kept)))
    learned, kept = pickle.loads(cache.read_bytes())
    return Corpus(learned["ja"], learned["en"], rows_of(corpora.own(), words, "B")), kept


def recipe(options: argparse.Namespace) -> "Recipe":
    """The recipe with what the command line changes."""
    from models.mini.training import Recipe

    names = {field.name for field in fields(Recipe)} & set(vars(options))
    return replace(Recipe(), **{name: value for name in names if (value := getattr(options, name)) is not None})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ja", default=corpora.JAPANESE, help="RealPersonaChat: a folder, or its name on the Hub")
    parser.add_argument("--en", default=corpora.ENGLISH, help="Synthetic-Persona-Chat: a folder, or its name")
    parser.add_argument("--work", type=Path, default=WORK, help="tokenizer, rows and checkpoints")
    parser.add_argument("--out", type=Path, default=ROOT / "models" / "omokage-mini")
    parser.add_argument("--unpublished", action="store_true", help="train only")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps")
    parser.add_argument("--hardware", default=platform.processor() or platform.machine(), help="what the card says")
    parser.add_argument("--note", default="", help="a sentence for the card: what was special about this run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    for name, kind in (("steps", int), ("hidden", int), ("layers", int), ("feed_forward", int), ("heads", int),
                       ("key_value_heads", int), ("step_tokens", int), ("batch_tokens", int), ("dropout", float),
                       ("matrix_rate", float), ("other_rate", float)):  # fmt: skip
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind)
    return parser.parse_args()


if __name__ == "__main__":
    main()
