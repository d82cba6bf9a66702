"""Tokenizers held against raw SentencePiece: every id the same, whatever transformers makes of the files."""

import json
import random
import shutil
import sys
from itertools import chain
from pathlib import Path

import pytest

from core.errors import AppError, ModelError
from core.models.tokenizers.check import PROBES, differing, load_checked, load_tokenizer
from core.models.tokenizers.files import ELSEWHERE, find_files
from core.prompt.encoder import encoder_for
from tests.helpers.prompt_tiny import byte_bpe, texts
from tests.helpers.sentencepiece_tiny import KINDS, LLAMA_CONFIG, RINNA_CONFIG, folder_with, raw, trained
from tests.helpers.typed import untyped

NERDSTASH = ELSEWHERE["japanese-stablelm-alpha"].repo
CLASSES = {"rinna": RINNA_CONFIG, "llama": LLAMA_CONFIG, "nothing said": None}


def ids(tokenizer, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def as_transformers_has_it(folder: Path):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def odd_texts(count: int) -> list[str]:
    """Lines of the samples joined by what people type between them, and letters in no order."""
    draw = random.Random(0)
    lines = [line for line in texts() if "!!!" not in line and "！！！" not in line]  # equal scores, see below
    between = ["  ", "\n", "\r\n", "<NL>", "🎉", "鬱", " ", "①㍻ｶﾞ", "～", "\t", "\u3000", "か\u3099"]
    letters = sorted(set("".join(texts()))) + list(" \n\t▁<>0xAFｶﾞﾊﾟ①㍻鬱🎉é\u200d\u3000～")
    joined = [draw.choice(lines) + draw.choice(between) + draw.choice(lines) for _ in range(count // 2)]
    return joined + ["".join(draw.choices(letters, k=draw.randint(1, 25))) for _ in range(count // 2)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("said", CLASSES)
def test_every_probe_is_read_as_sentencepiece_reads_it(kind: str, said: str, tmp_path: Path) -> None:
    checked = load_checked(folder_with(tmp_path / "model", kind, config=CLASSES[said]))
    assert checked.check.verdict in ("right", "rebuilt")
    for text in PROBES:
        assert ids(checked.tokenizer, text) == raw(kind).encode(text), text


@pytest.mark.parametrize("kind", KINDS)
def test_so_is_any_other_text_and_it_comes_back(kind: str, tmp_path: Path) -> None:
    tokenizer, model = load_tokenizer(folder_with(tmp_path / "model", kind)), raw(kind)
    different = [text for text in odd_texts(300) if ids(tokenizer, text) != model.encode(text)]
    # Two ways to cut a text can have the same score; then the rounding of the two libraries decides.
    assert len(different) <= 1, different
    if KINDS[kind].get("byte_fallback"):
        for text in odd_texts(100):
            tokens = ids(tokenizer, text)
            assert tokenizer.decode(tokens) == model.decode(tokens), text


def test_rinnas_is_wrong_in_transformers_and_right_here(tmp_path: Path) -> None:
    folder, model = folder_with(tmp_path / "model", "rinna", name="spiece.model", config=RINNA_CONFIG), raw("rinna")
    wrong = as_transformers_has_it(folder)
    lost = "一行目\n  二行目"
    assert wrong.decode(ids(wrong, lost), skip_special_tokens=True) != lost
    assert len(differing(wrong, model)) > 10
    checked = load_checked(folder)
    assert differing(checked.tokenizer, model) == ()
    assert checked.tokenizer.decode(ids(checked.tokenizer, lost)) == lost
    assert checked.check.verdict == "rebuilt" and checked.check.file == "spiece.model"
    assert len(checked.check.differing) == len(differing(wrong, model))
    assert "spiece.model" in checked.check.text.en and "spiece.model" in checked.check.text.ja
    assert checked.check.text.ja != checked.check.text.en
    assert checked.tokenizer.name_or_path == str(folder)  # as transformers has it: formats go by it


def test_rinnas_special_tokens_and_new_line_keep_their_ids(tmp_path: Path) -> None:
    tokenizer, model = load_tokenizer(folder_with(tmp_path / "m", "rinna", config=RINNA_CONFIG)), raw("rinna")
    for name in ("bos", "eos", "unk", "pad", "cls", "sep", "mask"):
        text = RINNA_CONFIG[f"{name}_token"]
        assert getattr(tokenizer, f"{name}_token_id") == model.piece_to_id(text) == ids(tokenizer, text)[0]
    assert len(tokenizer) == model.get_piece_size()
    talk = "ユーザー: やあ<NL>システム: はい</s>"
    expected = [*model.encode("ユーザー: やあ<NL>システム: はい"), model.eos_id()]
    assert ids(tokenizer, talk) == expected == tokenizer(talk)["input_ids"]
    assert tokenizer.decode(expected) == talk
    assert tokenizer.decode(expected, skip_special_tokens=True) == talk.removesuffix("</s>")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("model_type", [None, "gpt_neox", "llama", "gemma2", "japanese-stablelm-alpha"])
def test_saved_it_is_read_the_same_again(kind: str, model_type: str | None, tmp_path: Path) -> None:
    """From an adapter's folder, and from one with a whole model."""
    made = load_tokenizer(folder_with(tmp_path / "model", kind, config=RINNA_CONFIG if kind == "rinna" else None))
    made.chat_template = "{{ messages[0].content }}"
    made.save_pretrained(tmp_path / "saved")
    if model_type:
        (tmp_path / "saved" / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")
    for again in (as_transformers_has_it(tmp_path / "saved"), load_tokenizer(tmp_path / "saved")):
        assert [ids(again, text) for text in PROBES] == [raw(kind).encode(text) for text in PROBES]
        assert again.special_tokens_map == made.special_tokens_map and again.chat_template == made.chat_template


def test_a_right_tokenizer_is_left_alone(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "model", "gemma")
    first = load_tokenizer(folder)
    first.save_pretrained(folder)  # now with a tokenizer.json, as most models come
    checked = load_checked(folder)
    assert checked.check.verdict == "right" and "tokenizer.model" in checked.check.text.en
    assert checked.check.differing == ()


def test_a_model_of_another_vocabulary_is_not_used(tmp_path: Path) -> None:
    """A folder may still hold the tokenizer.model of the model that it grew from."""
    byte_bpe().save_pretrained(tmp_path)
    folder_with(tmp_path, "llama")
    checked = load_checked(tmp_path)
    assert checked.check.verdict == "other vocabulary" and "tokenizer.json" in checked.check.text.ja
    assert ids(checked.tokenizer, "こんにちは") == ids(byte_bpe(), "こんにちは")


def test_without_a_sentencepiece_model_nothing_is_claimed(tmp_path: Path) -> None:
    byte_bpe().save_pretrained(tmp_path)
    (tmp_path / "tokenizer.model").write_text("IQ== 0\nIg== 1\n")  # tiktoken's, as with Llama 3
    assert load_checked(tmp_path).check.verdict == "no sentencepiece"


def test_added_tokens_keep_their_ids(tmp_path: Path) -> None:
    size = raw("llama").get_piece_size()
    said = LLAMA_CONFIG | {"added_tokens_decoder": {
        str(size + 1): {"content": "<|im_end|>", "special": True},
        str(size): {"content": "<|im_start|>", "special": True},
        str(size + 2): {"content": "[memo]", "special": False},
        "1": {"content": "<s>", "special": True},
        "7": {"content": "<|tool|>", "special": True},
    }, "eos_token": {"content": "<|im_end|>", "__type": "AddedToken"}}  # fmt: skip
    tokenizer = load_tokenizer(folder_with(tmp_path / "model", "llama", config=said))
    assert ids(tokenizer, "<|im_start|>[memo]<|tool|><|im_end|>") == [size, size + 2, 7, size + 1]
    assert tokenizer.eos_token_id == size + 1 and len(tokenizer) == size + 3
    assert differing(tokenizer, raw("llama")) == ()


def test_begin_and_end_are_added_as_the_files_say(tmp_path: Path) -> None:
    plain = load_tokenizer(folder_with(tmp_path / "a", "llama", config=LLAMA_CONFIG))
    assert plain("a")["input_ids"] == [1, *raw("llama").encode("a")]
    said = LLAMA_CONFIG | {"add_bos_token": False, "add_eos_token": True}
    other = load_tokenizer(folder_with(tmp_path / "b", "llama", config=said))
    assert other("a")["input_ids"] == [*raw("llama").encode("a"), 2]


@pytest.mark.parametrize("kind", ["rinna", "line", "llama", "nerdstash"])
def test_a_prompt_is_encoded_so_too(kind: str, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(folder_with(tmp_path / "model", kind))
    for text in filter(None, PROBES):
        (encoded,) = encoder_for(tokenizer).split([text], begins=True)
        assert encoded == raw(kind).encode(text), text
    parts = encoder_for(tokenizer).split(["ユーザー: ", "やあ、元気", "\n"], begins=True)
    assert [*chain(*parts)] == raw(kind).encode("ユーザー: やあ、元気\n") and all(parts[:2])


# A tokenizer in another repository.


def alpha(folder: Path) -> Path:
    folder.mkdir()
    config = {"model_type": "japanese-stablelm-alpha", "vocab_size": 2000, "bos_token_id": 3, "eos_token_id": 3}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_stablelm_alphas_tokenizer_is_fetched_from_its_own_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nerdstash, asked = folder_with(tmp_path / "nerdstash", "nerdstash", config=LLAMA_CONFIG | {"eos_token": None}), []

    def fetched(repo: str, **wanted: object) -> str:
        asked.append(repo)
        return str(nerdstash)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetched)
    checked, model = load_checked(alpha(tmp_path / "alpha")), raw("nerdstash")
    assert checked.tokenizer.name_or_path == str(tmp_path / "alpha")
    assert asked == [NERDSTASH] and checked.check.repo == NERDSTASH
    assert NERDSTASH in checked.check.text.en and NERDSTASH in checked.check.text.ja and "▁▁" in checked.check.text.ja
    assert differing(checked.tokenizer, model) == ()
    # "▁▁" is no piece of this one: it comes behind all of them.
    assert checked.tokenizer.convert_tokens_to_ids("▁▁") == model.get_piece_size()
    assert "▁▁" in checked.tokenizer.all_special_tokens
    assert checked.tokenizer.eos_token == model.id_to_piece(3) == "▁▁▁▁"


def test_a_piece_of_spaces_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nerdstash = folder_with(tmp_path / "nerdstash", "nerdstash with a prefix", config=LLAMA_CONFIG)
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda repo, **wanted: str(nerdstash))
    tokenizer, model = load_tokenizer(alpha(tmp_path / "alpha")), raw("nerdstash with a prefix")
    assert model.piece_to_id("▁▁") in ids(tokenizer, "a  b")
    assert tokenizer.decode(ids(tokenizer, "a  b"), skip_special_tokens=True) == "a  b"
    assert len(tokenizer) == model.get_piece_size()


def test_where_it_cannot_be_fetched_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    folder = alpha(tmp_path / "alpha")
    with pytest.raises(ModelError) as raised:
        load_tokenizer(folder)
    assert "“alpha”" in raised.value.en and NERDSTASH in raised.value.en and "tokenizer.model" in raised.value.en
    assert NERDSTASH in raised.value.ja
    folder_with(folder, "nerdstash")  # as it says
    assert load_checked(folder).check.repo == "" and find_files(folder).elsewhere is None
    assert differing(load_tokenizer(folder), raw("nerdstash")) == ()


# What is missing or broken.


def test_without_protobuf_a_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(tmp_path / "model", "rinna", config=RINNA_CONFIG)
    for name in [
        name for name in sys.modules if name.startswith(("google.protobuf", "sentencepiece.sentencepiece_mo"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("sentencepiece.sentencepiece_model_pb2", raising=False)
    monkeypatch.setitem(sys.modules, "google.protobuf", None)
    with pytest.raises(ModelError, match="pip install sentencepiece protobuf") as raised:
        load_tokenizer(folder)
    assert "protobuf" in raised.value.ja and "tiktoken" not in raised.value.en


def test_without_sentencepiece_a_sentence_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_with(tmp_path / "model", "llama")
    load_tokenizer(folder).save_pretrained(tmp_path / "ready")
    folder_with(tmp_path / "ready", "llama")
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    monkeypatch.setattr("core.models.tokenizers.check._installed", lambda: False)
    with pytest.raises(ModelError, match="package sentencepiece"):
        load_tokenizer(folder)
    checked = load_checked(tmp_path / "ready")  # a tokenizer.json is enough to go on
    assert checked.check.verdict == "unchecked" and "sentencepiece" in checked.check.text.ja


def test_a_kind_that_cannot_be_rebuilt_is_told(tmp_path: Path) -> None:
    from sentencepiece import sentencepiece_model_pb2

    proto = untyped(sentencepiece_model_pb2).ModelProto()  # a module that protobuf fills when it is imported
    proto.ParseFromString(trained("line"))
    proto.trainer_spec.treat_whitespace_as_suffix = True
    folder = folder_with(tmp_path / "model", "line")
    (folder / "tokenizer.model").write_bytes(proto.SerializeToString())
    with pytest.raises(AppError, match=r"tokenizer.model cannot be used") as raised:
        load_tokenizer(folder)
    assert "tokenizer.model" in raised.value.ja


def test_a_damaged_file_is_no_tokenizer(tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "model", "llama", config=LLAMA_CONFIG)
    (folder / "tokenizer.model").write_bytes(trained("llama")[:500])
    with pytest.raises((OSError, ValueError, RuntimeError, AppError)):
        load_tokenizer(folder)


def test_training_and_chat_use_it(tmp_path: Path) -> None:
    """The two ways into a model give the same ids, those of SentencePiece."""
    from core.models.loading import ModelStore
    from core.models.tokenizers.check import load_tokenizer as for_training
    from tests.helpers.train_tiny import tiny_base

    folder = tiny_base(tmp_path / "base")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    shutil.copy(folder_with(tmp_path / "rinna", "rinna") / "tokenizer.model", folder / "spiece.model")
    (folder / "tokenizer_config.json").write_text(json.dumps(RINNA_CONFIG), encoding="utf-8")
    store = ModelStore(str(folder))
    store.start()
    assert store.wait(60).state == "ready", store.status.error
    assert store.current().tokenizer_check.verdict == "rebuilt"
    for tokenizer in (store.current().tokenizer, for_training(str(folder))):
        assert differing(tokenizer, raw("rinna")) == ()
