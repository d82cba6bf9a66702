"""What a local model writes, as text: special tokens left out, but for those that tell thoughts from words."""

import pytest

from core.models.generate import decode_reply
from core.prompt import PromptConfig, stop_criteria
from core.thoughts import split_growing, split_thoughts
from tests.helpers import prompt_tiny as tiny

HARMONY = ("<|startoftext|>", "<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|call|>", "<|return|>")
# As the models' own: the model opens the channels itself.
HARMONY_TEMPLATE = """{% for m in messages %}{% if m.role == 'assistant' %}{{
'<|start|>assistant<|channel|>final<|message|>' + m.content + ('<|return|>' if loop.last else '<|end|>') }}{% else %}{{
'<|start|>' + m.role + '<|message|>' + m.content + '<|end|>' }}{% endif %}{% endfor
%}{% if add_generation_prompt %}{{ '<|start|>assistant' }}{% endif %}"""
FAMILIES = {
    "harmony": (HARMONY,
                "<|channel|>analysis<|message|>考えた<|end|><|start|>assistant<|channel|>final<|message|>はい"),
    "Mistral": (("<s>", "[THINK]", "[/THINK]", "</s>"), "[THINK]考えた[/THINK]はい"),
    "Gemma 4": (("<bos>", "<|channel>", "<channel|>", "<turn|>"), "<|channel>thought\n考えた<channel|>はい"),
    "Command A": (("<s>", "<|START_THINKING|>", "<|END_THINKING|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>"),
                  "<|START_THINKING|>考えた<|END_THINKING|><|START_RESPONSE|>はい<|END_RESPONSE|>"),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_no_token_of_a_thought_becomes_a_word(family: str) -> None:
    special, text = FAMILIES[family]
    tokenizer = tiny.byte_bpe(special=special)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    for n in range(len(ids)):
        assert "はい".startswith(split_growing(decode_reply(tokenizer, ids[:n], ())).words.strip())
    spoken = split_thoughts(decode_reply(tokenizer, ids, ()))
    assert (spoken.words, spoken.thoughts) == ("はい", ("考えた",))


def test_marks_that_end_a_turn_are_no_words_where_no_channel_was_opened() -> None:
    tokenizer = tiny.byte_bpe(special=HARMONY)
    for text in ("はい", "はい<|end|>", "はい<|end|><|start|>user<|message|>ね", "<|message|>はい<|return|>"):
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert decode_reply(tokenizer, ids, ()) == "はい"


def test_other_special_tokens_are_left_out_beside_thoughts() -> None:
    tokenizer = tiny.byte_bpe(special=("<s>", "<unused>", "[THINK]", "[/THINK]", "</s>"))
    ids = tokenizer("<s>[THINK]a<unused>[/THINK]b<unused>c</s>", add_special_tokens=False)["input_ids"]
    assert decode_reply(tokenizer, ids, ()) == "[THINK]a[/THINK]bc"


def test_the_end_of_a_thought_ends_no_turn_where_the_model_opens_its_channels() -> None:
    tokenizer = tiny.byte_bpe(special=HARMONY, template=HARMONY_TEMPLATE)

    def ends(template: str) -> set[str]:
        config = PromptConfig("Mika", "DESC", template=template)
        return set(tokenizer.convert_ids_to_tokens(list(stop_criteria(config, tokenizer).token_ids)))

    assert ends("model") == {"<|return|>"}
    assert ends("auto") == ends("harmony") == {"<|end|>", "<|return|>"}
