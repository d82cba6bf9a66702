"""GGUF files as models: what is read of them, how they answer, and what is said where they cannot be used."""

import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.adapters.store import Adapter
from core.chat.engine import Engine, Reply
from core.errors import InputError, ModelError
from core.export.gguf import write_gguf
from core.memory.write.generate import GenerationRequest, write_texts
from core.messages import Turn
from core.models.gguf.header import read_header
from core.models.gguf.model import GgufModel
from core.models.gguf.names import all_parts, hub_file
from core.models.gguf.packages import INSTALL, llama_cpp
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.prompt import continuation_ids, render, stop_criteria
from core.prompt.token_text import decode
from tests.helpers.adapter_tiny import greedy, tiny_adapter
from tests.helpers.gguf_tiny import TALK, random_model
from tests.helpers.missing import missing

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)
ASKED = (Turn("user", ("hello",)),)


@pytest.fixture(scope="module", autouse=True)
def _llama_cpp() -> None:
    for name in ("xllamacpp", "gguf"):
        try:
            __import__(name)
        except ImportError:
            missing(f"no {name}; run `make extras`")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_model(tmp_path_factory.mktemp("gguf") / "mina-tiny", "llama")


@pytest.fixture(scope="module")
def file(base: Path) -> Path:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    into = base.with_name("mina-tiny-F32.gguf")
    write_gguf(model, tokenizer, TALK, tokenizer.chat_template, into, kind="f32")
    return into


@pytest.fixture
def store(file: Path) -> ModelStore:
    store = ModelStore(str(file))
    store.start()
    status = store.wait()
    assert status.state == "ready", status.error
    return store


def reply_of(store: ModelStore, sampling: Sampling = GREEDY, **asked: Any) -> list[Reply]:
    loaded = store.current()
    prompt, ends = render(TALK, ASKED, loaded.tokenizer), stop_criteria(TALK, loaded.tokenizer)
    return list(Engine(store).stream(loaded, prompt.ids, sampling, ends, stop=threading.Event(), **asked))


def said_by_transformers(base: Path, loaded: LoadedModel, adapter: Adapter | None = None) -> str:
    """With no end, as far as `GREEDY` goes."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model: Any = AutoModelForCausalLM.from_pretrained(base)
    if adapter:
        model = PeftModel.from_pretrained(model, adapter.folder)
    ids = list(render(TALK, ASKED, loaded.tokenizer).ids)
    return decode(greedy(model, ids), loaded.tokenizer, skip_special_tokens=True).replace("\ufffd", "").strip()


def test_the_header_says_what_the_package_gguf_reads(file: Path) -> None:
    import gguf

    header, reader = read_header(file), gguf.GGUFReader(file)
    assert {each.name: tuple(map(int, reversed(each.shape))) for each in reader.tensors} == header.tensors
    plain = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    assert {key: len(v) if isinstance(v, list) else v for key, v in plain.items()} == header.values
    assert (header.architecture, header.number("context_length"), header.vocabulary) == ("llama", 256, 1500)


@pytest.mark.parametrize("length", [0, 3, 20, 200, 5000])
def test_a_file_that_is_cut_short_gets_a_sentence(file: Path, tmp_path: Path, length: int) -> None:
    short = tmp_path / "short.gguf"
    short.write_bytes(file.read_bytes()[:length])
    with pytest.raises(ModelError, match="cannot be read as a GGUF file"):
        read_header(short)


def test_names() -> None:
    assert hub_file("Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf") == ("Qwen/Qwen3-0.6B-GGUF", "Qwen3-0.6B-Q8_0.gguf")
    assert hub_file("unsloth/some-GGUF/BF16/some-BF16-00001-of-00002.gguf") is not None
    for other in ("Qwen/Qwen3-0.6B", "a.gguf", "a/b.gguf", "a/b/../c.gguf", "/a/b/c.gguf", "a/b/c.bin"):
        assert hub_file(other) is None, other
    assert all_parts("x-00001-of-00003.gguf") == "x-*.gguf" and all_parts("x.gguf") == "x.gguf"


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(ModelError, match="xllamacpp") as said:
        llama_cpp()
    assert INSTALL in said.value.en and INSTALL in said.value.ja


def test_it_answers_as_transformers_does_to_the_same_ids(store: ModelStore, base: Path) -> None:
    status = store.status
    assert (status.name, status.context, status.device) == ("mina-tiny-F32.gguf", 256, "cpu")
    assert status.tokenizer_check.verdict == "right" and status.parameters > 100_000
    replies = reply_of(store)
    expected = said_by_transformers(base, store.current())
    assert len(expected) > 10 and expected.startswith(replies[-1].text) and len(replies[-1].text) > 10
    texts = [reply.text for reply in replies]
    assert len(texts) > 4 and all(replies[-1].text.startswith(text) for text in texts)


def test_an_adapter_of_the_same_base_speaks_once_a_person_says_it_belongs(
    store: ModelStore, base: Path, tmp_path: Path
) -> None:
    from core.adapters.attach import UnsureBaseError, accept_base

    adapter, loaded = tiny_adapter(tmp_path / "mina", base), store.current()
    with pytest.raises(UnsureBaseError):
        reply_of(store, adapter=adapter)
    adapter = accept_base(loaded, adapter)
    spoken, plain = reply_of(store, adapter=adapter)[-1].text, reply_of(store)[-1].text
    assert said_by_transformers(base, loaded, adapter).startswith(spoken) and spoken != plain
    assert said_by_transformers(base, loaded).startswith(plain)


def test_an_adapter_of_other_sizes_is_refused(store: ModelStore, tmp_path: Path) -> None:
    from core.adapters.attach import accept_base
    from tests.helpers.train_tiny import tiny_base

    adapter = tiny_adapter(tmp_path / "mina", tiny_base(tmp_path / "mina-tiny"))
    with pytest.raises(ModelError, match="does not fit this GGUF file"):
        accept_base(store.current(), adapter)


def test_a_reply_is_continued_and_stopped(store: ModelStore) -> None:
    loaded = store.current()
    begun = continuation_ids(TALK, Turn("assistant", ("Good morning",)), loaded.tokenizer)
    continued = reply_of(store, continuation_ids=begun)[-1]
    assert continued.text.startswith("Good morning") and continued.tokens > 0
    stop = threading.Event()
    stream = Engine(store).stream(
        loaded, render(TALK, ASKED, loaded.tokenizer).ids, replace(GREEDY, max_new_tokens=150),
        stop_criteria(TALK, loaded.tokenizer), stop=stop,
    )  # fmt: skip
    next(stream)
    stop.set()
    last = list(stream)[-1]
    assert not last.finished and last.tokens < 100


def test_the_seed_decides_what_is_drawn(store: ModelStore) -> None:
    hot = replace(GREEDY, temperature=1.5)
    drawn = [reply_of(store, hot, seed=seed)[-1].text for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_what_was_read_before_is_not_read_again(file: Path) -> None:
    model, ids = GgufModel(file, 1), list(range(30, 130))
    model.complete(ids, {"n_predict": 2, "temperature": 0})
    with model._serving(None) as server:
        again = server.handle_completions({"prompt": [*ids, 40, 41], "n_predict": 1})
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] >= len(ids) - 1


def test_several_are_answered_at_once(store: ModelStore) -> None:
    """Each as if it were alone, and none waits for another's end."""
    alone = [reply_of(store, replace(GREEDY, temperature=1.2), seed=seed)[-1].text for seed in range(3)]
    found: dict[int, str] = {}

    def ask(seed: int) -> None:
        found[seed] = reply_of(store, replace(GREEDY, temperature=1.2), seed=seed, owner=f"o{seed}")[-1].text

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == {0, 1, 2} and all(found.values()) and all(alone)


def test_notes_are_held_to_their_schema(store: ModelStore) -> None:
    import json

    loaded = store.current()
    schema = {"type": "object", "properties": {"n": {"type": "string", "maxLength": 4}}, "required": ["n"],
              "additionalProperties": False}  # fmt: skip
    order = GenerationRequest(
        loaded, render(TALK, ASKED, loaded.tokenizer).ids, stop_criteria(TALK, loaded.tokenizer), threading.Event(),
        samples=2, temperature=0.8, most_tokens=80, schema=schema,
    )  # fmt: skip
    written = write_texts(store, order)
    assert written.by_grammar and len(written.texts) == 2
    for text in written.texts:
        assert set(json.loads(text)) == {"n"}


def test_it_is_for_talking_only(store: ModelStore) -> None:
    with pytest.raises(InputError, match=r"\.safetensors"):
        assert store.current().pretrained


def test_a_file_that_is_not_there_and_one_that_is_none(tmp_path: Path) -> None:
    store = ModelStore()
    with pytest.raises(InputError, match=r"Qwen3-0\.6B-Q8_0\.gguf"):
        store.start("nowhere.gguf")
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    store.start(str(broken))
    status = store.wait()
    assert status.state == "failed" and status.error and "GGUF" in status.error.en
