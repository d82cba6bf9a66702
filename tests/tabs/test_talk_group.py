"""A group on the Chat tab: members join and leave, the right one speaks, and its prompt is its own."""

import json
import random
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import gradio as gr
import pytest

from core.chat.group import ORDERS
from core.chat.limits import RateLimiter
from core.personas import Persona
from core.prompt import Prompt
from tabs.data.sets.corrections import CorrectionHandlers
from tabs.talk.group import GroupHandlers
from tabs.talk.transfer import TransferHandlers
from tabs.ui.services import Services
from tests.helpers.prompt_tiny import GEMMA, byte_bpe, chatml
from tests.helpers.tab_tiny import KEY, Models, owner, visit
from tests.tabs.test_talk import Page, base, bubbles, services  # noqa: F401


@pytest.fixture
def page(services: Services) -> Page:  # noqa: F811
    """A talk of Plato, Yui and Aoi, who speak in turn."""
    first, *others = services.personas.entries(owner(services), "ja")[:3]
    page = Page(services, services.chat.open_conversation(owner(services), "ja", persona=first.id).id)
    for other in others:
        ask(page, "add", words=other.id)
    panel(page).rule(KEY, page.conversation, "round", 0, 1, False, visit())
    return page


def panel(page: Page) -> GroupHandlers:
    return GroupHandlers(page.services, page.handlers)


def ask(page: Page, act: str, *, name: str = "", words: str = "") -> tuple:
    """Press a button of the panel."""
    return panel(page).act(
        KEY, page.conversation, gr.EventData(None, {"act": act, "name": name, "words": words}), visit()
    )


def names(page: Page) -> list[str]:
    return [node.name for node in page.talk.path if node.role == "assistant"]


def script(page: Page, *words: str) -> list[str]:
    """What is said next; returns the list of prompts, which grows."""
    page.chat.script[:] = words
    page.chat.asked.clear()
    return page.chat.asked


def test_members_join_once_each_and_leave(page: Page) -> None:
    drawn, settings, order, *_ = panel(page).show(KEY, page.conversation, visit())
    members = page.talk.group.names
    assert len(members) == 3 and all(f'data-member="{name}"' in drawn for name in members)
    assert settings.visible and order == "round"
    assert not any(f'data-words="{one.persona}"' in drawn for one in page.talk.group.members)
    for name in members[:2]:
        ask(page, "remove", name=name)
    assert not page.talk.group and page.talk.persona
    assert not ask(page, "remove", name=members[2])[1].visible
    ask(page, "add", words=page.services.personas.entries(owner(page.services), "ja")[0].id)
    talkative = ask(page, "talkative", name=page.talk.group.names[1], words="80")
    assert page.talk.group.members[1].talkativeness == 0.8 and 'value="80"' in talkative[0]


def test_each_speaks_in_turn_with_its_own_prompt(page: Page) -> None:
    first, second, third = page.talk.group.names
    asked = script(page, "one", "two")
    opened = [names(page)] if page.talk.path else []
    page.send("hi")
    page.send("and you?")
    spoke = names(page)[len(opened) and len(opened[0]) :]
    assert spoke == [second, third], "the first one greeted"
    for name, prompt in zip(spoke, asked, strict=True):
        member = page.talk.group.member(name)
        assert member
        told = page.services.chat.persona(owner(page.services), member.persona, "", "ja").description
        assert told.split("\n")[0][:40] in prompt
    assert f"{second}: one" in asked[1]
    assert f'<small class="by">{third}</small>' in page.last["chat"] and bubbles(page.last["chat"])[-1] == "two"
    assert first in page.last["seen"], "whose prompt is shown is told"


def test_they_go_on_without_the_user_until_stopped(page: Page) -> None:
    before = len(names(page))
    script(page, "a", "b", "c")
    page.act("alone", words="3")
    assert len(names(page)) == before + 3 and page.talk.group.alone == 3 and page.last["stop"].visible is False
    script(page, "d", "e", "never")
    stream = page.handlers.among_themselves(page.services.visitor(KEY, visit(), None), page.conversation, "3", False)
    for values in stream:
        if any("e" in bubbles(value) for value in values if isinstance(value, str)):
            page.call("stop")
    assert page.talk.path[-1].messages == ("e",) and not page.handlers.replies.writing


def test_who_writes_in_between_ends_the_round(page: Page) -> None:
    script(page, "a", "b", "c")
    stream = page.handlers.among_themselves(page.services.visitor(KEY, visit(), None), page.conversation, "4", False)
    for _ in stream:
        if page.talk.path[-1].messages == ("b",):  # stored, and the next one is announced
            break
    (follow,) = page.handlers.replies.writing.values()
    follow.stored.set()  # nobody draws what comes next while this test does something else; a page would
    page.send("wait!")
    assert [values for values in stream if any(value != gr.skip() for value in values)] == []
    assert [node.messages[0] for node in page.talk.path[-3:]] == ["b", "wait!", "c"]


def test_another_version_is_by_the_same_member_and_by_hand_somebody_is_chosen(page: Page) -> None:
    script(page, "one", "two", "three")
    page.send("hi")
    spoke = names(page)[-1]
    page.act("again")
    assert names(page)[-1] == spoke and page.talk.version_of(page.talk.path[-1]) == (2, 2)
    panel(page).rule(KEY, page.conversation, "hand", 0, 1, False, visit())
    page.send("who?")
    assert page.talk.path[-1].role == "user" and 'data-act="speak"' in page.last["chat"]
    chosen = page.talk.group.names[0]
    page.act("speak", words=chosen)
    assert names(page)[-1] == chosen and page.talk.path[-1].messages == ("three",)
    with_error = page.act("alone", words="2")
    assert with_error and "refused" in page.last["notice"]


def test_whoever_is_named_answers_all_of_them(page: Page) -> None:
    panel(page).rule(KEY, page.conversation, "named", 0, 1, False, visit())
    _, second, third = page.talk.group.names
    script(page, "x", "y")
    page.send(f"{third}と{second}はどう思う？")
    assert names(page)[-2:] == [third, second]


def test_a_reply_of_a_group_is_continued_edited_and_taken_back(page: Page) -> None:
    script(page, "one", " more", "two")
    page.send("hi")
    spoke = names(page)[-1]
    page.act("go_on")
    assert page.talk.path[-1].messages == ("one more",) and names(page)[-1] == spoke
    page.act("speak", words=page.talk.group.names[2])
    page.act("undo")
    assert page.talk.path[-1].messages != ("hi",) and "one more" not in page.last["chat"]
    page.act("put_back")
    assert [node.messages[0] for node in page.talk.path[-2:]] == ["one more", "two"]


def test_a_correction_belongs_to_who_said_it_with_what_that_one_saw(page: Page) -> None:
    script(page, "one", "two")
    page.send("hi")
    page.send("and you?")
    spoke = page.talk.path[-1].name
    last = sum(len(node.messages) for node in page.talk.path) - 1
    page.act("keep", last, "better")
    who, shown, *_ = CorrectionHandlers(page.services).show(KEY, None, visit())
    member = page.talk.group.member(spoke)
    assert member and who.value == f"{member.persona}/" and "better" in shown and "and you?" in shown


def test_a_narrator_is_a_persona_like_the_others(page: Page) -> None:
    ask(page, "narrate")
    assert page.talk.group.names[-1] == "語り手"
    count = len(page.services.personas.entries(owner(page.services), "ja"))
    ask(page, "narrate")
    assert page.talk.group.names[-1] == "語り手 2"
    assert len(page.services.personas.entries(owner(page.services), "ja")) == count
    for order in ORDERS:
        panel(page).rule(KEY, page.conversation, order, 1, 2, True, visit())
        assert page.talk.group.order == order and page.talk.group.answers == 2 and page.talk.group.interrupts


def test_a_group_is_saved_and_brought_back_with_its_speakers(page: Page) -> None:
    script(page, "one", "two")
    page.send("hi")
    page.send("and you?")
    files = TransferHandlers(page.services)
    for write in (files.as_lines, files.as_messages):
        path = Path(write(KEY, page.conversation, visit()))
        upload = page.services.workspace.cache() / path.name
        upload.write_bytes(path.read_bytes())
        found = Page(page.services, files.bring(KEY, page.conversation, str(upload), visit()))
        assert names(found) == names(page) and found.words() == page.words()
        there = {one.name: one.persona for one in page.talk.group.members}
        assert all(there[one.name] == one.persona for one in found.talk.group.members)


def test_who_has_no_persona_gets_one(page: Page) -> None:
    rows = [{"name": name, "is_user": name == "Ken", "mes": "hi"} for name in ("Ken", "Zoë", "Old  Tom", "ゆい")]
    upload = page.services.workspace.cache() / "group.jsonl"
    upload.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    found = Page(page.services, TransferHandlers(page.services).bring(KEY, page.conversation, str(upload), visit()))
    assert [node.name for node in found.talk.path] == ["", "Zoë", "Old Tom", "ゆい"]
    yui = found.talk.group.member("ゆい")
    assert yui and page.services.personas.get(owner(page.services), yui.persona, "ja").built_in
    made = found.talk.group.member("Zoë")
    assert made and "Zoë" in page.services.personas.get(owner(page.services), made.persona, "ja").description
    script(found, "me")
    found.send("Zoë?")
    assert names(found)[-1] == "Zoë"


@pytest.mark.parametrize("template", [GEMMA, chatml()], ids=["strict", "chatml"])
def test_three_talk_for_sixty_turns_in_a_window_of_1024_and_each_prompt_is_right(
    services: Services, base: Path, template: str  # noqa: F811
) -> None:  # fmt: skip
    """Through the page: every prompt holds the speaker's whole persona and the others under their names."""
    models = Models(base, byte_bpe(template=template), window=1024)
    services = replace(services, chat=replace(services.chat, models=models, rate_limiter=RateLimiter()))
    told = {"葵": "葵は絵が好きで、よく笑う。" * 3, "ゆい": "ゆいは短く話す。", "Kai": "Kai is calm and asks back."}
    made = {
        name: services.personas.save(owner(services), Persona(name, text, user="ケン")) for name, text in told.items()
    }
    page = Page(services, services.chat.open_conversation(owner(services), "ja", persona=made["葵"].id).id)
    for name in ("ゆい", "Kai"):
        ask(page, "add", words=made[name].id)
    draw, before = random.Random(1), 0
    for turn in range(16):
        words = [
            draw.choice(("今日は海へ行ったよ", "Kai はどう？", "ゆいなら知ってる", "…ほんとに？")) for _ in range(5)
        ]
        prompts = script(page, *words)
        page.send(f"ねえ {turn}") if turn % 4 == 0 else page.act("alone", words="5")
        said = page.talk.path[before:]
        for node, prompt in zip([node for node in said if node.role == "assistant"], prompts, strict=True):
            assert made[node.name].description in prompt, "the whole persona"
            assert all(other in prompt for other in (*told, "ケン") if other != node.name)
            heard = page.talk.path_to(node.parent)[-1]
            named = "ケン" if heard.role == "user" else heard.name
            assert named == node.name or f"{named}: {heard.messages[0]}" in prompt
            assert len(models.current().tokenizer.encode(prompt, add_special_tokens=False)) <= 1024
            roles = re.findall(r"<(?:start_of_turn>|\|im_start\|>)(user|model|assistant)", prompt)
            assert all(one != other for one, other in pairwise(roles)), "one side after the other"
        before = len(page.talk.path)
    assert len([node for node in page.talk.path if node.role == "assistant"]) == 64
    kept = services.conversations.prompt_of(owner(services), page.conversation, page.talk.leaf)
    assert kept and Prompt.from_json(kept).left_out.get("turns", 0) > 0, "the window is full"
