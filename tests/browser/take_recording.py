"""Take the README's recording, the way from a log to a talk: `python -m tests.browser.take_recording`.

The real app in a browser, in Japanese: the sample log, its rows, a whole training, a talk with what came out. Frames
are taken where something is to be seen, and put together as docs/pictures/from-log-to-talk.webp; nothing is cut but the
waiting.
"""

import io
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.take_pictures import FINISHED, TABS, arrive
from tests.helpers.served import ROOT, Server, open_tab

TARGET = ROOT / "docs" / "pictures" / "from-log-to-talk.webp"
SHOWN = (880, 591)  # pixels; the page is 1280 × 860
MOST_OF_TRAINING, TRAINING = 20, 350  # frames, and milliseconds of each
SAID = "ひさしぶり！元気だった？"


@dataclass
class Recording:
    """Frames with how long each is shown, in milliseconds."""

    page: Page
    frames: list[Image.Image] = field(default_factory=list)
    shown_for: list[int] = field(default_factory=list)

    def frame(self, milliseconds: int) -> None:
        """Take what is on the page now; the same picture again is shown longer."""
        picture = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB").resize(SHOWN, Image.Resampling.LANCZOS)
        if self.frames and self.frames[-1].tobytes() == picture.tobytes():
            self.shown_for[-1] += milliseconds
            return
        self.frames.append(picture)
        self.shown_for.append(milliseconds)

    def thin(self, first: int, most: int, milliseconds: int) -> None:
        """Keep `most` frames, evenly, of those from number `first` on: a slow machine makes many."""
        count = len(self.frames) - first
        kept = [first + round(k * (count - 1) / (most - 1)) for k in range(most)] if count > most else []
        kept = kept or list(range(first, len(self.frames)))
        self.frames = [*self.frames[:first], *(self.frames[k] for k in kept)]
        self.shown_for = [*self.shown_for[:first], *[milliseconds] * len(kept)]

    def save(self, path: Path) -> None:
        first, *others = self.frames
        first.save(path, save_all=True, append_images=others, duration=self.shown_for, loop=0, quality=70, method=6)


def record(page: Page) -> Recording:
    """Every step of the way, as a person goes it."""
    taken = Recording(page)
    open_tab(page, TABS["data"])
    expect(page.locator("#data-sample")).to_be_visible()
    taken.frame(2200)
    page.locator("#data-sample").click()
    expect(page.locator("#data-row .said.learned").first).to_be_visible()
    taken.frame(2600)
    page.locator("#data-rows").scroll_into_view_if_needed()
    page.wait_for_timeout(500)
    taken.frame(2200)
    page.locator("#data-learn").click()
    expect(page.locator("#train-start")).to_be_enabled()
    taken.frame(1800)
    page.locator("#train-start").click()
    state, before = page.locator("#train-picture"), len(taken.frames)
    while not FINISHED.search(state.inner_text()):
        page.wait_for_timeout(2500)
        taken.frame(TRAINING)
    taken.thin(before, MOST_OF_TRAINING, TRAINING)
    page.wait_for_timeout(1500)
    taken.frame(2600)
    page.locator("#train-talk").click()
    box = page.locator("#talk-box textarea")
    expect(box).to_be_editable()
    page.wait_for_timeout(1500)
    for end in range(3, len(SAID) + 1, 3):
        box.fill(SAID[:end])
        taken.frame(160)
    box.fill(SAID)
    taken.frame(700)
    page.locator("#talk-send").click()
    expect(page.locator("#chat .message.user")).to_have_count(1)
    for _ in range(40):
        page.wait_for_timeout(400)
        taken.frame(250)
        if page.locator("#talk-stop").is_hidden() and page.locator("#chat .message").count() > 2:
            break
    taken.frame(3500)
    return taken


def main() -> None:
    expect.set_options(timeout=90_000)
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        server = Server(Path(home) / "home").start()
        try:
            record(arrive(browser, server, "ja")).save(TARGET)
        finally:
            server.close()


if __name__ == "__main__":
    main()
