"""The language that was chosen on the page is the one that the server speaks."""

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from tabs.ui.visitor import language_wanted
from tabs.ui.web.chosen_language import ChosenLanguage


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    app.add_middleware(ChosenLanguage)

    @app.get("/")
    def spoken(request: Request) -> str:
        return language_wanted(request.headers.get("accept-language"))

    return TestClient(app)


@pytest.mark.parametrize(
    ("cookie", "asked", "spoken"),
    [
        ("omokage-language=ja", "en-US,en", "ja"),
        ("other=1; omokage-language=en", "ja-JP", "en"),
        ("omokage-language=fr", "ja-JP", "ja"),
        ("not-omokage-language=en", "ja-JP", "ja"),
        ("", "ja-JP", "ja"),
    ],
)
def test_a_choice_goes_before_what_the_browser_asks_for(
    client: TestClient, cookie: str, asked: str, spoken: str
) -> None:
    assert client.get("/", headers={"cookie": cookie, "accept-language": asked}).json() == spoken
