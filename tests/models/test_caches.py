"""What was read is heard by every model, by whichever name it knows it: with a cache it says what it says without."""

import threading
import warnings
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

from core.chat.engine import Engine
from core.models import caches
from core.models.loading import LoadedModel, ModelStore
from core.models.options import LoadOptions, Trust
from core.models.sampling import Sampling
from core.prompt.token_text import decode
from tests.chat.test_engine import NEVER
from tests.helpers.architectures_tiny import SIZES, STAND_INS
from tests.helpers.train_tiny import tiny_base
from tests.helpers.typed import untyped

pytestmark = pytest.mark.filterwarnings("error::FutureWarning")  # where a library takes the old name for the last time

MANY = 40
PROMPT = tuple(range(20, 44))

# As many repositories have it: a keyword that is not known by name is taken, and nothing is done with it.
CODE = """
from transformers import LlamaForCausalLM

NAME = {inner!r}

class OldForCausalLM(LlamaForCausalLM):
    def forward(self, input_ids=None, attention_mask=None, position_ids=None, {outer}=None, use_cache=None, **kwargs):
        kwargs.pop("cache", None), kwargs.pop("past_key_values", None)
        return super().forward(input_ids, attention_mask, position_ids, use_cache=use_cache, **{{NAME: {outer}}})
"""
PREPARE = """
    def prepare_inputs_for_generation(self, input_ids, {outer}=None, attention_mask=None, **kwargs):
        seen = {outer}.get_seq_length() if {outer} is not None else 0
        return {{"input_ids": input_ids[:, seen:], "attention_mask": attention_mask, "{outer}": {outer},
                "use_cache": kwargs.get("use_cache")}}
"""


def stand_in(architecture: str) -> PreTrainedModel:
    from core.models.auto import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    sizes = STAND_INS[architecture].config | {"vocab_size": 400, "bos_token_id": 1, "eos_token_id": 2}
    sizes |= {"initializer_range": 0.1, "tie_word_embeddings": False}
    config = AutoConfig.for_model(architecture, **sizes)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def with_own_code(folder: Path, outer: str, code: str) -> Path:
    """A model of random weights whose repository brings `code`, in which the cache is called `outer`."""
    from transformers import AutoConfig, AutoTokenizer, LlamaForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model("llama", **SIZES, vocab_size=400, initializer_range=0.1)
    config.auto_map = {"AutoModelForCausalLM": "modeling_old.OldForCausalLM"}
    untyped(LlamaForCausalLM)(config).save_pretrained(folder)
    config.save_pretrained(folder)
    (folder / "modeling_old.py").write_text(code.format(inner=caches.keyword(), outer=outer), encoding="utf-8")
    AutoTokenizer.from_pretrained(tiny_base(folder.with_name("base"))).save_pretrained(folder)
    return folder


def said_without(model: torch.nn.Module, prompt: tuple[int, ...], most: int = MANY) -> list[int]:
    """The likeliest tokens, the whole text read anew for each: no cache, and none of `generate`."""
    ids = list(prompt)
    with torch.no_grad():
        for _ in range(most):
            ids.append(int(model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].argmax()))
    return ids[len(prompt) :]


def generated(model: torch.nn.Module, prompt: tuple[int, ...], **more: object) -> list[int]:
    ids = torch.tensor([prompt])
    settings = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None, "max_new_tokens": MANY}
    with torch.inference_mode():
        out = untyped(model).generate(input_ids=ids, attention_mask=torch.ones_like(ids), **settings | more)
    return out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("architecture", STAND_INS)
def test_every_architecture_says_with_a_cache_what_it_says_without(architecture: str) -> None:
    model = stand_in(architecture)
    said = said_without(model, PROMPT)
    assert len(set(said)) > 4  # a model that repeats itself would not show a cache that is not read
    assert generated(model, PROMPT) == said


@pytest.mark.parametrize("way", [{"prompt_lookup_num_tokens": 4}, {"cache_implementation": "static"}])
@pytest.mark.parametrize("architecture", ["llama", "japanese-stablelm-alpha"])
def test_so_it_does_where_tokens_are_guessed_ahead_and_in_a_cache_of_fixed_size(architecture: str, way: dict) -> None:
    model = stand_in(architecture)
    twice = (*PROMPT, *PROMPT, *said_without(model, (*PROMPT, *PROMPT), 4), *PROMPT)  # something to guess from
    assert generated(model, twice, **way, disable_compile=True) == said_without(model, twice)


@pytest.mark.parametrize("prepared", ["by transformers", "by itself"])
@pytest.mark.parametrize("outer", caches.NAMES)
def test_so_does_a_model_whose_own_code_knows_one_name_only(outer: str, prepared: str, tmp_path: Path) -> None:
    folder = with_own_code(tmp_path / "old", outer, CODE + (PREPARE if prepared == "by itself" else ""))
    store = ModelStore(str(folder), remote_code=True)
    store.start(str(folder), LoadOptions(trust=Trust(code=True)))
    assert store.wait(60).error is None
    loaded = store.current()
    assert type(loaded.model).__name__ == "OldForCausalLM"
    said = said_without(loaded.pretrained, PROMPT)
    assert generated(loaded.pretrained, PROMPT) == said

    engine, read = Engine(store), tokens_read(loaded)
    assert answer(engine, loaded, PROMPT) == words(loaded, said)
    assert sum(read) == len(PROMPT) + MANY - 1  # each once
    longer = (*PROMPT, *said, 60, 61)
    expected = words(loaded, said_without(loaded.pretrained, longer))
    read.clear()
    assert answer(engine, loaded, longer) == expected
    assert sum(read) == 3 + MANY - 1  # of the first turn only the last token, which was said but not read


def test_training_hears_it_too(tmp_path: Path) -> None:
    from core.train.spec import JobSpec
    from core.train.worker.base import load_base, with_adapter
    from tests.helpers.train_tiny import CONFIG, PROMPT_CONFIG

    folder = with_own_code(tmp_path / "old", "past_key_values", CODE)
    base = load_base(JobSpec(str(folder), tmp_path, PROMPT_CONFIG, CONFIG, "mika", trust=Trust(code=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft asks by old names of its own
        model = with_adapter(base, CONFIG).eval()
    assert generated(model, PROMPT) == said_without(model, PROMPT)


def test_a_model_of_transformers_is_left_as_it_is() -> None:
    model = stand_in("llama")
    assert caches.accept_cache_keyword(model) is model
    assert not {"forward", "prepare_inputs_for_generation"} & set(vars(model))


def tokens_read(loaded: LoadedModel) -> list[int]:
    """How many tokens the model is given, a pass at a time, from now on."""
    found: list[int] = []
    loaded.pretrained.get_input_embeddings().register_forward_hook(lambda _, given, __: found.append(given[0].shape[1]))
    return found


def words(loaded: LoadedModel, ids: list[int]) -> str:
    return decode(ids, loaded.tokenizer, skip_special_tokens=True).replace("\ufffd", "").strip()


def answer(engine: Engine, loaded: LoadedModel, prompt: tuple[int, ...]) -> str:
    greedy = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=MANY)
    return list(engine.stream(loaded, prompt, greedy, NEVER, stop=threading.Event()))[-1].text
