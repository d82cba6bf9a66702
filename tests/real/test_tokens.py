"""The token lab with real tokenizers: counted as transformers counts, measured as the model's own loss says."""

import gzip
import json
import math
from pathlib import Path

import pytest

from core.messages import Message
from core.models.loading import ModelStore
from core.tokens.compare import compare
from core.tokens.density import measure
from core.tokens.pieces import pieces_of
from core.tokens.sources import TokenizerSources
from core.tokens.special import special_strings
from core.tokens.summaries import local_writer, study
from core.tokens.surprisal import surprisal
from core.tokens.trained import TrainedTokenizers
from core.tokens.training import replacement_cost, split_text, train_stages
from core.workspace import Workspace
from tests.helpers.missing import missing

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
HARD = "東京都庁の前で、𠮷野家の牛丼と hamburger を\n 2,480円で食べた😊👩‍👩‍👧 It's  done."


@pytest.fixture(scope="module")
def talk(shared: Path) -> list[Message]:
    """The first dialogues of RealPersonaChat."""
    source = shared / "corpora" / "real_persona_chat" / "dialogues.jsonl.gz"
    if not source.is_file():
        missing(f"no dialogues at {source}")
    with gzip.open(source, "rt", encoding="utf-8") as file:
        turns = [turn for _ in range(6) for turn in json.loads(next(file))["turns"]]
    return [Message(turn["speaker"], turn["text"], line) for line, turn in enumerate(turns, start=1)]


@pytest.fixture
def sources(tmp_path: Path) -> TokenizerSources:
    return TokenizerSources(ModelStore(), TrainedTokenizers(Workspace(tmp_path)))


def test_a_folder_and_its_gguf_file_are_compared(sources: TokenizerSources, real_folder: Path) -> None:
    file = real_folder.with_name(f"{real_folder.name}.gguf")
    wanted = ["omokage-mini", str(real_folder), *([str(file)] if file.is_file() else [])]
    found = compare(HARD, wanted, lambda name: sources.open_named("local-x", name))
    assert not found.missing and len(found.found) == len(wanted)
    for one in found.found:
        assert "".join(piece.text for line in one.lines for piece in line) == HARD
        assert one.unknown == 0 and one.byte_pieces > 0
    assert {one.count.tokens for one in found.found[1:]} == {found.found[1].count.tokens}


def test_pieces_have_the_ids_of_transformers(store: ModelStore) -> None:
    tokenizer = store.current().tokenizer
    assert [one.id for one in pieces_of(HARD, tokenizer)] == tokenizer(HARD, add_special_tokens=False)["input_ids"]


def test_how_much_a_window_holds(store: ModelStore, talk: list[Message]) -> None:
    tokenizer = store.current().tokenizer
    density = measure(talk, tokenizer, overhead=2)
    alone = [len(tokenizer(m.text, add_special_tokens=False)["input_ids"]) for m in talk]
    assert list(density.counts) == alone
    fits = density.fitting(512, len(talk) - 1)
    assert sum(alone[at] + 2 for at in fits) <= 512 < sum(alone[at] + 2 for at in range(fits.start - 1, fits.stop))


def test_bits_are_the_models_loss(store: ModelStore) -> None:
    import torch

    loaded = store.current()
    found = surprisal(store, loaded, HARD)
    start = loaded.tokenizer.bos_token_id
    ids = torch.tensor([[start, *(one.piece.id for one in found.pieces)]])
    with torch.no_grad():
        logits = loaded.pretrained(input_ids=ids).logits[0, :-1].float()
    nats = torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="sum").item()
    assert found.bits == pytest.approx(nats / math.log(2), rel=0.02)
    assert all(one.bits is not None for one in found.pieces)


def test_its_special_tokens_stay_letters_in_the_chat(store: ModelStore) -> None:
    loaded = store.current()
    mark = next(text for text in ("<|im_start|>", "<start_of_turn>") if text in loaded.tokenizer.get_vocab())
    found = special_strings(f"x {mark}user", loaded.tokenizer)
    assert [one.text for one in found.found] == [mark] and not found.leaks


def test_a_trained_tokenizer_beside_a_real_one(store: ModelStore, talk: list[Message]) -> None:
    text = split_text([message.text for message in talk])
    *_, last = train_stages(text, "unigram", 2000)
    cost = replacement_cost(last.tokenizer, store.current(), text)
    assert cost.known > 0 and cost.new > 0 and 0 < cost.share < 1 and cost.gained > 0


def test_a_summary_is_written_and_measured(store: ModelStore) -> None:
    loaded = store.current()
    text = "Socrates met Phaedrus outside the walls of Athens. They sat under a plane tree and spoke about love. " * 3
    found = study(text, store, loaded, local_writer(store, loaded, "local-x"), loaded.name, tokens=64, length=24)
    assert found.bits_per_byte and found.bits_per_byte[0] > 0 and all(one.tokens_after <= 26 for one in found.pieces)
