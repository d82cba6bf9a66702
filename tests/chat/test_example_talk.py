"""What somebody new meets: the first persona, and an example that says who said it."""

import pytest

from core.chat.example_talk import example_talk
from core.personas import built_in


@pytest.mark.parametrize("language", ["ja", "en"])
def test_somebody_new_meets_a_persona_that_a_small_model_can_carry(language: str) -> None:
    first = built_in(language)[0]
    assert (
        first.id == "yui"
        and first.greeting
        and all(len(text) < 40 for turn in first.examples for text in turn.messages)
    )


def test_an_example_talk_says_who_said_it() -> None:
    written, recorded = example_talk("ja"), example_talk("en")
    assert not written.model and not written.settings
    assert recorded.model == "SmolLM2-135M-Instruct" and "greedy" in recorded.settings
    for language, talk in (("ja", written), ("en", recorded)):
        assert talk.persona in {persona.id for persona in built_in(language)}
        assert [turn.role for turn in talk.turns] == ["user", "assistant"]
