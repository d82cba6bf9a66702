"""Five exports of different apps in a real browser: each shows who is in it, its rows, and an account that balances."""

import io
import json
import re
import zipfile
from dataclasses import dataclass

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.helpers.served import Server, Visit, open_tab
from tests.helpers.training_page import upload

TALK = [
    ("葵", "おはよう"),
    ("湊", "はやいね"),
    ("葵", "散歩してた"),
    ("葵", "いい天気"),
    ("湊", "いいな"),
    ("葵", "おいでよ"),
] * 4


@dataclass(frozen=True)
class Export:
    """A file as an app writes it, of TALK between two people."""

    app: str
    """In the name of the format on the page."""
    name: str
    content: bytes
    speakers: tuple[str, str] = ("葵", "湊")


def moments() -> list[tuple[int, str, str]]:
    """(minutes after noon, sender, words) of each message."""
    return [(2 * k, who, f"{words} {k}") for k, (who, words) in enumerate(TALK)]


def line() -> Export:
    said = "".join(f"{12 + m // 60}:{m % 60:02}\t{who}\t{words}\n" for m, who, words in moments())
    head = "[LINE] 葵とのトーク履歴\r\n保存日時：2025/09/01 21:14\r\n\r\n2025/04/18(金)\r\n"
    return Export("LINE", "[LINE] 葵とのトーク.txt", (head + said.replace("\n", "\r\n")).encode())


def whatsapp() -> Export:
    said = "".join(f"18/04/2025, {12 + m // 60}:{m % 60:02} - {who}: {words}\n" for m, who, words in moments())
    notice = "18/04/2025, 11:59 - Messages and calls are end-to-end encrypted.\n"
    return Export("WhatsApp", "WhatsApp Chat with 葵.txt", (notice + said).encode())


def telegram() -> Export:
    messages = [
        {
            "id": k, "type": "message", "date": f"2025-04-18T{12 + m // 60}:{m % 60:02}:00", "from": who,
            "from_id": f"user{len(who) + ord(who)}", "text": words,
        }
        for k, (m, who, words) in enumerate(moments())
    ]  # fmt: skip
    whole = {"name": "葵", "type": "personal_chat", "id": 1, "messages": messages}
    return Export("Telegram", "result.json", json.dumps(whole, ensure_ascii=False).encode())


def discord() -> Export:
    messages = [
        {
            "id": str(k), "type": "Default", "timestamp": f"2025-04-18T{12 + m // 60}:{m % 60:02}:00+09:00",
            "content": words, "author": {"id": str(ord(who)), "name": who, "nickname": who, "isBot": False},
            "attachments": [], "embeds": [], "stickers": [], "reactions": [], "mentions": [],
        }
        for k, (m, who, words) in enumerate(moments())
    ]  # fmt: skip
    whole = {
        "guild": {"id": "0", "name": "Direct Messages"},
        "channel": {"id": "1", "type": "DirectTextChat", "name": "葵"},
        "messages": messages, "messageCount": len(messages),
    }  # fmt: skip
    return Export("Discord", "葵 [1].json", json.dumps(whole, ensure_ascii=False).encode())


def slack() -> Export:
    people = [{"id": f"U{ord(who)}", "name": who, "profile": {"display_name": who}} for who in ("葵", "湊")]
    day = [
        {"type": "message", "user": f"U{ord(who)}", "text": words, "ts": f"{1744945200 + 60 * m}.000100"}
        for m, who, words in moments()
    ]
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr("users.json", json.dumps(people))
        archive.writestr("channels.json", json.dumps([{"id": "C1", "name": "散歩", "members": []}]))
        archive.writestr("散歩/2025-04-18.json", json.dumps(day))
    return Export("Slack", "Slack export.zip", held.getvalue())


def brackets() -> Export:
    return Export("テキスト", "台本.txt", "".join(f"【{who}】{words}\n" for _, who, words in moments()).encode("cp932"))


EXPORTS = (line(), whatsapp(), telegram(), discord(), slack(), brackets())


def payload(export: Export) -> FilePayload:
    return {"name": export.name, "mimeType": "application/octet-stream", "buffer": export.content}


def account(page: Page) -> tuple[list[int], int, int]:
    """(the outcomes, their sum as the page shows it, how many are missing)."""
    rows = page.locator("#data-ledger > div table.ledger, #data-ledger table.ledger").first.locator("tr")
    figures = [int(text.replace(",", "")) for text in rows.locator("td:last-child").all_inner_texts()]
    return figures[:-2], figures[-2], figures[-1]


@pytest.mark.timeout(600)
def test_five_formats_and_one_more_show_their_people_and_balance(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "データ")
    expect(page.locator("#data-start")).to_be_visible()
    for export in EXPORTS:
        upload(page, payload(export))
        expect(page.locator("#data-about")).to_contain_text(export.name)
        expect(page.locator("#data-format")).to_contain_text(export.app)
        for speaker in export.speakers:
            expect(page.locator("#data-persona")).to_contain_text(speaker)
        expect(page.locator("#data-row .said.learned").first).to_be_visible()
        outcomes, total, missing = account(page)
        assert sum(outcomes) == total >= len(TALK) and missing == 0, export.app


@pytest.mark.timeout(600)
def test_choices_in_the_folds_change_rows_and_account(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "データ")
    upload(page, payload(line()))
    expect(page.locator("#data-split")).to_contain_text(re.compile(r"学習用"))
    before = page.locator("#data-split").inner_text()
    page.locator("#data-recipe-fold > button").click()
    page.get_by_label("一問一答").check()
    expect(page.locator("#data-split")).not_to_have_text(before)
    assert account(page)[2] == 0
    page.locator("#data-private-fold > button").click()
    page.locator("#data-private input").check()
    expect(page.locator("#data-secrets")).to_contain_text("湊")
    page.locator("#data-profile-fold > button").click()
    expect(page.locator("#data-profile svg")).to_have_count(4)
    with page.expect_file_chooser() as chooser:
        page.locator("#data-newer").click()
    more = line().content + "21:00\t湊\tまだ起きてる？\r\n21:01\t葵\tうん\r\n".encode()
    chooser.value.set_files({"name": "newer.txt", "mimeType": "text/plain", "buffer": more})
    expect(page.locator("#data-about")).to_contain_text("新しい 2 通")
    outcomes, total, missing = account(page)
    assert sum(outcomes) == total == len(TALK) + 2 and missing == 0
