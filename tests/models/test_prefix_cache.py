"""What a model has read is not read again, and what it says stays the same: for full and sliding attention."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.chat.engine import Engine
from core.models import caches
from core.models.loading import LoadedModel, ModelStore
from core.models.prefix_cache import LEAST_TOKENS, PrefixCache
from core.prompt.token_text import decode
from tests.chat.test_engine import GREEDY, NEVER, make_adapter
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import present, untyped

SIZES = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
         "num_attention_heads": 2, "max_position_embeddings": 512}  # fmt: skip
FAMILIES = {
    "llama": {"num_key_value_heads": 1},
    "gpt_neox": {"use_parallel_residual": False},
    "gemma2": {"num_key_value_heads": 1, "head_dim": 16, "sliding_window": 48},
    "qwen3_5_text": {"num_key_value_heads": 1, "head_dim": 16, "num_hidden_layers": 4, "linear_num_key_heads": 2,
                     "linear_num_value_heads": 2, "linear_key_head_dim": 16, "linear_value_head_dim": 16},
}  # fmt: skip
PERSONA = tuple(range(20, 52))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("prefixes") / "base")


def random_model(family: str, base: Path) -> LoadedModel:
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(0)
    config = CONFIG_MAPPING[family](**SIZES | FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    return LoadedModel(family, base, model, AutoTokenizer.from_pretrained(base), 512)


class Read:
    """Counts the tokens that a model is given."""

    def __init__(self, loaded: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tokens: list[int] = []
        true = loaded.pretrained.forward

        def forward(*args, **kwargs):
            self.tokens.append(kwargs["input_ids"].shape[1])
            return true(*args, **kwargs)

        monkeypatch.setattr(loaded.model, "forward", forward)

    def first(self) -> int:
        """Tokens of the first pass since the last call: what had to be read before the first word."""
        first, self.tokens = self.tokens[0], []
        return first


def answer(engine: Engine, loaded: LoadedModel, prompt: tuple[int, ...], **kwargs) -> str:
    replies = list(engine.stream(loaded, prompt, GREEDY, NEVER, stop=threading.Event(), **kwargs))
    assert replies[-1].tokens == GREEDY.max_new_tokens
    return replies[-1].text


def plain(loaded: LoadedModel, prompt: tuple[int, ...]) -> str:
    import torch

    ids = torch.tensor([prompt])
    with torch.inference_mode():
        out = untyped(loaded.model).generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), pad_token_id=0,
            do_sample=False, max_new_tokens=GREEDY.max_new_tokens, eos_token_id=None, use_cache=False,
        )  # fmt: skip
    text = decode(out[0, len(prompt) :], loaded.tokenizer, skip_special_tokens=True)
    return text.replace("\ufffd", "").strip()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_chat_of_many_turns_says_what_plain_generate_says(
    family: str, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, engine = random_model(family, base), Engine(ModelStore())
    chat = PERSONA
    for turn in range(6):  # the third is past the sliding window; the fifth is asked again, another way
        prompt = (*chat, 7, *range(60 + 9 * turn, 69 + 9 * turn))
        assert answer(engine, loaded, prompt) == plain(loaded, prompt)
        if turn != 4:
            chat = (*prompt, 300 + turn, 8)
    read = Read(loaded, monkeypatch)
    answer(engine, loaded, (*chat, 7, 200, 201))
    if family in ("llama", "gpt_neox"):
        assert read.first() == 5  # what was said last, and its frame
    else:  # a window that has moved on cannot go back
        assert read.first() == len(chat) + 3


def test_what_goes_on_exactly_is_reused_past_a_sliding_window(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, prefixes = random_model("gemma2", base), PrefixCache()
    import torch

    with torch.inference_mode():
        ids = list(range(100))
        prefixes.keep("", ids, getattr(loaded.pretrained(input_ids=torch.tensor([ids])), caches.keyword()))
        assert prefixes.take("", ids[:99]) is None
        assert prefixes.take("", [*ids[:80], 5, 6]) is None
        assert present(prefixes.take("", [*ids, 5])).get_seq_length() == 100


def test_two_chats_with_one_persona_share_its_beginning(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded, engine = random_model("llama", base), Engine(ModelStore())
    long = tuple(range(100, 190))
    answer(engine, loaded, (*PERSONA, *long))
    read = Read(loaded, monkeypatch)
    answer(engine, loaded, (*PERSONA, 60))
    assert read.first() == 1
    answer(engine, loaded, (*PERSONA, *long, 61))  # the first chat has lost nothing to the other
    assert read.first() == 1


def test_another_adapter_reads_everything_itself(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ModelStore(str(base))
    store.start()
    assert store.wait(60).state == "ready"
    loaded, engine, adapter = store.current(), Engine(store), make_adapter(base, tmp_path / "mine", 1)
    prompt = (*PERSONA, 60, 61)
    fresh = {name: answer(engine, replace(loaded, prefix_cache=PrefixCache()), prompt, adapter=name and adapter)
             for name in (None, "mine")}  # fmt: skip
    read = Read(loaded, monkeypatch)
    for name, expected in ((None, len(prompt)), ("mine", len(prompt)), (None, 1), ("mine", 1)):
        assert answer(engine, loaded, prompt, adapter=name and adapter) == fresh[name]
        assert read.first() == expected
    again = make_adapter(base, tmp_path / "mine", 2)  # trained anew under the same name
    answer(engine, loaded, prompt, adapter=again)
    assert read.first() == len(prompt)


def test_memory_is_bounded_and_the_oldest_goes_first(base: Path) -> None:
    import torch

    loaded = random_model("llama", base)
    with torch.inference_mode():
        read = [getattr(loaded.pretrained(input_ids=torch.tensor([[n] * 40])), caches.keyword()) for n in range(4)]
    one = sum(layer.keys.nbytes + layer.values.nbytes for layer in read[0].layers)
    prefixes = PrefixCache(most_bytes=3 * one)
    for n, cache in enumerate(read):
        prefixes.keep("", [n] * 40, cache)
    assert prefixes.take("", [0] * 41) is None
    assert all(prefixes.take("", [n] * 41) is not None for n in (1, 2, 3))
    tight = PrefixCache(most_bytes=one - 1)
    tight.keep("", [0] * 40, read[0])
    assert tight.take("", [0] * 41) is None


def test_a_short_beginning_is_not_worth_the_search(base: Path) -> None:
    import torch

    loaded, prefixes = random_model("llama", base), PrefixCache()
    with torch.inference_mode():
        cache = getattr(loaded.pretrained(input_ids=torch.tensor([[5] * 40])), caches.keyword())
    prefixes.keep("", [5] * 40, cache)
    assert prefixes.take("", [5] * (LEAST_TOKENS - 1) + [6] * 30) is None
    assert present(prefixes.take("", [5] * LEAST_TOKENS + [6] * 30)).get_seq_length() == LEAST_TOKENS
