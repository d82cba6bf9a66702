"""Tokenizers trained on a text of one's own: nothing of it is lost, each size is better, and a saved one works."""

from pathlib import Path

import pytest
from transformers import PreTrainedTokenizerBase

from core.catalogue.bundled import FOLDER
from core.errors import InputError
from core.logs.detect import read_log
from core.models.loading import LoadedModel, ModelStore
from core.stored import DamagedError
from core.tokens.compare import compare
from core.tokens.counting import bare_tokenizer
from core.tokens.sources import OWN, TokenizerSources
from core.tokens.trained import ABOUT, TrainedTokenizerInfo, TrainedTokenizers, as_pretrained
from core.tokens.training import (
    KINDS,
    VALIDATION,
    TokenizerKind,
    TrainingStage,
    TrainingText,
    replacement_cost,
    sizes,
    split_text,
    train_stages,
)
from core.workspace import Workspace
from tests.helpers.tab_tiny import without_weights
from tests.helpers.typed import present

SAMPLE = Path(__file__).parents[2] / "datasets" / "sample_line_aoi.txt"
HARD = "鬱 𠮷野家\n  hello 👩‍👩‍👧 12.5%！？"
OWNER = "local-x"


@pytest.fixture(scope="module")
def text() -> TrainingText:
    return split_text([message.text for message in read_log(SAMPLE).messages if message.text])


@pytest.fixture(scope="module", params=KINDS)
def stages(request: pytest.FixtureRequest, text: TrainingText) -> list[TrainingStage]:
    return list(train_stages(text, request.param, 1200))


def test_it_is_watched_at_growing_sizes(stages: list[TrainingStage]) -> None:
    assert [stage.size for stage in stages] == sizes(1200) == [300, 600, 1200]
    assert all(stage.pieces <= stage.size + 2 and stage.newest for stage in stages)
    assert all(stage.fertility.characters_per_second > 0 and stage.seconds > 0 for stage in stages)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_more_pieces_take_fewer_tokens(text: TrainingText, kind: TokenizerKind) -> None:
    found = [stage.fertility for stage in train_stages(text, kind, 1200)]
    densities = [one.characters_per_token for one in found]
    assert densities == sorted(densities) and densities[-1] > 1.2 * densities[0]
    assert all(one.unknown == 0 for one in found)


@pytest.mark.parametrize("kind", ["bpe", "unigram"])
def test_with_bytes_nothing_is_lost(text: TrainingText, kind: TokenizerKind) -> None:
    *_, last = train_stages(text, kind, 1000)
    tokenizer = last.tokenizer
    assert tokenizer.decode(tokenizer.encode(HARD).ids) == HARD
    assert "<0xF0>" in tokenizer.encode("𠮷").tokens


@pytest.mark.parametrize("kind", KINDS)
def test_without_bytes_rare_letters_are_unknown(text: TrainingText, kind: TokenizerKind) -> None:
    *_, last = train_stages(text, kind, 1000, byte_fallback=False)
    assert last.tokenizer.token_to_id("<unk>") in last.tokenizer.encode("𠮷").ids
    assert "<0xF0>" not in last.tokenizer.get_vocab()


def test_wordpiece_marks_what_continues_a_word(text: TrainingText) -> None:
    *_, last = train_stages(text, "wordpiece", 1000)
    assert any(token.startswith("##") for token in last.tokenizer.encode("今日はとても楽しかった").tokens)


def test_every_tenth_line_measures_and_is_not_learned(text: TrainingText) -> None:
    lines = [f"{k:05d}番目の長めの一行です。あいうえお" for k in range(200)]
    found = split_text(lines)
    assert found.validation == tuple(lines[VALIDATION - 1 :: VALIDATION])
    assert not set(found.validation) & set(found.train) and len(found.train) + len(found.validation) == 200


def test_too_little_text_and_odd_settings_are_refused(text: TrainingText) -> None:
    with pytest.raises(InputError, match="at least 2,000"):
        split_text(["短い"])
    for kind, size in (("sentence", 1000), ("bpe", 10), ("bpe", 10**6)):
        with pytest.raises(InputError):
            list(train_stages(text, kind, size))  # pyright: ignore[reportArgumentType]


def test_it_can_be_stopped_before_each_size(text: TrainingText) -> None:
    asked: list[int] = []

    def report(size: int) -> None:
        asked.append(size)
        if len(asked) == 2:
            raise InputError("stop", "中止")

    with pytest.raises(InputError):
        list(train_stages(text, "bpe", 1200, report=report))
    assert asked == [300, 600]


@pytest.fixture
def trained(tmp_path: Path) -> TrainedTokenizers:
    return TrainedTokenizers(Workspace(tmp_path))


def info(name: str = "mine") -> TrainedTokenizerInfo:
    return TrainedTokenizerInfo(name, "bpe", 300, True, 15_000, 1.1)


def test_a_saved_one_is_compared_like_any_other(trained: TrainedTokenizers, stages: list[TrainingStage]) -> None:
    kept = trained.save(OWNER, info(), stages[-1].tokenizer)
    assert trained.save(OWNER, info(), stages[0].tokenizer).name == "mine-2"
    assert {one.name for one in trained.list_all(OWNER)} == {"mine", "mine-2"} and trained.list_all("local-y") == ()
    sources = TokenizerSources(ModelStore(), trained)
    assert ("mine", "own:mine") in sources.choices(OWNER)
    found = compare("今日はとても楽しかった", [f"{OWN}{kept.name}"], lambda name: sources.open_named(OWNER, name))
    assert found.found[0].count.tokens == len(stages[-1].tokenizer.encode("今日はとても楽しかった").ids)
    trained.delete(OWNER, "mine")
    for gone in (lambda: trained.load(OWNER, "mine"), lambda: trained.delete(OWNER, "mine")):
        with pytest.raises(InputError):
            gone()


def test_a_damaged_one_is_left_out_and_named(trained: TrainedTokenizers, stages: list[TrainingStage]) -> None:
    trained.save(OWNER, info(), stages[0].tokenizer)
    folder = trained.workspace.place(OWNER, "tokenizers", "mine")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(DamagedError):
        trained.load(OWNER, "mine")
    (folder / ABOUT).unlink()
    assert trained.list_all(OWNER) == () and [error.path for error in trained.damaged(OWNER)] == [folder]


def loaded_mini() -> LoadedModel:
    store = ModelStore(str(FOLDER))
    store.start()
    store.wait()
    return store.current()


def test_what_replacing_a_models_tokenizer_takes(text: TrainingText) -> None:
    loaded = loaded_mini()
    *_, last = train_stages(text, "bpe", 1000)
    cost = replacement_cost(last.tokenizer, loaded, text)
    assert cost.known + cost.new <= last.tokenizer.get_vocab_size() and cost.known > 256  # bytes, and kana at least
    assert cost.parameters == cost.new * 256  # tied
    assert cost.share == pytest.approx(cost.parameters / loaded.model.num_parameters())
    lines = list(text.validation)
    before = sum(len(loaded.tokenizer(line, add_special_tokens=False)["input_ids"]) for line in lines)
    after = sum(len(last.tokenizer.encode(line).ids) for line in lines)
    assert cost.gained == pytest.approx(before / after)


def test_the_models_own_tokenizer_would_cost_nothing(text: TrainingText) -> None:
    loaded = loaded_mini()
    own = present(bare_tokenizer(loaded.tokenizer))
    cost = replacement_cost(own, loaded, text)
    assert cost.new == 0 and cost.gained == 1


def test_transformers_knows_its_special_tokens(stages: list[TrainingStage]) -> None:
    made: PreTrainedTokenizerBase = as_pretrained(stages[0].tokenizer)
    assert (made.unk_token, made.bos_token, made.eos_token) == ("<unk>", "<s>", "</s>")
    assert made.unk_token_id == 0 and without_weights(FOLDER, made).tokenizer is made
