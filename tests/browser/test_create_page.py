"""Dialogues between models on the page: a plan is made, run, judged, reviewed by keyboard, and becomes a data set."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab, pick


def open_create(page: Page) -> None:
    open_tab(page, "データ|Data")
    page.get_by_role("tab", name=re.compile("AI どうしの対話から|From AI dialogues")).click()


def make_plan(page: Page, dialogues: int, exchanges: int) -> None:
    """Fill in the form of a small plan, whose persona greets first: that is one of its turns."""
    generations = dialogues * (2 * exchanges - 3)
    open_create(page)
    for field, value in (("dialogues", dialogues), ("exchanges", exchanges)):
        page.locator(f"#create-{field} input").fill(str(value))
        page.locator(f"#create-{field} input").blur()
    expect(page.locator("#create-estimate")).to_contain_text(
        re.compile(rf"{dialogues} の対話・{generations} 回|{dialogues} dialogues · {generations} replies")
    )
    expect(page.locator("#create-estimate svg")).to_be_visible()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_plan_run_review_data_set_training(server: Server, visit: Visit) -> None:
    page = visit(server)
    make_plan(page, 8, 3)
    page.locator("#create-make").click()
    now = page.locator("#create-now")
    expect(now).to_contain_text("8 の対話ができました", timeout=240_000)
    rows = page.locator("#create-review tr[data-cell]")
    expect(rows).to_have_count(8)

    page.locator("#create-judge").click()
    expect(now).to_contain_text("8 の対話を採点しました", timeout=240_000)
    expect(page.locator("#create-review")).to_contain_text("採点するモデルが、対話をつくったモデルと同じです")

    rows.nth(0).click()
    expect(page.locator("#create-review tr.now")).to_have_attribute(
        "data-cell", str(rows.nth(0).get_attribute("data-cell"))
    )
    page.keyboard.press("1")
    expect(rows.nth(0)).to_contain_text("✓ 残す")
    expect(rows.nth(1)).to_have_class("now")
    page.keyboard.press("0")
    expect(rows.nth(1)).to_contain_text("✕ 外す")
    page.keyboard.press("k")
    expect(rows.nth(1)).to_have_class("now")
    for n in range(1, 8):
        rows.nth(n).click()
        expect(rows.nth(n)).to_have_class("now")
        page.keyboard.press("f")
        expect(rows.nth(n)).to_contain_text("✓ 残す")
    expect(page.locator("#create-review")).to_contain_text("8 のうち 8 を残す")

    rows.nth(0).click()
    page.keyboard.press("e")
    page.locator("#create-review .editing textarea").fill("それは、どういうことだろう。")
    page.locator("#create-review [data-act=save]").click()
    expect(page.locator("#create-review .said.learned").last).to_contain_text("それは、どういうことだろう。")

    page.locator("#create-figures").click()
    expect(page.locator("#create-variants .nine tbody tr")).to_have_count(9)
    expect(page.locator("#create-variants")).to_contain_text("2,662")
    page.locator("#create-sets").click()
    expect(page.locator("#create-going")).to_contain_text("9 のデータセット")
    page.locator("#create-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    expect(page.locator("#train-dataset input")).to_have_value(re.compile("all-2-none"))


@pytest.mark.timeout(600)
def test_reload_finds_what_runs_and_stop_keeps_it(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    make_plan(page, 40, 3)
    page.locator("#create-make").click()
    now = page.locator("#create-now")
    expect(now.locator(".said").first).to_be_visible()
    page.reload()
    open_create(page)
    expect(now).to_contain_text("Making dialogues")
    page.locator("#create-stop").click()
    expect(now).to_contain_text("It goes on from there")
    expect(page.locator("#create-start")).to_be_visible()
    page.locator("#create-delete").click()
    page.locator("#create-delete-yes").click()
    expect(page.locator("#create-form")).to_be_visible()


@pytest.mark.timeout(600)
def test_own_questions_are_previewed_and_wrong_ones_named(server: Server, visit: Visit) -> None:
    page = visit(server, "en")
    make_plan(page, 6, 2)
    page.locator("#create-finer > button").click()

    def upload(text: str) -> None:
        with page.expect_file_chooser() as chooser:
            page.locator("#create-openings").click()
        chooser.value.set_files({"name": "mine.csv", "mimeType": "text/csv", "buffer": text.encode()})

    upload("question\nWhat is courage?\n")
    expect(page.get_by_text("has no “text”").first).to_be_visible()
    upload("text\nWhat is courage?\nWhat is a friend?\n")
    expect(page.locator("#create-openings-preview")).to_contain_text("2 questions from mine.csv: “What is courage?”")
    expect(page.locator("#create-estimate")).to_contain_text("Each question 3×")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_more_dialogues_of_the_person_of_a_log(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_create(page)
    page.locator("#create-more").click()
    expect(page.get_by_text("先に「記録から」で開いてください").first).to_be_visible()
    page.get_by_role("tab", name="記録から").click()
    page.locator("#data-sample").click()
    expect(page.locator("#data-ledger")).to_contain_text("数え漏れ")
    open_create(page)
    page.locator("#create-more").click()
    expect(page.locator("#create-persona input")).to_have_value("葵")


PROSE = """「船が来るよ。」と灯台守は言った。
凪子は窓に寄った。
「どこに？ 何も見えない。」
「霧の向こうだ。」
「聞こえるだけでしょう。」
「それでも来る。」
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_prose_is_reviewed_and_becomes_a_data_set(server: Server, visit: Visit) -> None:
    page = visit(server)
    open_tab(page, "データ|Data")
    page.get_by_role("tab", name="小説から").click()
    page.locator("#novel-sample").click()
    expect(page.locator("#novel-text textarea")).to_have_value(re.compile("the Hatter"))
    page.locator("#novel-text textarea").fill(PROSE)
    page.locator("#novel-people").locator("textarea, input").first.fill("灯台守、凪子")
    page.locator("#novel-propose").click()
    text = page.locator("#novel-script textarea")
    expect(text).to_have_value(
        re.compile("灯台守「船が来るよ。」\n凪子「どこに？ 何も見えない。」\n？灯台守「霧の向こうだ。」")
    )
    text.fill(text.input_value().replace("？灯台守", "灯台守").replace("？凪子", "凪子"))
    pick(page, "#novel-who", "凪子")
    page.locator("#novel-make").click()
    expect(page.locator("#novel-made")).to_contain_text("凪子-prose")
    page.locator("#novel-learn").click()
    expect(page.locator("#train-dataset input")).to_have_value(re.compile("凪子-prose"))
