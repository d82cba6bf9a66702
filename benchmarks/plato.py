"""Does training lower the validation loss on real text? Socrates, learned from six dialogues, asked on a seventh.

    python -m benchmarks.plato FOLDER [--validation Meno]

FOLDER holds Plato's dialogues as plain text (`SPEAKER: words`, Project Gutenberg). The whole path of the app is
walked without the page: read, rows, data set, training job. The peer is the same model before training. Writes
results/plato.json.
"""

import argparse
import json
import platform
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from core.data.io.store import DataSets
from core.data.prepare import Prepared, prepare
from core.logs.detect import read_log
from core.models.loading import ModelStore
from core.prompt import PromptConfig, token_counter
from core.train.config.advice import recommend
from core.train.queue.jobs import Jobs
from core.train.queue.progress import Progress
from core.train.spec import JobSpec
from core.workspace import Workspace

RESULTS = Path(__file__).parent / "results" / "plato.json"
OWNER, PERSONA = "login-benchmark", "SOCRATES"
PROMPT_CONFIG = PromptConfig(PERSONA, "You are Socrates. You ask what things are, and follow the answers.")


def rows_of(files: list[Path], store: ModelStore) -> list[Prepared]:
    loaded = store.current()
    measure = token_counter(PROMPT_CONFIG, loaded.tokenizer)
    return [prepare(read_log(file), PERSONA, counter=measure, budget=loaded.context) for file in files]


def train(workspace: Workspace, store: ModelStore, prepared: Prepared) -> Progress:
    loaded = store.current()
    saved = DataSets(workspace).save(OWNER, "plato", prepared, description=PROMPT_CONFIG.description, model=loaded.name)
    config = recommend(loaded.model.num_parameters(), len(prepared.train)).config
    prompt_config = replace(PROMPT_CONFIG, context_window=loaded.context)
    jobs = Jobs(workspace)
    job = jobs.submit(OWNER, JobSpec(str(loaded.folder), saved.folder, prompt_config, config, "socrates"))
    while (progress := jobs.progress(OWNER, job.id)).state in ("queued", "running"):
        time.sleep(1)
    jobs.close()
    return progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--validation", default="Meno")
    options = parser.parse_args()
    files = sorted(options.folder.glob("*.txt"))
    learned = [file for file in files if file.stem != options.validation]
    with tempfile.TemporaryDirectory() as home:
        workspace = Workspace(Path(home))
        store = ModelStore()
        store.start()
        store.wait()
        parts = rows_of(learned, store)
        asked = rows_of([options.folder / f"{options.validation}.txt"], store)[0]
        # Six dialogues to learn from, all of the seventh to measure with.
        train_rows = tuple(row for part in parts for row in (*part.train, *part.validation))
        prepared = replace(parts[0], train=train_rows, validation=(*asked.train, *asked.validation))
        done = train(workspace, store, prepared)
    if done.metrics is None:
        raise SystemExit(f"the training ended as {done.state}: {done.error}")
    result = {
        "learned": [file.stem for file in learned],
        "validation": options.validation,
        "rows": len(prepared.train),
        "validation_rows": len(prepared.validation),
        "metrics": {k: v for k, v in done.metrics.items() if isinstance(v, (int, float))},
        "machine": f"{platform.machine()}, {platform.system()}",
    }
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    before, after = result["metrics"]["validation_bpb_before"], result["metrics"]["validation_bpb_after"]
    print(f"{options.validation}: {before:.3f} → {after:.3f} bits per byte ({after / before - 1:+.1%})")
    print(json.dumps(result["metrics"]))


if __name__ == "__main__":
    main()
