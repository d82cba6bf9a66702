"""The cards: valid YAML, text that stays text, no line for what is not known, and Python that works."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from core.cards.cards import (
    DatasetFacts,
    TrainingFacts,
    adapter_card,
    dataset_card,
)
from core.cards.loss_curve import curves_png
from core.hub.redact import is_hub_id, public_name, without_local_traces
from core.messages import Turn
from core.prompt import PromptConfig, render
from tests.helpers.fake_hub import WRITER, FakeHub
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present

DATASET = {
    "name": "Talks", "persona": "Aoi", "source": "[LINE] with Hanako Yamada.txt", "format": "line",
    "counts": {"context only": 5, "learned": 120, "left out: sticker": 9}, "train_rows": 40, "validation_rows": 4,
    "messages": 134, "gap_minutes": 60, "created": "2025-01-02T03:04:05",
}  # fmt: skip
TRAINING = {
    "base": "Qwen/Qwen3-0.6B", "base_revision": "c1899de289a04d12100db370d81485cdf75e47ca", "dataset": DATASET,
    "config": {"learning_rate": 0.0002, "epochs": 3, "rank": 16},
    "metrics": {"steps": 60, "tokens": 12345, "train_loss": 2.25, "validation_bpb_before": 1.875,
                "validation_bpb_after": 1.5, "validation_loss_before": 3.5, "validation_loss_after": 2.5},
    "created": "2025-01-02T04:00:00", "versions": {"peft": "0.21.2"},
}  # fmt: skip
NASTY = [
    "| a |", "# b\n---\nlicense: mit", "<script>alert(1)</script>", "[x](javascript:0)", "`c` *d* _e_", "{{ 7 * 7 }}",
    ": - ! & * ?", "'\"\\", "面影\u202e",
]  # fmt: skip


def card_of(
    training: dict = TRAINING, prompt_config: PromptConfig | None = None, *, languages: Sequence[str] = (),
    license: str | None = None,
) -> str:  # fmt: skip
    prompt_config = prompt_config or PromptConfig(persona="Aoi", template="model")
    return adapter_card(
        repo="alice/aoi",
        training=TrainingFacts.from_json(training),
        prompt_config=prompt_config,
        languages=languages,
        license=license,
    )


def plain(markdown: str) -> str:
    """What a reader of the rendered Markdown sees, near enough."""
    from markdown_it import MarkdownIt

    html = MarkdownIt("commonmark").enable("table").render(markdown)
    assert not re.search(r"<(script|img|a href=.(?!https:))", html)
    return re.sub(r"<[^>]+>", " ", html)


def test_header_of_an_adapter() -> None:
    data = ModelCard(card_of(languages=["ja"], license="mit")).data
    assert data.to_dict() == {
        "base_model": "Qwen/Qwen3-0.6B", "library_name": "peft", "pipeline_tag": "text-generation",
        "language": ["ja"], "license": "mit", "tags": ["omokage", "lora"],
    }  # fmt: skip


def test_numbers_of_an_adapter() -> None:
    card = card_of()
    for line in (
        "- Rows to train on: 40",
        "- Validation rows: 4",
        "- Messages in the log: 134",
        "| learned | 120 |",
        "| left out: sticker | 9 |",
        "| learning rate | 0.0002 |",
        "| rank | 16 |",
        "| steps | 60 |",
        "| training rows at the end, nats per token |  | 2.250 |",
        "| validation rows, nats per token | 3.500 | 2.500 |",
        "| validation rows, bits per UTF-8 byte | 1.875 | 1.500 |",
        "| peft version | 0.21.2 |",
    ):
        assert line in card.splitlines()
    assert TRAINING["base_revision"] in card
    assert "Hanako" not in card


def test_what_is_not_known_has_no_line() -> None:
    card = card_of({"base": "/home/taro/models/secret", "metrics": {"validation_loss_after": 2.5}})
    assert "/home" not in card and "taro" not in card
    assert "base_model" not in card and "license" not in card and "None" not in card
    assert "| validation rows, nats per token |  | 2.500 |" in card
    assert "bits per UTF-8 byte |" not in card
    for heading in ("## Settings", "What became of", "Rows to train"):
        assert heading not in card
    assert "## Loss" not in card_of({"base": "a/b"})
    empty = dataset_card(repo="alice/talk", dataset=DatasetFacts())
    assert "None" not in empty and "size_categories" not in empty and "What became of" not in empty


@pytest.mark.parametrize("text", NASTY)
def test_names_stay_text(text: str) -> None:
    dataset = DATASET | {"name": text, "persona": text, "format": text, "counts": {text: 1}}
    prompt_config = PromptConfig(persona=text, user=text, template="dialogue")
    card = card_of(TRAINING | {"dataset": dataset, "config": {text: text}}, prompt_config)
    parsed = ModelCard(card)
    assert parsed.data.to_dict().keys() == {"base_model", "library_name", "pipeline_tag", "tags"}
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    escaped = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    assert plain(parsed.text).count(escaped) >= 7
    compile(snippet(card), "card", "exec")
    described = ModelCard(dataset_card(repo="alice/talk", dataset=DatasetFacts.from_json(dataset)))
    assert described.data.get("pretty_name") == text and described.data.get("license") is None
    assert escaped in plain(described.text)


def test_header_of_a_data_set() -> None:
    data = ModelCard(dataset_card(repo="alice/talk", dataset=DatasetFacts.from_json(DATASET))).data.to_dict()
    assert data["size_categories"] == ["n<1K"] and data["tags"] == ["omokage"]
    files = data["configs"][0]["data_files"]
    assert {f["split"]: f["path"] for f in files} == {"train": "train.jsonl", "validation": "validation.jsonl"}
    assert "Hanako" not in json.dumps(data)


def test_a_data_set_loads_by_its_card(tmp_path: Path) -> None:
    from datasets import load_dataset

    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "やあ"}]}
    for name, rows in (("train", 3), ("validation", 1)):
        (tmp_path / f"{name}.jsonl").write_text((json.dumps(row) + "\n") * rows)
    (tmp_path / "README.md").write_text(dataset_card(repo="alice/talk", dataset=DatasetFacts.from_json(DATASET)))
    loaded = load_dataset(str(tmp_path), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 3, "validation": 1}
    assert loaded["train"][0] == row


@pytest.mark.parametrize(
    ("base", "on_hub", "name"),
    [
        ("Qwen/Qwen3-0.6B", True, "Qwen/Qwen3-0.6B"), ("/srv/models/mini/", False, "mini"), ("mini", False, "mini"),
        (r"C:\Users\taro\mini", False, "mini"), ("./a/b", False, "b"), ("../x", False, "x"), ("", False, ""),
    ],
)  # fmt: skip
def test_a_folder_is_known_by_its_last_name_only(base: str, on_hub: bool, name: str) -> None:
    assert is_hub_id(base) is on_hub
    assert public_name(base) == name


def test_local_traces_are_taken_out_of_json() -> None:
    text = json.dumps(TRAINING)
    assert json.loads(without_local_traces(text)) == TRAINING | {
        "dataset": {k: v for k, v in DATASET.items() if k != "source"}
    }
    config = '{"base_model_name_or_path": "/home/taro/mini", "r": 8}'
    assert json.loads(without_local_traces(config)) == {"base_model_name_or_path": "mini", "r": 8}
    for untouched in ('{"base_model_name_or_path":  "a/b"}', "[1]", "no json"):
        assert without_local_traces(untouched) == untouched


def snippet(card: str) -> str:
    return present(re.search(r"```python\n(.*?)\n```\n", card, re.DOTALL))[1]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def weights(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), LoraConfig(r=2, target_modules=["q_proj"]))
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(str(folder), save_embedding_layers=False)
    return {name: (folder / name).read_bytes() for name in ("adapter_config.json", "adapter_model.safetensors")}


EXAMPLES = (Turn("user", ("hi", "you there?")), Turn("assistant", ("yes", "what is it?")))
TEMPLATES = {"model": True, "dialogue": True, "chatml": False}  # template → takes_system
SHOW = """
print("SEEN", json.dumps([prompt["input_ids"][0].tolist(), reply.shape[1] - prompt["input_ids"].shape[1]]))
"""


def contract_for(template: str) -> PromptConfig:
    description = "Asks questions.\n「なぜ」と聞く。"
    return PromptConfig(
        persona="ソクラテス", user="客", description=description, examples=EXAMPLES, template=template, reply_reserve=3
    )


def test_the_python_in_the_card_asks_as_the_app_does(base: Path, weights: dict[str, bytes], tmp_path: Path) -> None:
    """The cards' own code, run in a fresh process against a (fake) Hub that holds base and adapters."""
    from transformers import AutoTokenizer

    code = ""
    with FakeHub() as hub:
        hub.add_repo("org/tiny", {p.name: p.read_bytes() for p in base.iterdir()})
        for template, takes_system in TEMPLATES.items():
            prompt_config, repo = contract_for(template), f"alice/{template}"
            facts = TrainingFacts(base="org/tiny", stops=("\n\n", "\n客:") if template == "dialogue" else ())
            card = adapter_card(repo=repo, training=facts, prompt_config=prompt_config, takes_system=takes_system)
            hub.add_repo(
                repo, weights | {"prompt_config.json": json.dumps(prompt_config.to_json()).encode()}, private=True
            )
            code += snippet(card) + SHOW
        environment = os.environ | {
            "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path),
            "HF_TOKEN": WRITER, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "0",
        }  # fmt: skip
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line.removeprefix("SEEN ")) for line in done.stdout.splitlines() if line.startswith("SEEN ")]
    assert len(seen) == len(TEMPLATES) and all(1 <= new <= 3 for _, new in seen)
    tokenizer = AutoTokenizer.from_pretrained(base)
    for (template, takes_system), (ids, _) in zip(TEMPLATES.items(), seen, strict=True):
        if takes_system:
            asked = render(contract_for(template), [Turn("user", ("こんにちは",))], tokenizer)
            assert ids == list(asked.ids), template
        else:
            begins = "<|im_start|>user\nAsks questions.\n「なぜ」と聞く。\n\nhi\nyou there?<|im_end|>"
            assert tokenizer.decode(ids).startswith(begins)


def test_where_an_adapter_comes_from_and_its_prompts_are_told() -> None:
    parts = [{"name": "a_b", "weight": 0.7}, {"name": "c", "weight": 0.3}]
    more = {"combined": {"method": "ties", "adapters": parts}, "started_from": {"created": "2025-01-01"},
            "preference": {"beta": 0.1, "pairs": 120}}  # fmt: skip
    card = card_of(TRAINING | more, PromptConfig(persona="Aoi", template="chatml", separator=" / "))
    read = plain(card.split("---\n", 2)[2])
    for line in ("A combination (ties) of a_b × 0.7, c × 0.3.", "made 2025-01-01", "preference beta", "chatml"):
        assert line in read
    assert "| preference pairs | 120 |" in card and "| between the messages of one turn |" in card


def test_the_log_of_an_earlier_training_does_not_travel_either() -> None:
    run = TRAINING | {"started_from": {"dataset": DATASET, "started_from": {"dataset": DATASET, "base": "/home/me/b"}}}
    sent = without_local_traces(json.dumps(run))
    assert "Hanako" not in sent and "/home/me" not in sent and json.loads(sent)["started_from"]["dataset"]["train_rows"]


def test_the_curves_are_a_picture_where_there_are_curves() -> None:
    import io

    from PIL import Image

    history = {"loss": [[n, 3.0 - n / 10] for n in range(1, 11)], "validation": [[0, 3.5, 1.9], [10, 2.5, 1.4]]}
    picture = Image.open(io.BytesIO(present(curves_png(history))))
    colours = {colour for _, colour in present(picture.getcolors(100_000))}
    assert picture.format == "PNG" and picture.size == (960, 420)
    assert {(210, 105, 30), (154, 164, 178)} <= colours
    assert "](curves.png)" in card_of(TRAINING | {"metrics": TRAINING["metrics"] | {"history": history}})
    preferring = Image.open(io.BytesIO(present(curves_png(history | {"preference_eval": [[1, 1, 1]]}))))
    assert (154, 164, 178) not in {colour for _, colour in present(preferring.getcolors(100_000))}
    for nothing in (
        None,
        {},
        {"loss": [[1, 2.0]]},
        {"loss": "x", "validation": [[1]]},
        {"loss": [[1, float("nan")]] * 3},
    ):
        assert curves_png(nothing) is None
    assert "curves.png" not in card_of()


def test_card_of_made_dialogues_says_so_and_gives_their_figures() -> None:
    made = {"share": 1.0, "by": ["omokage-mini", "/home/me/big"], "samples": 2662, "mean": 265.63}
    card = dataset_card(repo="alice/s", dataset=DatasetFacts.from_json({**DATASET, "recipe": {"made": made}}))
    assert "- Made by models: 100% of the rows, by omokage-mini" in card and "/home/me" not in card
    assert "| samples | 2,662 |" in card and "| tokens of a sample, mean | 265.63 |" in card
    assert "No person said any of this" in card and "what people once wrote" not in card
    part = dataset_card(
        repo="alice/s", dataset=DatasetFacts.from_json({**DATASET, "recipe": {"made": {"share": 0.25}}})
    )
    assert "25 % of the rows were made by models" in part and "what people once wrote" in part
    assert "models" not in dataset_card(repo="alice/s", dataset=DatasetFacts.from_json(DATASET))
