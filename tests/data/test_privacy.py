"""Privacy: what is found and what is not, stand-ins that stay the same, and the spans of a diff."""

import json
import random
import string
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.prepare import prepare
from core.data.privacy.names import script_of
from core.data.privacy.pii import LABELS, PiiType, digits_of, find_pii, luhn, my_number_check
from core.data.privacy.replace import Pseudonyms, counts
from core.data.recipe import Recipe
from core.errors import InputError
from tests.data.test_rows import Letters, log_of, say


def kinds(text: str) -> list[str]:
    return [one.kind.value for one in find_pii(text)]


def masked(text: str, *names: str) -> str:
    return Pseudonyms(names).mask(text).after


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "連絡は hanako.y+line@example.co.jp まで"),
        ("email", "メールはtaro_88@docomo.ne.jpです"),
        ("phone", "電話は090-1234-5678です"),
        ("phone", "09012345678ね"),
        ("phone", "０９０－１２３４－５６７８"),
        ("phone", "(03)3210-7000まで"),
        ("phone", "0463-21-1111"),
        ("phone", "0120-444-113 にかけて"),
        ("phone", "+81 90-1234-5678"),
        ("phone", "call +44 (0)20 7946 0958 now"),
        ("phone", "my number is +1 415 555 2671"),
        ("phone", "(415) 555-2671"),
        ("phone", "415-555-2671"),
        ("phone", "+82 10-1234-5678"),
        ("postal", "〒150-0002"),
        ("postal", "〒１５０－０００２です"),
        ("postal", "郵便番号は1500002"),
        ("address", "東京都千代田区永田町1-7-1 です"),
        ("address", "大阪市北区梅田3丁目1番1号に集合"),
        ("address", "京都市中京区寺町通御池上る上本能寺前町488番地"),
        ("address", "埼玉県さいたま市大宮区桜木町一丁目10番地17"),
        ("address", "横浜市西区みなとみらい2-3-1 クイーンズタワー1201号室"),
        ("card", "4111 1111 1111 1111"),
        ("card", "カードは5555555555554444だよ"),
        ("card", "3782-822463-10005"),
        ("my_number", "123456789018"),
        ("my_number", "マイナンバー 1234 5678 9018"),
        ("url", "https://example.jp/reset?token=abcd1234efgh"),
        ("url", "https://taro:himitsu@example.jp/"),
        ("url", "https://discord.gg/abc123 きて"),
        ("url", "https://us02web.zoom.us/j/81234567890?pwd=xyz"),
        ("url", "https://docs.google.com/document/d/1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789/edit"),
        ("key", "hf_" + string.ascii_letters[:34]),
        ("key", "sk-proj-" + "a1B2c3D4" * 4),
        ("key", "ghp_" + "a1B2c3D4e5F6" * 3),
        ("key", "AKIA" + "ABCDEFGH12345678"),
        ("key", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"),
        ("key", "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----"),
        ("key", "パスワードは「hello123」です"),
        ("key", "wifi password: Xk29!ds"),
    ],
)
def test_it_is_found(kind, text):
    assert kinds(text) == [kind]
    assert find_pii(text)[0].text in text and find_pii(masked(text)) != find_pii(text)


@pytest.mark.parametrize(
    "text",
    [
        "12:30-13:45に集合", "2024/01/15 10:20", "2024-01-15 12:30:45", "2024年1月15日", "¥1,234,567", "100-200円",
        "1,234,567円です", "3-1で勝った", "score was 3-1 lol", "10000 steps", "1995-2024年", "202401151230",
        "20240115123045", "3.14159265358979", "192.168.10.25", "1234567890123456", "1111 1111 1111 1111",
        "0-0-7", "1-2-3", "第03-1234号", "no. 12345678", "ISBN 978-4-06-521234-5", "注文番号 2501-1234-5678",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ", "https://www.amazon.co.jp/dp/B08N5WRWNW",
        "https://example.com/some-long-article-title-2024-for-you-and-me", "@taro 見て", "a@b", "(^o^)/ 8888888888",
        "東京都渋谷区に行く", "大阪市内で3-1の勝利", "地区予選は3-0で勝ち", "京都市で1番おいしい", "千葉県で3番目",
        "市役所前の1-2番線", "3丁目のコンビニ", "第2回市民大会1番", "東京都で一番高い", "新潟県大会3-1で勝った",
        "password を変えて", "パスワードは忘れた", "パスワードは後で言うね", "123-4567みたいな番号",
    ],
)  # fmt: skip
def test_it_is_none(text):
    assert find_pii(text) == [] and masked(text) == text


def test_check_digits():
    assert luhn("4111111111111111") and not luhn("4111111111111112")
    assert my_number_check("12345678901") == 8 and kinds("123456789017") == []
    assert kinds("4111 1111 1111 1112") == []


def test_the_same_value_has_the_same_stand_in_however_it_is_written():
    names = Pseudonyms(("花子",))
    ways = ["090-1234-5678", "09012345678", "０９０－１２３４－５６７８", "+81 90-1234-5678"]
    stand_ins = [names.mask(way).after for way in ways]
    assert len({digits_of(text).removeprefix("81").lstrip("0") for text in stand_ins}) == 1
    assert "-" in stand_ins[0] and stand_ins[1].isdecimal() and stand_ins[2][3] == "－"
    assert names.mask("080-1111-2222").after not in stand_ins
    assert names.mask("TARO@x.jp").after == names.mask("taro@x.jp").after != names.mask("jiro@x.jp").after
    assert names.mask("花子？花子！").after == names.mask("花子").after.join(["", "？", "！"])


def test_stand_ins_are_of_the_same_kind_and_belong_to_nobody():
    names = Pseudonyms()
    said = names.mask("090-1234-5678 と 03-3210-7000 と +44 7911 123456 と +1 415 555 2671").after.split(" と ")
    assert said[0].startswith("090-0") and said[1].startswith("03-0")
    assert said[2].startswith("+44 7700 900") and digits_of(said[3])[4:9] == "55501"
    assert names.mask("a@b.jp").after.endswith("@example.com")
    assert names.mask("https://discord.gg/abc123").after.startswith("https://example.com/")
    assert luhn(digits_of(names.mask("5555-5555-5555-4444").after))
    assert find_pii(names.mask("123456789018").after)[0].kind is PiiType.MY_NUMBER
    assert names.mask("〒150-0002").after.startswith("〒000-")
    key = names.mask("hf_" + "a1B2c3D4" * 4).after
    assert key.startswith("hf_EXAMPLE") and len(key) == 35


def test_stand_ins_follow_the_seed_and_not_the_value():
    """Whoever knows the seed and how this works still cannot compute a number from its stand-in."""
    first = [Pseudonyms(seed=3).mask(text).after for text in ("090-1234-5678", "090-8765-4321")]
    assert first[0] == first[1]
    assert first[0] != Pseudonyms(seed=4).mask("090-1234-5678").after


def test_many_values_have_many_stand_ins():
    names, chance = Pseudonyms(), random.Random(1)
    numbers = {f"090-{chance.randrange(1000, 9999)}-{chance.randrange(10**4):04}" for _ in range(2000)}
    valid = [number for number in numbers if kinds(number) == ["phone"]]
    assert len(valid) > 1500 and len({names.mask(number).after for number in valid}) == len(valid)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("花子さん", "花子"), ("明日花子と行く", "花子"), ("まいは元気？", "まい"), ("まい、来て", "まい"),
        ("ケンが来た", "ケン"), ("Is Ann there?", "Ann"), ("ann!", "ann"), ("林さんと", "林"),
        ("うまいね", ""), ("まいにち", ""), ("ケンタッキー", ""), ("Annie and Joanna", ""), ("森林を歩く", ""),
    ],
)  # fmt: skip
def test_names_are_found_as_words(text, found):
    names = Pseudonyms(("花子", "まい", "ケン", "Ann", "林"))
    assert "".join(one.before for one in names.mask(text).replaced) == found


def test_a_name_becomes_a_name_of_its_script_and_none_of_the_list():
    listed = ("美咲", "陽菜", "さくら", "サクラ", "Alex", "佐藤")
    for name in listed:
        stand_in = masked(name, *listed)
        assert stand_in not in listed and script_of(stand_in) == script_of(name)


def test_a_chosen_stand_in_is_taken_and_long_names_go_first():
    assert masked("太郎と山田太郎", "太郎=次郎", "山田太郎→佐藤三郎") == "次郎と佐藤三郎"


def test_more_names_than_there_are_stand_ins():
    listed = [f"Name{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(100)]
    names = Pseudonyms(listed)
    assert len({names.mask(name).after for name in listed}) == 100
    with pytest.raises(InputError):
        Pseudonyms([str(n) for n in range(501)])


WORDS = st.lists(
    st.sampled_from(
        ("花子", "は", " ", "電話は", "090-1234-5678", "a@b.jp", "。", "https://discord.gg/abc", "〒150-0002", "x")
    )
)


@settings(max_examples=200, deadline=None, database=None)
@given(WORDS.map("".join))
def test_spans_put_the_text_together_again(text):
    masked = Pseudonyms(("花子",)).mask(text)
    before, after, at, new_at = "", "", 0, 0
    for one in masked.replaced:
        assert (
            masked.before[one.start : one.end] == one.before and masked.after[one.new_start : one.new_end] == one.after
        )
        assert masked.before[at : one.start] == masked.after[new_at : one.new_start]
        before, after = before + text[at : one.start] + one.before, after + text[at : one.start] + one.after
        at, new_at = one.end, one.new_end
    assert (before + text[at:], after + text[at:]) == (masked.before, masked.after) and masked.before == text
    assert sum(counts([masked]).values()) == len(masked.replaced)


@settings(max_examples=200, deadline=None, database=None)
@given(st.text(alphabet="0123456789-+ ()@.東京都市区町丁目番a:/?=一〒", max_size=60))
def test_any_text_is_answered(text):
    """Rules may overlap in any way: spans never do, and nothing raises."""
    spans = [(one.start, one.end) for one in Pseudonyms(("東",)).mask(text).replaced]
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


def test_long_texts_take_no_long_time():
    for text in ("東" * 5000, "都道府県市区郡" * 1000, "1-" * 10000, "a.a" * 9000, "a@" + "a-" * 9000, "090-" * 5000,
                 "東京都中央区市区町村郡" * 600, "https://a/" + "a1" * 9000, "?token" * 4000 + "://"):  # fmt: skip
        find_pii(text)  # the test's own time limit tells


def test_every_kind_has_words_for_people():
    assert set(LABELS) == set(PiiType)


def test_rows_hold_the_stand_ins_and_the_diff_what_was_there():
    said = [say("A", "花子の電話は？"), say("P", "090-1234-5678 だよ"), say("花子", "やめて"), say("P", "ごめん、花子")]
    prepared = prepare(
        log_of(*said), "P", counter=Letters(), budget=500, recipe=Recipe(private=True, names=("花子=さくら",))
    )
    saved = "".join(json.dumps(row.to_json(), ensure_ascii=False) for row in (*prepared.train, *prepared.validation))
    assert "花子" not in saved and "1234" not in saved and "さくら: " not in saved and '"name": "さくら"' in saved
    assert [prepared.masked[i].before for i in sorted(prepared.masked)] == [said[i].text for i in (0, 1, 3)]
    assert counts(list(prepared.masked.values())) == {PiiType.NAME: 2, PiiType.PHONE: 1}
    plain = prepare(log_of(*said), "P", counter=Letters(), budget=500)
    assert plain.masked == {} and "花子" in str(plain.train)
