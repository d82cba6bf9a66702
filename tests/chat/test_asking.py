"""Other ways to ask for words: an instruction stands last in the prompt; as the user, the sides are exchanged."""

# ruff: noqa: F401, F811 - the fixtures come from the other file
from dataclasses import replace

from core.chat.asking import as_user, instructed
from core.chat.context import ChatContext
from core.chat.conversation import Conversation
from core.chat.service import ChatService
from tests.chat.test_service import base, store, talk

ME = "key-me"


def begun(talk: ChatService) -> Conversation:
    opened = talk.open_conversation(ME, "ja", persona="yui")
    return opened.said("user", "海は好き？").said("assistant", "好きだよ。", "君は？")


def wide(talk: ChatService, asked: Conversation) -> ChatContext:
    """With room for a whole persona: the model of these tests has little."""
    setting = talk.context(ME, asked, "ja")
    return replace(setting, prompt_config=replace(setting.prompt_config, context_window=4096))


def test_an_instruction_is_the_last_thing_that_is_said(talk: ChatService) -> None:
    asked = begun(talk).without_reply()
    setting = wide(talk, asked)
    plain, wished = (talk.prompt(one, asked) for one in (setting, instructed(setting, " ラップ調で ")))
    assert "ラップ調で" not in plain.text and "次の返事について: ラップ調で" in wished.text
    assert wished.text.index("ラップ調で") > wished.text.index("海は好き？")
    assert instructed(setting, "  ") is setting
    assert "About the next reply: short" in talk.prompt(instructed(setting, "short"), asked).text


def test_as_the_user_the_sides_are_exchanged(talk: ChatService) -> None:
    asked = begun(talk)
    setting, seen = as_user(wide(talk, asked), asked, "猫と暮らしている。")
    assert [turn.role for turn in seen.turns] == ["user", "assistant", "user"]
    prompt = talk.prompt(setting, seen)
    before = wide(talk, asked).prompt_config
    assert (setting.prompt_config.persona, setting.prompt_config.user) == (before.user, before.persona)
    assert "猫と暮らしている。" in prompt.text and before.description not in prompt.text
    assert prompt.text.rindex("君は？") > prompt.text.index("海は好き？")


def test_who_spoke_last_goes_on_behind_a_word_of_the_other_side(talk: ChatService) -> None:
    asked = begun(talk).said("user", "うん")
    setting, seen = as_user(wide(talk, asked), asked)
    assert seen.turns[-1].role == "user" and setting.adapter is None
    assert talk.prompt(setting, seen).ids
