"""Real models talk: asked as their own code would, drawn as bare transformers draws, however long it goes on."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from core.adapters.store import Adapters
from core.chat.context import ChatContext
from core.chat.conversation import Conversation
from core.chat.engine import Engine, Reply
from core.chat.loops import find_loop, says_again
from core.chat.service import ChatService
from core.chat.store import Conversations
from core.memory.diary import Diary
from core.memory.memory import Memory
from core.memory.notes import Notes
from core.memory.retrieve.recall import Participants
from core.memory.store import MemoryStore
from core.memory.turns import Turns
from core.memory.write.diary_writing import write_diary
from core.memory.write.generate import write_texts
from core.memory.write.note_taking import NoteRequest, take_notes
from core.messages import Turn, to_chat_messages
from core.models.loading import LoadedModel, ModelStore
from core.models.sampling import Sampling
from core.personas import Personas
from core.prompt import PromptConfig, render, stop_criteria
from core.prompt.token_text import decode
from core.workspace import Workspace
from tests.real.conftest import loaded_store

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
MOST = 12  # tokens of a reply
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=MOST)
ENGLISH = PromptConfig("Socrates", "You are Socrates, a philosopher of Athens.", user="Glaucon", reply_reserve=64)
JAPANESE = PromptConfig("葵", "葵は北の港町に住む大学生です。", user="湊", reply_reserve=64)
WORDS = {"en": ("Good morning!", "What is justice?", "And courage?"), "ja": ("おはよう", "今日は何する？", "海は？")}
WHO = Participants("s", "Socrates", "Glaucon")
NEVER = threading.Event()


def service(store: ModelStore, folder: Path) -> ChatService:
    workspace = Workspace(folder)
    memory = Memory(workspace, partial(write_texts, store))
    return ChatService(store, Engine(store), Personas(workspace), Adapters(workspace), Conversations(workspace), memory)


def answered(talk: ChatService, setting: ChatContext, asked: Conversation) -> tuple[Reply, Conversation]:
    reply = list(talk.reply(setting, asked, threading.Event()))[-1]
    return reply, asked.said("assistant", *(talk.messages_of(setting, reply.text) or ["…"]))


@pytest.mark.parametrize(("prompt_config", "language"), [(ENGLISH, "en"), (JAPANESE, "ja")])
def test_each_reply_of_a_talk_is_what_bare_transformers_says_to_the_same_prompt(
    store: ModelStore, tmp_path: Path, prompt_config: PromptConfig, language: str
) -> None:
    """Three turns: the second and third go on from what was read before, and must not differ for it."""
    loaded, talk = store.current(), service(store, tmp_path)
    setting = ChatContext("login-test", loaded, replace(prompt_config, context_window=512), GREEDY, None, False)
    conversation, said = talk.conversations.new(""), list[str]()
    for words in WORDS[language]:
        asked = conversation.said("user", words)
        prompt = talk.prompt(setting, asked)
        reply, conversation = answered(talk, setting, asked)
        ends = stop_criteria(setting.prompt_config, loaded.tokenizer).token_ids
        expected = store.run(bare, loaded, prompt.ids, ends).result()
        if reply.fault:  # not said as it was drawn: for a reason that bare transformers' words show, too
            assert says_again(expected, said) or find_loop(expected), (reply.fault, expected)
            continue
        assert reply.text.strip() and expected.startswith(reply.text.strip()), (reply.text, expected)
        assert reply.finished or reply.text.strip() == expected  # an end may also be words: the other side's name
        said.append(reply.text)
    assert said


def bare(loaded: LoadedModel, ids: Sequence[int], ends: Sequence[int]) -> str:
    """What transformers alone makes of the same ids."""
    import torch

    inputs, model = torch.tensor([list(ids)]), cast(Any, loaded.model)
    with torch.inference_mode():
        made = model.generate(
            input_ids=inputs, attention_mask=torch.ones_like(inputs), do_sample=False, max_new_tokens=MOST,
            eos_token_id=list(ends), pad_token_id=0,
        )[0, len(ids) :].tolist()  # fmt: skip
    return decode([token for token in made if token not in ends], loaded.tokenizer, skip_special_tokens=True).strip()


def test_the_prompt_is_the_models_own(store: ModelStore) -> None:
    """SmolLM2 brings a ChatML template of its own; a base model without one is asked as a plain dialogue."""
    tokenizer = store.current().tokenizer
    turns = (Turn("user", ("Hi!",)), Turn("assistant", ("Hello.",)), Turn("user", ("Who are you?",)))
    prompt = render(replace(ENGLISH, context_window=512), turns, tokenizer)
    if not tokenizer.chat_template:
        assert prompt.text.endswith("\n\nGlaucon:\nWho are you?\n\nSocrates:\n"), prompt.text
        return
    messages = [{"role": "system", "content": ENGLISH.description}, *to_chat_messages(turns)]
    own = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert list(prompt.ids) == own


def test_a_long_talk_stays_within_a_short_window(store: ModelStore, tmp_path: Path) -> None:
    talk = service(store, tmp_path)
    config = replace(ENGLISH, context_window=160, reply_reserve=16)
    setting = ChatContext("login-test", store.current(), config, replace(GREEDY, max_new_tokens=8), None, False)
    conversation = talk.conversations.new("")
    left_out = 0
    for number in range(10):
        words = f"Tell me something about the number {number}, please."
        asked = conversation.said("user", words)
        prompt = talk.prompt(setting, asked)
        assert len(prompt.ids) <= 160 - 16 and words in prompt.text
        left_out = prompt.turns_left_out
        _, conversation = answered(talk, setting, asked)
    assert left_out > 5 and len(conversation.turns) == 20


def test_notes_and_diary_of_a_real_model_can_be_read(smollm2: Path, tmp_path: Path) -> None:
    """By grammar every answer parses; what it is worth is another matter."""
    store = loaded_store(smollm2)
    loaded, memory = store.current(), MemoryStore(tmp_path / "memory.sqlite")
    notes, now = Notes(memory, "s"), datetime(2026, 11, 18, 9)
    turns = (Turn("user", ("I bought a dog yesterday. Her name is Argos.",)), Turn("assistant", ("A fine name.",)))
    config, write = replace(ENGLISH, context_window=1024), partial(write_texts, store)
    asked = NoteRequest(loaded, config, WHO, "c1", turns)
    outcome = take_notes(asked, notes, write, NEVER, now.timestamp())
    assert outcome.parse_method == "grammar" and outcome.tries == 1
    assert all(note.text.strip() for note in notes.live())
    Turns(memory).keep("s", "c1", list(turns), (now - timedelta(days=1)).timestamp())
    diary = Diary(memory, "s")
    assert write_diary(diary, loaded, config, WHO, write, NEVER, now) == 1
    assert diary.entries()[0].text
