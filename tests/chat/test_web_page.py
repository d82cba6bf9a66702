"""A talk as a file to be shared: nothing runs in it, and names are left out where that is wanted."""

from core.chat.conversation import Conversation
from core.chat.web_page import web_page

TALK = (
    Conversation("id", "p")
    .said("user", "葵、<b>元気</b>？", time=1_700_000_000)
    .said("assistant", "うん、ケンは？")
    .said("user", "Ann says hi to ken & ann.", name="Ann")
)


def test_a_talk_as_a_page_of_its_own() -> None:
    page = web_page(TALK, persona="葵", user="ケン")
    assert "&lt;b&gt;元気&lt;/b&gt;" in page and "<script" not in page and '<html lang="ja">' in page
    assert page.count('class="turn mine"') == 1 and 'class="by">Ann<' in page and 'class="day">2023-11-1' in page
    assert "葵のことばは言語モデルが書いたものです。" in page


def test_names_are_letters_where_they_are_hidden() -> None:
    page = web_page(TALK, persona="葵", user="ケン", hide_names=True)
    assert "ケン" not in page and "うん、Aは？" in page
    assert "C says hi to ken &amp; C." in page  # another alphabet's spelling of a name is not known
    assert 'class="by">B<' in page and "B、&lt;b&gt;" in page and "葵" not in page


def test_a_name_of_one_kana_stays_in_the_words() -> None:
    page = web_page(Conversation("id", "p").said("user", "あのね"), persona="あ", user="い", hide_names=True)
    assert "あのね" in page


def test_an_empty_talk_is_a_page_as_well() -> None:
    assert "<h1></h1>" in web_page(Conversation("id", "p"), persona="P", user="U", hide_names=True)
