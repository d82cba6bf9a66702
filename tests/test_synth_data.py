"""What made dialogues start from and are judged by: shape, languages, and no two texts nearly the same."""

import json
import re
from collections import Counter
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
LANGUAGES = ("ja", "en")
KINDS = {
    "ja": {"ordinary": 68, "historical": 40, "follower": 40},
    "en": {"ordinary": 18, "historical": 11, "follower": 11},
}
OPENINGS = {"ja": 74, "en": 30}
DIALOGUES = "dialogues_for_judging.ja.jsonl"
TRAITS = {"mood", "length", "disagreement", "bursts", "typos", "goal"}
DESCRIPTION_CHARACTERS = {"ja": (120, 260), "en": (280, 480)}
# The most alike that two texts may be. The nearest two of the files have 0.10 in Japanese and 0.23 in English, where
# every text shares "the", "ing" and the like; a text with one word changed has more than 0.8.
MOST_ALIKE = {"ja": 0.2, "en": 0.35}
KANA = re.compile(r"[ぁ-んァ-ヶ]")
JAPANESE = re.compile(r"[ぁ-んァ-ヶ一-龠]")
SENTENCE_END = {"ja": re.compile(r"。"), "en": re.compile(r"[.?!](?=\s|$)")}
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@cache
def read_rows(name: str) -> list[dict[str, Any]]:
    text = (DATASETS / name).read_bytes().decode("utf-8")
    assert "\r" not in text and "\ufeff" not in text and text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def read_users(language: str) -> list[dict[str, Any]]:
    return read_rows(f"simulated_users.{language}.jsonl")


def read_openings(language: str) -> list[dict[str, Any]]:
    return read_rows(f"openings.{language}.jsonl")


def trigrams(text: str) -> frozenset[str]:
    return frozenset(text[start : start + 3] for start in range(len(text) - 2))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def find_alike(texts: dict[str, str], limit: float) -> list[tuple[str, str]]:
    """Pairs of keys whose texts share more than `limit` of their character trigrams."""
    grams = {key: trigrams(text) for key, text in texts.items()}
    return [(one, other) for one, other in combinations(grams, 2) if jaccard(grams[one], grams[other]) > limit]


def is_in(language: str, text: str) -> bool:
    return bool(KANA.search(text)) if language == "ja" else not JAPANESE.search(text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_kinds_have_their_numbers(language: str) -> None:
    assert Counter(user["kind"] for user in read_users(language)) == KINDS[language]
    assert len(read_openings(language)) == OPENINGS[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_users_have_their_fields(language: str) -> None:
    for user in read_users(language):
        follows = {"follows"} if user["kind"] == "follower" else set()
        assert set(user) == {"id", "name", "kind", "description", "traits"} | follows, user["id"]
        assert all(user[field].strip() == user[field] != "" for field in set(user) - {"traits"}), user["id"]
        traits = user["traits"]
        assert set(traits) == TRAITS, user["id"]
        assert traits["length"] in {"short", "medium", "long"}
        assert isinstance(traits["disagreement"], float) and 0 <= traits["disagreement"] <= 1
        assert isinstance(traits["bursts"], bool) and isinstance(traits["typos"], bool)
        assert traits["mood"] and traits["goal"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_openings_have_their_fields(language: str) -> None:
    for opening in read_openings(language):
        assert set(opening) == {"id", "text", "topic"}
        assert all(value.strip() == value != "" for value in opening.values()), opening["id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_ids_are_slugs_and_unique(language: str) -> None:
    for rows in (read_users(language), read_openings(language)):
        ids = [row["id"] for row in rows]
        assert len(set(ids)) == len(ids)
        assert all(SLUG.fullmatch(name) for name in ids)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_moods_and_goals_are_not_repeated(language: str) -> None:
    users = read_users(language)
    for values in (
        [user["name"] for user in users],
        [user["traits"]["goal"] for user in users],
        [user["traits"]["mood"] for user in users],
        [user["follows"] for user in users if user["kind"] == "follower"],
    ):
        assert [value for value, count in Counter(values).items() if count > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_descriptions_name_who_speaks_and_whom_they_follow(language: str) -> None:
    for user in read_users(language):
        assert user["name"] in user["description"] or user["name"].split()[0] in user["description"], user["id"]
        if user["kind"] == "follower":
            assert re.split("[ ・]", user["follows"])[-1] in user["description"], user["id"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_descriptions_have_three_to_five_sentences(language: str) -> None:
    least, most = DESCRIPTION_CHARACTERS[language]
    for user in read_users(language):
        text = user["description"]
        assert least <= len(text) <= most, user["id"]
        assert 3 <= len(SENTENCE_END[language].findall(text)) <= 5, user["id"]
        assert "\n" not in text and text[-1] in "。."


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_in_the_language_of_its_file(language: str) -> None:
    for user in read_users(language):
        for text in (user["description"], user["traits"]["goal"]):
            assert is_in(language, text), user["id"]
        assert language == "ja" or is_in("en", user["name"] + user["traits"]["mood"])
    for opening in read_openings(language):
        assert is_in(language, opening["text"]), opening["id"]
        assert language == "ja" or is_in("en", opening["topic"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_users_are_not_all_polite_and_alike(language: str) -> None:
    traits = [user["traits"] for user in read_users(language)]
    assert all(count >= 0.2 * len(traits) for count in Counter(t["length"] for t in traits).values())
    assert sum(t["bursts"] for t in traits) >= 0.15 * len(traits)
    assert sum(t["typos"] for t in traits) >= 0.08 * len(traits)
    assert sum(t["disagreement"] <= 0.3 for t in traits) >= 0.15 * len(traits)
    assert sum(t["disagreement"] >= 0.7 for t in traits) >= 0.2 * len(traits)


@pytest.mark.parametrize(("language", "topics", "short", "long"), [("ja", 40, 12, 90), ("en", 20, 20, 180)])
def test_openings_differ_in_topic_and_length(language: str, topics: int, short: int, long: int) -> None:
    openings = read_openings(language)
    assert len({opening["topic"] for opening in openings}) >= topics
    lengths = [len(opening["text"]) for opening in openings]
    assert min(lengths) <= short and max(lengths) >= long and max(lengths) <= 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_texts_are_near_duplicates(language: str) -> None:
    limit = MOST_ALIKE[language]
    assert find_alike({user["id"]: user["description"] for user in read_users(language)}, limit) == []
    assert find_alike({opening["id"]: opening["text"] for opening in read_openings(language)}, limit) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_one_changed_word_is_a_near_duplicate(language: str) -> None:
    user = read_users(language)[0]
    copy = user["description"].replace(user["name"], "X")
    assert copy != user["description"]
    assert jaccard(trigrams(copy), trigrams(user["description"])) > 0.8


def test_dialogues_begin_with_an_opening_of_a_user_of_the_files() -> None:
    users = {user["id"] for user in read_users("ja")}
    openings = {opening["id"]: opening["text"] for opening in read_openings("ja")}
    dialogues = read_rows(DIALOGUES)
    assert len(dialogues) == len({dialogue["id"] for dialogue in dialogues}) == 40
    for dialogue in dialogues:
        fields = {"id", "persona", "user", "opening", "messages", "tone", "coherence", "comment", "scored_by"}
        assert set(dialogue) == fields, dialogue["id"]
        assert dialogue["persona"] == "socrates" and dialogue["user"] in users
        messages = dialogue["messages"]
        assert messages[0] == {"role": "user", "content": openings[dialogue["opening"]]}, dialogue["id"]
        assert 4 <= len(messages) <= 6
        assert [message["role"] for message in messages] == (["user", "assistant"] * 3)[: len(messages)]
        assert all(message["content"].strip() for message in messages)


def test_scores_have_their_range_and_say_whose_they_are() -> None:
    dialogues = read_rows(DIALOGUES)
    for scale in ("tone", "coherence"):
        counts = Counter(dialogue[scale] for dialogue in dialogues)
        assert set(counts) == {0, 1, 2, 3, 4} and min(counts.values()) >= 2, scale
    assert sum(abs(dialogue["tone"] - dialogue["coherence"]) >= 2 for dialogue in dialogues) >= 5, "two scales, not one"
    assert len({dialogue["comment"] for dialogue in dialogues}) == 40
    assert all(is_in("ja", dialogue["comment"]) and "\n" not in dialogue["comment"] for dialogue in dialogues)
    assert {dialogue["scored_by"] for dialogue in dialogues} == {
        "the writer of these dialogues, for this project, one by one, before any judge ran"
    }


def test_no_two_dialogues_are_near_duplicates() -> None:
    said = {
        dialogue["id"]: "\n".join(message["content"] for message in dialogue["messages"])
        for dialogue in read_rows(DIALOGUES)
    }
    assert find_alike(said, MOST_ALIKE["ja"]) == []


def test_readme_tells_the_true_numbers() -> None:
    readme = (DATASETS / "README.md").read_text(encoding="utf-8")
    for language, kinds in KINDS.items():
        numbers = r" \+ ".join(str(kinds[kind]) for kind in ("ordinary", "historical", "follower"))
        assert re.search(rf"`simulated_users\.{language}\.jsonl` \| {sum(kinds.values())} .*\({numbers}\)", readme)
        assert re.search(rf"`openings\.{language}\.jsonl` \| {OPENINGS[language]} ", readme)
    assert f"`{DIALOGUES}` | 40 " in readme
