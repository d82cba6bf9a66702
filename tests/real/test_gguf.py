"""Real models as GGUF: the files that llama.cpp runs, and SmolLM2 with an adapter written as one."""

import threading
from pathlib import Path

import pytest

from core.adapters.gguf_lora import GgufShape, write_gguf_lora
from core.chat.context import ChatContext
from core.export.gguf import write_gguf
from core.models.gguf.model import GgufModel
from core.models.sampling import Sampling
from core.prompt import PromptConfig
from models.real_models import SOURCES
from tests.export.test_gguf import same_next
from tests.helpers.adapter_tiny import tiny_adapter
from tests.real.conftest import folder_of, loaded_store
from tests.real.test_talking import service

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
SOCRATES = PromptConfig("Socrates", "You are Socrates, a philosopher of Athens.", user="Glaucon", reply_reserve=64,
                        context_window=512)  # fmt: skip


@pytest.mark.parametrize("key", SOURCES)
def test_a_published_file_talks_and_goes_on_from_what_it_has_read(key: str, tmp_path: Path) -> None:
    """Quantised, it says on one processor what it does not on another: nothing is held to the letter."""
    folder = folder_of(key)
    store = loaded_store(folder.with_name(f"{folder.name}.gguf"))
    loaded, talk = store.current(), service(store, tmp_path)
    assert store.status.tokenizer_check.verdict == "right" and loaded.gguf is not None
    setting = ChatContext("login-test", loaded, SOCRATES, Sampling(max_new_tokens=8), None, False)
    conversation = talk.conversations.new("").said("user", "What is justice?")
    assert [*talk.reply(setting, conversation, threading.Event())][-1].tokens > 0
    prompt = talk.prompt(setting, conversation)
    with loaded.gguf._serving(None) as server:
        again = server.handle_completions({"prompt": list(prompt.ids), "n_predict": 1})
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] >= len(prompt.ids) - 2


def test_smollm2_and_an_adapter_on_it_say_as_gguf_what_they_say_in_transformers(smollm2: Path, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    plain = AutoModelForCausalLM.from_pretrained(smollm2, dtype="float32")
    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    write_gguf(plain, tokenizer, SOCRATES, tokenizer.chat_template, tmp_path / "model.gguf", kind="f32")
    model = GgufModel(tmp_path / "model.gguf", 1)
    same_next(plain, model, tokenizer, None)
    adapter = tiny_adapter(tmp_path / "adapter", smollm2, std=0.02)
    write_gguf_lora(adapter, GgufShape.of_header(model.header), tmp_path / "adapter.gguf", model.header)
    same_next(PeftModel.from_pretrained(plain, adapter.folder).eval(), model, tokenizer, tmp_path / "adapter.gguf")
