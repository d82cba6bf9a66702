"""axe-core finds nothing serious in what the app makes, on any tab, in both colour schemes."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.helpers.served import Server, Visit, open_tab

TABS = ("Chat", "Data", "Train", "Compare", "Memory", "Tokens", "Connect")
SERIOUS = ("serious", "critical")
GRADIOS_OWN = {"aria-prohibited-attr": ("#train-command", "#train-yaml")}
"""What Gradio's components bring, by rule: parts of the selectors. In 6.31: an empty gr.Code, a div with a name."""


def findings(page: Page) -> list[str]:
    """What is serious and no component's of Gradio: "rule: selector"."""
    found = []
    for violation in Axe().run(page).response["violations"]:
        own = GRADIOS_OWN.get(violation["id"], ())
        for node in violation["nodes"]:
            selector = " ".join(map(str, node["target"]))
            if violation["impact"] in SERIOUS and not any(part in selector for part in own):
                found.append(f"{violation['id']}: {selector}: {node['html'][:200]}")
    return found


def open_folds(page: Page) -> None:
    """What is folded away is part of the page, too."""
    folds = page.locator("button.label-wrap:not(.open):visible")
    while folds.count():
        folds.first.click()


@pytest.mark.slow
def test_axe_finds_nothing_serious(server: Server, visit: Visit) -> None:
    page = visit(server, language="en")
    page.add_style_tag(content="* { transition: none !important; }")  # a colour on its way is none of the page's
    for tab in TABS:
        open_tab(page, tab)
        if tab == "Data":
            page.locator("#data-sample").click()
            expect(page.locator("#data-row .said.learned").first).to_be_visible()
        open_folds(page)
        light = findings(page)
        page.evaluate("document.body.classList.add('dark')")
        dark = findings(page)
        page.evaluate("document.body.classList.remove('dark')")
        assert light + dark == [], tab
