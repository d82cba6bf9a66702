"""Replies: what `generate` would say, streamed in whole characters, with the adapter that was asked for."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from core.adapters.attach import ADAPTERS_IN_MEMORY
from core.adapters.store import Adapter
from core.chat.engine import Engine
from core.errors import ModelError
from core.files import write_json
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.prompt import StopCriteria
from tests.helpers.train_tiny import PROMPT_CONFIG, tiny_base
from tests.helpers.typed import token_id, untyped

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)
LONG = replace(GREEDY, max_new_tokens=4000)
NEVER = StopCriteria((), ())
PROMPT = (5, 60, 61, 62, 300)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("engine") / "base")


@pytest.fixture(scope="module")
def store(base: Path) -> ModelStore:
    store = ModelStore(str(base))
    store.start()
    assert store.wait(60).state == "ready"
    return store


@pytest.fixture
def loaded(store: ModelStore) -> LoadedModel:
    return store.current()


@pytest.fixture
def engine(store: ModelStore) -> Engine:
    return Engine(store)


def make_adapter(
    base: Path, folder: Path, seed: int, *, hidden: int | None = None, named: str | None = None
) -> Adapter:
    """A LoRA adapter with strong random weights, so that it changes what is said."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    if hidden:
        base = tiny_base(folder.with_name(f"{folder.name}-base"), hidden=hidden)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        LoraConfig(r=4, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"),
    )
    generator = torch.Generator().manual_seed(seed)
    for name, weights in model.named_parameters():
        if "lora_" in name:
            weights.data = torch.randn(weights.shape, generator=generator) * 0.3
    model.save_pretrained(str(folder), save_embedding_layers=False)
    write_json(folder / "prompt_config.json", PROMPT_CONFIG.to_json())
    write_json(folder / "training.json", {"base": named or str(base)})
    return Adapter.read(folder)


@pytest.fixture(scope="module")
def adapters(base: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    folder = tmp_path_factory.mktemp("adapters")
    return [make_adapter(base, folder / f"one-{seed}", seed) for seed in range(ADAPTERS_IN_MEMORY + 2)]


def say(
    engine: Engine, loaded: LoadedModel, sampling: Sampling = GREEDY, ending: StopCriteria = NEVER, **kwargs
) -> list:
    return list(engine.stream(loaded, kwargs.pop("prompt", PROMPT), sampling, ending, stop=threading.Event(), **kwargs))


def alone(base: Path, adapter: Adapter | None, tokens: int = 12, prompt: tuple[int, ...] = PROMPT) -> str:
    """What plain transformers and peft say, greedily, with nothing else in memory."""
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32).eval()
    if adapter:
        model = PeftModel.from_pretrained(model, adapter.folder)
    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = untyped(model).generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens,
                                      do_sample=False, eos_token_id=None, pad_token_id=0)  # fmt: skip
    text = AutoTokenizer.from_pretrained(base).decode(out[0, len(prompt) :], skip_special_tokens=True)
    return text.replace("\ufffd", "").strip()


def test_greedy_replies_are_those_of_generate(engine: Engine, loaded: LoadedModel, base: Path) -> None:
    for n in range(4):
        prompt = tuple(range(20 + 50 * n, 40 + 50 * n))
        replies = say(engine, loaded, prompt=prompt)
        assert replies[-1].text == alone(base, None, prompt=prompt)
        assert [r.tokens for r in replies] == [*range(1, 13), 12]
        assert not replies[-1].finished  # it ran into its limit


class Scripted:
    """Stands for a model that says what it is told to; everything else is the true model's."""

    def __init__(self, loaded: LoadedModel, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        import torch

        ids = iter(loaded.tokenizer(text, add_special_tokens=False)["input_ids"])
        true = loaded.pretrained.forward

        def forward(*args, **kwargs):
            out = true(*args, **kwargs)
            out.logits = torch.full_like(out.logits, -1e4)
            out.logits[:, -1, next(ids, 0)] = 1e4
            return out

        monkeypatch.setattr(loaded.model, "forward", forward)


def test_pieces_hold_whole_characters(engine: Engine, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "鬱蒼🎉x👩‍👧 é 終"
    Scripted(loaded, text, monkeypatch)
    count = len(loaded.tokenizer(text)["input_ids"])
    replies = say(engine, loaded, replace(GREEDY, max_new_tokens=count))
    assert count > len(text)
    assert replies[-1].text == text
    assert all(text.startswith(reply.text) for reply in replies)
    assert {"", "鬱", "鬱蒼", "鬱蒼🎉"} <= {reply.text for reply in replies}


def test_bytes_that_are_no_character_are_left_out(
    engine: Engine, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = loaded.tokenizer("鬱")["input_ids"][0]
    Scripted(loaded, "a b", monkeypatch)
    true = loaded.pretrained.forward
    calls = []

    def forward(*args, **kwargs):
        calls.append(1)
        out = true(*args, **kwargs)
        if len(calls) > 1:
            out.logits[:, -1, half] = 2e4
        return out

    monkeypatch.setattr(loaded.model, "forward", forward)
    assert say(engine, loaded, replace(GREEDY, max_new_tokens=4))[-1].text == "a"


@pytest.mark.parametrize(
    ("text", "strings", "expected"),
    [
        ("yes it is\n\nKen:\nno", ("\n\n",), "yes it is"),
        ("\n\nyes\n\nKen", ("\n\n",), "yes"),  # an empty line before the words ends nothing
        ("うん<NL>ユーザー: え", ("ユーザー:",), "うん<NL>"),
        ("a STOP b", ("STOP", "b"), "a"),
    ],
)
def test_stop_strings_end_a_reply_and_are_never_shown(
    engine: Engine, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch, text: str, strings: tuple, expected: str
) -> None:
    Scripted(loaded, text, monkeypatch)
    replies = say(engine, loaded, replace(GREEDY, max_new_tokens=60), StopCriteria((), strings))
    assert (replies[-1].text, replies[-1].finished) == (expected, True)
    assert all(expected.startswith(reply.text) for reply in replies)
    assert replies[-1].tokens < len(loaded.tokenizer(text)["input_ids"]) + 1


def test_an_end_token_ends_a_reply_and_is_never_shown(
    engine: Engine, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    Scripted(loaded, "hello<|im_end|>more", monkeypatch)
    end = token_id(loaded.tokenizer, "<|im_end|>")
    replies = say(engine, loaded, replace(GREEDY, max_new_tokens=60), StopCriteria((end,), ()))
    assert (replies[-1].text, replies[-1].finished) == ("hello", True)


def test_stop_ends_a_reply_within_a_token_and_keeps_what_is_there(engine: Engine, loaded: LoadedModel) -> None:
    stop = threading.Event()
    stream = engine.stream(loaded, PROMPT, LONG, NEVER, stop=stop)
    shown = [next(stream) for _ in range(3)][-1]
    stop.set()
    rest = list(stream)
    assert rest[-1].tokens < 200 and not rest[-1].finished
    assert rest[-1].text.startswith(shown.text)
    assert engine.store.run(lambda: "free").result(5) == "free"


def test_closing_the_stream_frees_the_thread(engine: Engine, loaded: LoadedModel) -> None:
    stream = engine.stream(loaded, PROMPT, LONG, NEVER, stop=threading.Event())
    next(stream)
    began = time.monotonic()
    stream.close()
    assert engine.store.run(lambda: "free").result(5) == "free"
    assert time.monotonic() - began < 2


def test_a_reply_that_is_stopped_while_it_waits_never_runs(engine: Engine, loaded: LoadedModel) -> None:
    stop = threading.Event()
    stop.set()
    (reply,) = engine.stream(loaded, PROMPT, LONG, NEVER, stop=stop)
    assert (reply.text, reply.tokens, reply.finished) == ("", 0, False)


def test_who_is_stopped_while_others_are_served_leaves_the_queue_at_once(engine: Engine, loaded: LoadedModel) -> None:
    first = engine.stream(loaded, PROMPT, LONG, NEVER, stop=threading.Event(), owner="other")
    next(first)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    began = time.monotonic()
    assert [reply.tokens for reply in engine.stream(loaded, PROMPT, LONG, NEVER, stop=stop, owner="me")] == [0]
    assert time.monotonic() - began < 2
    next(first)  # still being served
    first.close()


def test_a_reply_goes_on_from_where_it_was_cut(engine: Engine, loaded: LoadedModel) -> None:
    whole = say(engine, loaded, replace(GREEDY, max_new_tokens=10))[-1]
    ids = (
        untyped(loaded.model)
        .generate(
            input_ids=torch.tensor([PROMPT]), max_new_tokens=10, do_sample=False, eos_token_id=None, pad_token_id=0
        )[0, len(PROMPT) :]
        .tolist()
    )
    on = say(engine, loaded, replace(GREEDY, max_new_tokens=6), continuation_ids=ids[:4])
    assert on[-1].text == whole.text and on[-1].tokens == 6


def test_a_seed_makes_a_drawn_reply_repeatable(engine: Engine, loaded: LoadedModel) -> None:
    drawn = Sampling(temperature=2, top_p=1, min_p=0, max_new_tokens=12)
    texts = [say(engine, loaded, drawn, seed=seed)[-1].text for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(
    "drawn", [{"temperature": 0.01}, {"top_p": 0.2}, {"top_k": 2}, {"min_p": 0.9}, {"typical_p": 0.1},
              {"repetition_penalty": 2}, {"no_repeat_ngram": 1}],
)  # fmt: skip
def test_every_sampler_changes_what_is_drawn(engine: Engine, loaded: LoadedModel, drawn: dict[str, float]) -> None:
    flat = Sampling(temperature=0.1, top_p=1, min_p=0, repetition_penalty=1, max_new_tokens=40)
    texts = {name: say(engine, loaded, sampling, seed=3)[-1].text
             for name, sampling in (("flat", flat), ("drawn", replace(flat, **drawn)))}  # fmt: skip
    assert texts["flat"] != texts["drawn"]


def test_runs_of_tokens_come_once_in_a_reply_whatever_the_prompt_holds(
    engine: Engine, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, true = [], untyped(loaded.model).generate

    def generate(**kwargs):
        out = true(**kwargs)
        written.append(out.sequences[0, kwargs["input_ids"].shape[1] :].tolist())
        return out

    monkeypatch.setattr(loaded.model, "generate", generate)
    first = say(engine, loaded)[-1]
    asked = (*PROMPT, *written[0])  # what it would say stands in the prompt already
    for size in (0, 2):
        say(engine, loaded, replace(GREEDY, max_new_tokens=60, no_repeat_ngram=size), prompt=asked)
    assert first.tokens and written[1] != written[2]
    pairs = list(pairwise(written[2]))
    assert len(set(pairs)) == len(pairs) and set(pairs) & set(pairwise(asked))


def test_adapters_take_turns_and_leave_the_base_as_it_was(
    engine: Engine, loaded: LoadedModel, base: Path, adapters: list[Adapter]
) -> None:
    expected = {adapter and adapter.name: alone(base, adapter) for adapter in (None, *adapters)}
    assert len(set(expected.values())) == len(expected)
    order = [None, *adapters, None, *reversed(adapters), adapters[0], adapters[1], adapters[0], None]
    for adapter in order:  # more of them than are kept in memory
        assert say(engine, loaded, adapter=adapter)[-1].text == expected[adapter and adapter.name]
    assert len(loaded.adapters[0].peft_config) == ADAPTERS_IN_MEMORY


def test_an_adapter_that_was_trained_again_is_read_again(
    engine: Engine, loaded: LoadedModel, base: Path, tmp_path: Path
) -> None:
    first = make_adapter(base, tmp_path / "mine", 50)
    assert say(engine, loaded, adapter=first)[-1].text == alone(base, first)
    again = make_adapter(base, tmp_path / "mine", 51)
    assert say(engine, loaded, adapter=again)[-1].text == alone(base, again)


def test_an_adapter_of_another_base_is_told(engine: Engine, loaded: LoadedModel, base: Path, tmp_path: Path) -> None:
    other = make_adapter(base, tmp_path / "other", 1, hidden=48)
    with pytest.raises(ModelError, match=r"does not fit base: .* trained on .*other-base: load") as caught:
        say(engine, loaded, adapter=other)
    assert "別のアダプター" in caught.value.ja


@pytest.mark.parametrize("before", [0, 1])
def test_an_adapter_that_does_not_fit_leaves_nothing_behind(
    base: Path, tmp_path: Path, adapters: list[Adapter], before: int
) -> None:
    store = ModelStore(str(base))
    store.start()
    store.wait(60)
    engine, loaded = Engine(store), store.current()
    for adapter in adapters[:before]:
        say(engine, loaded, adapter=adapter)
    wrong = make_adapter(base, tmp_path / "wrong", 1, hidden=48, named=str(base))  # it claims this base
    deeper = make_adapter(base, tmp_path / "deeper", 2)
    rename_layers(deeper.folder)
    for adapter in (wrong, deeper):
        with pytest.raises(ModelError, match=r"does not fit|other layers"):
            say(engine, loaded, adapter=adapter)
        assert say(engine, loaded)[-1].text == alone(base, None)
    assert say(engine, loaded, adapter=adapters[0])[-1].text == alone(base, adapters[0])
    assert len(loaded.adapters[0].peft_config) == 1


def rename_layers(folder: Path) -> None:
    """As if the adapter's model had more layers than the one it is put on."""
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file({name.replace("layers.0", "layers.7"): weights for name, weights in load_file(file).items()}, file)


def test_an_adapter_whose_files_are_gone_or_broken_is_told(
    engine: Engine, loaded: LoadedModel, base: Path, tmp_path: Path
) -> None:
    gone = make_adapter(base, tmp_path / "gone", 3)
    weights = gone.folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="may be cut short"):
        say(engine, loaded, adapter=gone)
    weights.unlink()
    with pytest.raises(ModelError, match="cannot be read any more"):
        say(engine, loaded, adapter=gone)
    assert say(engine, loaded)[-1].text == alone(base, None)


def test_what_goes_wrong_while_replying_is_a_sentence(
    engine: Engine, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said, told in (("CUDA out of memory. Tried", "ran out of memory"), ("odd thing\nmore", r"\(odd thing\)")):

        def broken(*args, said=said, **kwargs):
            raise RuntimeError(said)

        monkeypatch.setattr(loaded.model, "forward", broken)
        with pytest.raises(ModelError, match=told):
            say(engine, loaded)


def test_many_threads_get_their_own_replies(
    engine: Engine, loaded: LoadedModel, base: Path, adapters: list[Adapter]
) -> None:
    asked = [None, adapters[0], adapters[1], None, adapters[1], adapters[0]]
    expected = [alone(base, adapter, 8) for adapter in asked]
    with ThreadPoolExecutor(6) as pool:
        work = lambda adapter: say(engine, loaded, replace(GREEDY, max_new_tokens=8), adapter=adapter)[-1].text  # noqa: E731
        assert list(pool.map(work, asked * 2)) == expected * 2
