"""The search that is served with a memory finds what the plain one finds, wherever things have moved."""

import pytest
from playwright.sync_api import Browser

from tabs.ui.web.found_nodes import ASSETS, REMEMBERED, SEARCH, remembering, scripts
from tests.helpers.served import Server, Visit

PLAIN = (
    "function Z(e,t){if(e.id===t)return e;"
    "if(e.children)for(let n of e.children){let e=Z(n,t);if(e)return e}return null}"
)
SAME = """
const tree = (id, ...children) => ({ id, children });
const root = tree(0, tree(1, tree(2), tree(3)), tree(4, tree(5, tree(6))), { id: 7 });
const asked = () => [0, 1, 2, 3, 4, 5, 6, 7, 99].every((id) => plain(root, id) === memory(root, id));
const before = asked() && asked();
root.children.reverse();                       // moved
const moved = asked() && asked();
root.children[2].children[0] = tree(2, tree(3)); // made anew, deeper
root.children[2].children.pop();
const anew = asked();
root.children.pop();                           // gone
return [before, moved, anew, asked()];
"""


def test_the_search_of_this_gradio_is_the_one_that_is_replaced() -> None:
    """Where this fails, see whether Gradio has mended its search, and take the module away."""
    assert len(scripts()) == 1
    (path,) = scripts()
    script = (ASSETS / path.rpartition("/")[2]).read_text(encoding="utf-8")
    made = remembering(script)
    search = SEARCH.search(script)
    assert made and search and made.replace(REMEMBERED.replace("NAME", search["name"]), search[0]) == script


@pytest.mark.parametrize("script", ["", "function Z(e){return e}", PLAIN + PLAIN.replace("Z", "Y")])
def test_another_script_is_served_as_it_is(script: str) -> None:
    assert remembering(script) is None


def test_both_searches_find_the_same(browser: Browser) -> None:
    page = browser.new_page()
    body = f"{PLAIN.replace('Z', 'plain')}\n{remembering(PLAIN.replace('Z', 'memory'))}\n{SAME}"
    try:
        assert page.evaluate(f"() => {{ {body} }}") == [True] * 4
    finally:
        page.close()


def test_the_page_is_served_with_it(server: Server, visit: Visit) -> None:
    page = visit(server)
    (path,) = scripts()
    assert "omokageSearch" in page.evaluate("async (path) => (await fetch(path)).text()", path)
    assert any(path in entry for entry in page.evaluate("performance.getEntries().map((entry) => entry.name)"))
