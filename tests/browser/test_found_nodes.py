"""The searches that are served with a memory find what the plain ones find, wherever things have moved."""

import pytest
from playwright.sync_api import Browser

from tabs.ui.web.found_nodes import ASSETS, EVENTS, REMEMBERED, SEARCH, SORTED, remembering, scripts
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


FILTERED = (
    "find_attached_events(e,t){let n=t.filter(t=>t.targets.find(([t])=>t===e.id))"
    ".map(t=>{let n=t.targets.find(([t])=>t===e.id);return n?n[1]:null}).filter(Boolean);"
    "return e.props.shared_props.attached_events=n,e}"
)
SAME_EVENTS = """
const events = [
  { targets: [[1, "click"], [2, "input"]] }, { targets: [] }, { targets: [[1, "change"], [1, "click"]] },
  { targets: [[3, null], [3, "load"]] }, { targets: [[2, ""]] }, { targets: [[1, "click"]] },
];
const of = (way, id) => JSON.stringify(
  way.find_attached_events({ id, props: { shared_props: {} } }, events).props.shared_props.attached_events
);
return [1, 2, 3, 4, 1].map((id) => of(plain, id) === of(sorted, id));
"""


def test_the_searches_of_this_gradio_are_the_ones_that_are_replaced() -> None:
    """Where this fails, see whether Gradio has mended its searches, and take the module away."""
    assert len(scripts()) == 1
    (path,) = scripts()
    script = (ASSETS / path.rpartition("/")[2]).read_text(encoding="utf-8")
    made = remembering(script)
    search, events = SEARCH.search(script), EVENTS.search(script)
    assert made and search and events
    made = made.replace(REMEMBERED.replace("NAME", search["name"]), search[0]).replace(SORTED, events[0])
    assert made == f"{script}\nconst omokageEvents=new WeakMap();"


@pytest.mark.parametrize("script", ["", "function Z(e){return e}", PLAIN + PLAIN.replace("Z", "Y")])
def test_another_script_is_served_as_it_is(script: str) -> None:
    assert remembering(script) is None


def evaluated(browser: Browser, body: str) -> object:
    """What a function with this body returns on an empty page."""
    page = browser.new_page()
    try:
        return page.evaluate(f"() => {{ {body} }}")
    finally:
        page.close()


def test_both_searches_find_the_same(browser: Browser) -> None:
    body = f"{PLAIN.replace('Z', 'plain')}\n{remembering(PLAIN.replace('Z', 'memory'))}\n{SAME}"
    assert evaluated(browser, body) == [True] * 4


def test_both_ways_find_the_same_events(browser: Browser) -> None:
    ways = f"const omokageEvents = new WeakMap(), plain = {{ {FILTERED} }}, sorted = {{ {SORTED} }};"
    assert evaluated(browser, f"{ways} {SAME_EVENTS}") == [True] * 5


def test_the_page_is_served_with_it(server: Server, visit: Visit) -> None:
    page = visit(server)
    (path,) = scripts()
    assert "omokageSearch" in page.evaluate("async (path) => (await fetch(path)).text()", path)
    assert any(path in entry for entry in page.evaluate("performance.getEntries().map((entry) => entry.name)"))
