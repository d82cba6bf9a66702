"""The page says whose words these are, and that one talks with an AI."""

from pathlib import Path

import pytest

import app
from core.settings import Settings
from tabs.ui.services import make_services


@pytest.mark.parametrize("public", [True, False])
def test_the_page_says_whose_words_these_are(home: Path, public: bool) -> None:
    services = make_services(Settings(home=home), public=public)
    try:
        there = {block.elem_id for block in app.build_app(services).blocks.values()}
    finally:
        services.jobs.close()
    assert {"data-whose-words", "publish-adapter-whose-words", "publish-dataset-whose-words", "own-files"} <= there
    assert ("talk-is-ai" in there) == public  # else it is shown by the address: see tabs/ui/scripts/first.js
