"""The command line and the page as a whole."""

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest
from gradio.blocks import BlocksConfig
from gradio.i18n import I18nData

import app
from core.settings import Settings
from tabs.talk.help_writing import IN_SCRIPTS
from tabs.ui.described_once import DescribedOnce
from tabs.ui.services import Services, make_services
from tabs.ui.text import t, t_client, texts

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def services(home: Path) -> Iterator[Services]:
    services = make_services(Settings(home=home))
    yield services
    services.jobs.close()


def test_a_public_link_needs_a_password(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        app.parse(["--share"])
    assert ended.value.code == 2
    assert "--auth" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--share", "--auth", "me:secret"], ["--share", "--public-without-auth"], []])
def test_what_may_start(arguments: list[str]) -> None:
    app.parse(arguments)


@pytest.mark.parametrize("auth", ["me", "me:", ":secret"])
def test_half_a_login_is_refused(auth: str) -> None:
    with pytest.raises(SystemExit):
        app.parse(["--auth", auth])


def test_the_app_listens_to_this_machine_only_unless_told() -> None:
    assert Settings.from_env({}).host == "127.0.0.1"


def test_a_bad_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMOKAGE_MAX_UPLOAD_MB", "plenty")
    with pytest.raises(SystemExit, match="plenty"):
        app.main([])


def test_help_needs_no_heavy_library() -> None:
    code = "import sys, app\ntry: app.main(['--help'])\nexcept SystemExit: pass\nassert 'gradio' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_no_event_of_the_page_is_offered_as_an_api(services: Services) -> None:
    page = app.build_app(services)
    assert not page.renderables  # what is not on the page at first never comes: tabs/ui/web/found_nodes.py
    assert page.fns
    offered = [fn.api_name for fn in page.fns.values() if fn.api_visibility != "private"]
    assert not offered


def test_the_description_that_is_made_once_is_gradios(services: Services) -> None:
    page = app.build_app(services)
    assert page.config is not None and len(page.config["components"]) > 500
    fresh = BlocksConfig.get_config(page.default_config)
    assert isinstance(page.default_config, DescribedOnce) and page.config | fresh == page.config
    before = len(page.get_config_file()["components"])
    with page:
        gr.Textbox()
    assert len(page.get_config_file()["components"]) > before, "it is made again when something was added"


def test_every_event_that_touches_a_visitors_things_knows_the_visitor(services: Services) -> None:
    """The key comes first and the request is injected; else a handler could not tell whose things it shows."""
    page = app.build_app(services)
    bound = [fn.fn for fn in page.fns.values() if inspect.ismethod(fn.fn)]
    assert len(bound) > 20
    for handler in bound:
        parameters = inspect.signature(handler).parameters
        assert "request" in parameters, handler.__qualname__
        assert next(iter(parameters)) == "key", handler.__qualname__
        assert "token" in parameters, handler.__qualname__


def test_every_text_is_there_in_both_languages() -> None:
    for key, text in texts().items():
        places = [sorted(re.findall(r"\{(\w+)\}", one)) for one in text]
        # A language may leave a place out (sheets of manuscript paper), but cannot invent one.
        assert set(places[1]) <= set(places[0]) or set(places[0]) <= set(places[1]), key
        assert all(one.strip() for one in text), key


def test_every_text_is_used_and_every_used_text_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "app.py", *(ROOT / "tabs").rglob("*.py")])
    used = set(re.findall(r'(?:label|say)\((?:[\w.]+, )?"([\w.]+)"', code))
    assert used <= set(texts()), used - set(texts())
    used |= {
        f"{tab}.tab" for tab in ("talk", "memory", "tokens", "data", "train", "compare")
    }  # app.build_app names them so
    used |= {key for part in re.findall(r"words_of\('(\w+)'\)", code) for key in texts() if key.startswith(f"{part}.")}
    used |= {f"help.{name}" for name in IN_SCRIPTS}
    prefixes = set(re.findall(r'f"(\w+\.\w*)\{', code))
    unused = {key for key in set(texts()) - used if f'"{key}"' not in code}
    unused = {key for key in unused if not any(key.startswith(prefix) for prefix in prefixes)}
    assert not unused


def test_say_speaks_and_label_checks() -> None:
    assert t("ja", "strip.queued") != t("en", "strip.queued")
    assert t("fr", "strip.queued") == t("en", "strip.queued")
    with pytest.raises(KeyError):
        t_client("strip.no_such_text")


def test_no_sign_in_is_offered_off_spaces(services: Services) -> None:
    page = app.build_app(services)
    assert not [block for block in page.blocks.values() if isinstance(block, gr.LoginButton)]


def test_every_card_has_a_heading_and_every_control_a_name(services: Services) -> None:
    """What a screen reader says in the place of "Dropdown", and what it jumps to."""
    controls = (gr.Textbox, gr.Dropdown, gr.Radio, gr.Checkbox, gr.Slider, gr.Number, gr.File, gr.Code)
    unnamed, plain = [], []
    for block in app.build_app(services).blocks.values():
        if isinstance(block, controls) and block.visible != "hidden" and not isinstance(block.label, I18nData):
            unnamed.append((type(block).__name__, block.elem_id, block.label))
        if isinstance(block, gr.Markdown) and "title" in (block.elem_classes or ()):
            plain += [] if str(block.value).startswith("## ") else [block.value]
    assert not unnamed and not plain
