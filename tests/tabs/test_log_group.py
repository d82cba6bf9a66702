"""The log of a group becomes talking personas, or a data set for each person, whatever app it is from."""

import random
from datetime import datetime, timedelta

import gradio as gr
import pytest

from core.personas.user_profile import UserProfile
from tabs.data.log.everybody import EverybodyHandlers
from tabs.ui.services import Services
from tests.helpers.typed import present
from tests.tabs.test_data import Tab, base, services  # noqa: F401 - fixtures

PEOPLE = ("花子", "太郎", "Ken")
SAYS = {"花子": "海ね", "太郎": "まじ", "Ken": "ok!"}


def said(count: int = 90) -> list[tuple[datetime, str, str]]:
    draw, at, found = random.Random(2), datetime(2024, 3, 1, 9, 0), []
    for n in range(count):
        at += timedelta(minutes=draw.choice((1, 2, 3, 200)))
        who = PEOPLE[n % 3]
        found.append((at, who, f"{SAYS[who]} {n}"))
    return found


def line() -> str:
    rows, day = ["[LINE] 旅行のトーク履歴", "保存日時：2024/04/01 10:00", ""], ""
    for at, who, text in said():
        if (today := f"{at:%Y/%m/%d}({'月火水木金土日'[at.weekday()]})") != day:
            rows += ["", today]
            day = today
        rows.append(f"{at:%H:%M}\t{who}\t{text}")
    return "\n".join(rows) + "\n"


def whatsapp() -> str:
    return "".join(f"[{at:%d/%m/%Y, %H:%M:%S}] {who}: {text}\n" for at, who, text in said())


def discord() -> str:
    head = "AuthorID,Author,Date,Content,Attachments,Reactions\n"
    return head + "".join(f'"{PEOPLE.index(who)}","{who}","{at:%Y-%m-%dT%H:%M:%S}+00:00","{text}","",""\n'
                          for at, who, text in said())  # fmt: skip


LOGS = [("line", line(), "[LINE] 旅行.txt"), ("whatsapp", whatsapp(), "_chat.txt"), ("discord", discord(), "c.csv")]


@pytest.mark.parametrize(("app", "log", "name"), LOGS, ids=[app for app, *_ in LOGS])
def test_everybody_of_a_groups_log_talks(services: Services, app: str, log: str, name: str) -> None:  # noqa: F811
    tab = Tab(services).upload(log, name)
    assert app in tab.opened.log.format.id and tab.shown["everybody"].visible
    *steps, last = EverybodyHandlers(tab.context).talk(tab.key, tab.log, tab.request)
    assert len(steps) >= 3 and steps[0][1] == gr.skip() and last[0] == ""
    talk = present(services.conversations.get(tab.owner, last[1]))
    assert sorted(talk.group.names) == sorted(PEOPLE)
    for member in talk.group.members:
        persona = services.personas.get(tab.owner, member.persona, "ja")
        others = [one for one in PEOPLE if one != member.name]
        assert all(one in persona.description for one in others) and persona.user == "あなた"
        words = " ".join(text for turn in persona.examples if turn.role == "assistant" for text in turn.messages)
        assert SAYS[member.name] in words and not any(SAYS[one] in words for one in others)
    assert tab.opened.persona == talk.group.names[0], "what is open stays as it was"


def test_who_talks_with_them_is_not_one_of_them(services: Services) -> None:  # noqa: F811
    tab = Tab(services).upload(line(), "[LINE] 旅行.txt")
    services.chat.profiles.save(tab.owner, UserProfile("太郎"))
    *_, last = EverybodyHandlers(tab.context).talk(tab.key, tab.log, tab.request)
    talk = present(services.conversations.get(tab.owner, last[1]))
    assert sorted(talk.group.names) == ["Ken", "花子"]
    assert services.personas.get(tab.owner, talk.persona, "ja").user == "太郎"


def test_each_gets_a_data_set_in_which_its_words_are_learned(services: Services) -> None:  # noqa: F811
    tab = Tab(services).upload(line(), "[LINE] 旅行.txt")
    *_, last = EverybodyHandlers(tab.context).keep(tab.key, tab.log, tab.request)
    sets = services.datasets.list_all(tab.owner)
    assert sorted(one.info.persona for one in sets) == sorted(PEOPLE) and len(last[1].choices) == 3
    for one in sets:
        rows = services.datasets.read_rows(tab.owner, one.folder.name, "train")
        learned = [text for row in rows for turn in row.turns if turn.role == "assistant" for text in turn.messages]
        assert learned and all(text.startswith(SAYS[one.info.persona]) for text in learned)


def test_a_log_of_two_is_no_group_and_one_voice_is_refused(services: Services) -> None:  # noqa: F811
    tab = Tab(services).sample()
    assert tab.shown["everybody"].visible is False
    services.chat.profiles.save(tab.owner, UserProfile("湊"))
    with pytest.raises(gr.Error, match="1 人だけ"):
        list(EverybodyHandlers(tab.context).talk(tab.key, tab.log, tab.request))
