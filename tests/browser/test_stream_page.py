"""Gradio's stream of answers over a slow line: what is asked while it closes is answered all the same."""

from playwright.sync_api import Browser, expect

from tests.helpers.served import Server, open_tab, wait_until_ready

# The word that ends a stream comes half a second late, as behind a proxy; questions that were sent meanwhile
# are answered at once.
LATE = """(() => {
  const fetchNow = window.fetch;
  window.late = 0;
  window.fetch = async (resource, options) => {
    const response = await fetchNow(resource, options);
    if (!String(resource.url ?? resource).includes("/queue/data")) return response;
    const decoder = new TextDecoder();
    const slow = new TransformStream({ async transform(chunk, controller) {
      if (decoder.decode(chunk).includes("close_stream")) {
        window.late += 1;
        await new Promise((after) => setTimeout(after, 500));
      }
      controller.enqueue(chunk);
    } });
    return new Response(response.body.pipeThrough(slow), { status: response.status, headers: response.headers });
  };
})()"""


def test_what_is_asked_while_the_stream_closes_is_answered(browser: Browser, server: Server) -> None:
    page = browser.new_context(locale="ja-JP").new_page()
    page.add_init_script(LATE)
    page.goto(server.url)
    wait_until_ready(page)
    open_tab(page, "データ")
    for _ in range(3):
        late = page.evaluate("window.late")
        page.locator("#data-sample").click()
        expect(page.locator("#data-ledger")).to_contain_text("数え漏れ")
        page.locator("#data-put-away").click()
        expect(page.locator("#data-sample")).to_be_visible()
        assert page.evaluate("window.late") > late
    page.context.close()
