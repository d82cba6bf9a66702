"""One's own name and a few lines about oneself: kept for an owner, and told to every persona."""

from pathlib import Path

import pytest

from core.errors import InputError
from core.messages import Turn
from core.personas import Persona
from core.personas.user_profile import FILE, UserProfile, UserProfiles
from core.prompt import render
from core.workspace import Workspace
from tests.helpers.prompt_tiny import byte_bpe


def test_a_profile_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    profiles = UserProfiles(Workspace(tmp_path))
    assert profiles.get("key-a") == UserProfile()
    assert profiles.save("key-a", UserProfile(" Ken \n", " I fish. ")) == UserProfile("Ken", "I fish.")
    assert profiles.get("key-a").about == "I fish." and profiles.get("key-b") == UserProfile()
    (profiles.workspace.owner_folder("key-a") / FILE).write_text("[")
    assert profiles.get("key-a") == UserProfile()
    with pytest.raises(InputError, match="1,001"):
        profiles.save("key-a", UserProfile("Ken", "x" * 1001))


def test_it_is_told_behind_the_description_and_fills_the_macros() -> None:
    card = Persona("Mio", "{{char}} knows {{user}}: {{persona}}", greeting="Hi {{user}}")
    persona = card.talking_with(UserProfile("Ken", "I fish.")).with_macros_expanded("seed")
    assert (persona.description, persona.greeting) == ("Mio knows Ken: I fish.", "Hi Ken")
    prompt = render(persona.prompt_config(1024), [Turn("user", ("hello",))], byte_bpe(), placed=persona.placed)
    assert "About Ken: I fish." in prompt.text and prompt.tokens_by_part()["user"] > 0
    assert card.talking_with(UserProfile()).user == "User"
    plain = card.talking_with(UserProfile("Ken")).with_macros_expanded("seed")
    assert "About" not in render(plain.prompt_config(1024), [Turn("user", ("hello",))], byte_bpe(),
                                 placed=plain.placed).text  # fmt: skip
