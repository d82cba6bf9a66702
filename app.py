"""Omokage (面影): make a chat persona your own. `python app.py --help` lists what can be asked of it."""

import argparse
import ipaddress
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from core.errors import InputError
from core.settings import Settings, people_in, pin_environment, terminal_language

if TYPE_CHECKING:
    import gradio as gr
    from starlette.middleware import Middleware

    from tabs.ui.services import Services
    from tabs.ui.web.hosts import HostNames


def build_app(services: "Services") -> "gr.Blocks":
    """The whole page."""
    import gradio as gr

    from tabs import compare, connect, data, memory, talk, train
    from tabs.tokens import tab
    from tabs.ui import heartbeat, status_bar
    from tabs.ui.described_once import DescribedOnce
    from tabs.ui.handler import EVENT
    from tabs.ui.page_load import ADDRESS, PageLoad, browser_key, build_place
    from tabs.ui.shared import Shared
    from tabs.ui.text import t_client
    from tabs.ui.toasts import escape_gradios_own

    escape_gradios_own()
    page = gr.Blocks(title="面影 Omokage", analytics_enabled=False, delete_cache=(3600, 3600))
    page.default_config = DescribedOnce(page)
    with page:
        # Here, while the page is empty: queue() makes all routes anew, and the page's whole description with them.
        page.queue(max_size=64, default_concurrency_limit=8, api_open=False)
        key = gr.BrowserState("", storage_key="omokage-key", secret="omokage")
        conversation, dataset = gr.State(""), gr.State("")
        arrival, place = PageLoad(services), build_place()
        # Queued, as all that sets a State must be: its change event only fires for queued events.
        arrived = page.load(browser_key, key, key, **EVENT).then(
            arrival.arrive, [key, place], conversation, js=ADDRESS, **EVENT
        )
        chips, changed = status_bar.build(services), heartbeat.build()
        with gr.Tabs(selected="talk") as tabs:
            shared = Shared(key, conversation, dataset, tabs, arrived, changed)
            pages = {
                "talk": talk, "data": data, "train": train, "compare": compare, "memory": memory, "tokens": tab,
                "connect": connect,
            }  # fmt: skip
            for name, module in pages.items():
                with gr.Tab(t_client(f"{name}.tab"), id=name, elem_id=f"page-{name}"):
                    module.build(services, shared)
        arrival.build(shared, place)
        status_bar.connect(services, shared, chips)
        heartbeat.start(shared)
    return page


def parse(arguments: Sequence[str] | None = None, *, login: bool = False) -> argparse.Namespace:
    """The command line; `login`: the environment already says who may log in."""
    parser = argparse.ArgumentParser(prog="app.py", description="Omokage: make a chat persona your own.")
    parser.add_argument("--host", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, help="port (default: 7860)")
    parser.add_argument("--share", action="store_true", help="open a public link through Gradio's tunnel; needs --auth")
    parser.add_argument(
        "--auth", metavar="USER:PASSWORD",
        help="ask for this name and password; other people on this machine can see a command line, so better "
        "OMOKAGE_AUTH in the environment, or --auth-file",
    )  # fmt: skip
    parser.add_argument("--auth-file", metavar="FILE", help="ask for a name and password of this file, a line each")
    parser.add_argument("--public-without-auth", action="store_true", help="allow --share without --auth")
    parser.add_argument(
        "--unlock-model", action="store_true", help="let visitors load another model, which then serves everybody"
    )
    parser.add_argument(
        "--trust-remote-code", action="store_true",
        help="offer, on your own machine, to run the program code that some models bring: it can do whatever you can",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true",
        help="say what this machine has and lacks, and end; exit status 1 where something stands in the way",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    if options.auth and not all(options.auth.partition(":")[::2]):
        parser.error("--auth takes a name and a password with a colon between them: --auth me:secret")
    if options.share and not (login or options.auth or options.auth_file or options.public_without_auth):
        parser.error(
            "--share makes this app reachable for everybody who learns the link. Add --auth USER:PASSWORD, "
            "or --public-without-auth if that is what you want."
        )
    return options


def with_options(settings: Settings, options: argparse.Namespace) -> Settings:
    """The settings with what the command line says in their place. Raises InputError."""
    lock = False if options.unlock_model else settings.lock_model
    people = (*settings.auth, *([options.auth] if options.auth else []))
    people += people_in(options.auth_file) if options.auth_file else ()
    return replace(settings, lock_model=lock, remote_code=options.trust_remote_code, auth=people)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def protections(services: "Services", names: "HostNames", *, shared: bool = False) -> "list[Middleware]":
    """What every request passes before Gradio sees it, outermost first; `shared`: through a share link."""
    from starlette.middleware import Middleware

    from core.limits import Limits, uploads_counter
    from tabs.ui import heartbeat
    from tabs.ui.page_scripts import first_script
    from tabs.ui.web.api_keys import KeyDoor
    from tabs.ui.web.chosen_language import ChosenLanguage
    from tabs.ui.web.found_nodes import FoundNodes
    from tabs.ui.web.headers import PageHeaders
    from tabs.ui.web.hosts import HostGuard
    from tabs.ui.web.login import LoginGuard
    from tabs.ui.web.share_door import ShareGuard
    from tabs.ui.web.uploads import UploadGuard
    from tabs.ui.web.used_routes import UsedRoutes

    settings, limits = services.settings, services.workspace.limits
    uploads = uploads_counter(limits.uploads_per_hour, limits.uploads_per_hour_total)

    def limited(now: Limits) -> None:
        uploads.each, uploads.total = now.uploads_per_hour, now.uploads_per_hour_total

    services.on_limits.append(limited)
    return [
        Middleware(
            PageHeaders, scripts=[heartbeat.script()], first=first_script(), on_space=settings.on_space,
            listed=not shared,
        ),
        Middleware(KeyDoor, find=services.api_keys.find),
        Middleware(HostGuard, names=names),
        Middleware(ShareGuard, door=services.share.door),
        Middleware(UsedRoutes),
        Middleware(UploadGuard, workspace=services.workspace, counter=uploads),
        Middleware(LoginGuard),
        Middleware(ChosenLanguage),
        Middleware(FoundNodes),
    ]  # fmt: skip


def end(services: "Services") -> None:
    """What SIGTERM does, as a container's stop sends it: end well, then leave as Ctrl+C does."""
    services.close()
    raise KeyboardInterrupt


def check_home(home: Path) -> None:
    """Raises InputError where nothing can be written: better at the start than at somebody's first words."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"Nothing can be written in {home}: {reason}. Let this user write there, or set OMOKAGE_HOME.",
            f"{home} に書き込めません: {reason}。権限を直すか、OMOKAGE_HOME で別のフォルダーを指定してください。",
        ) from error


def check(settings: Settings, options: argparse.Namespace) -> int:
    """Say what this machine has and lacks; the exit status."""
    from core.diagnostics import report
    from core.text import speak_utf8

    speak_utf8(sys.stdout, sys.stderr)
    host, port = options.host or settings.host, options.port or settings.port
    return report(settings, host=host, port=port, language=terminal_language())


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the page; the model is loaded behind it."""
    try:
        read = Settings.from_env()
        options = parse(arguments, login=bool(read.auth))
        settings = with_options(read, options)
        if options.check:
            sys.exit(check(settings, options))
        check_home(settings.home)
    except InputError as error:
        sys.exit(f"{error}\n{error.ja}")
    pin_environment(settings.home, settings.trusted_proxies)

    from core.diagnostics import report
    from core.housekeeping import Housekeeping
    from tabs.compare import blind_page
    from tabs.connect import api_routes, line_routes
    from tabs.data.create import plan_view
    from tabs.train import run
    from tabs.ui import heartbeat, status_bar
    from tabs.ui.page_scripts import start_script
    from tabs.ui.services import ENDED_UNUSED, make_services
    from tabs.ui.text import translations
    from tabs.ui.theme import STYLE, theme
    from tabs.ui.web import health
    from tabs.ui.web.hosts import HostNames
    from tabs.ui.web.login import login_check

    host = options.host or settings.host
    proxied = bool(settings.allowed_hosts or settings.trusted_proxies)
    public = proxied or options.share or bool(settings.auth) or not is_loopback(host)
    services = make_services(settings, public=public)
    (settings.home / ENDED_UNUSED).unlink(missing_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: end(services))
    page = build_app(services)
    names = HostNames.of_server(settings.allowed_hosts, loopback=is_loopback(host))
    page.launch(
        server_name=host,
        server_port=options.port or settings.port,
        share=options.share,
        # Gradio awaits a check that is a coroutine, and does not say so.
        auth=cast("Callable[[str, str], bool]", login_check(settings.auth)) if settings.auth else None,
        max_file_size=f"{settings.max_upload_mb}mb",
        i18n=translations(), theme=theme(), css_paths=[STYLE], js=start_script(),
        head=f"<script>{heartbeat.script()}</script>",
        run_history=False, enable_monitoring=False, ssr_mode=False, mcp_server=False, show_error=False,
        footer_links=[], prevent_thread_lock=True, quiet=True,
        app_kwargs={
            "openapi_url": None, "docs_url": None, "redoc_url": None,
            "middleware": protections(services, names, shared=options.share),
        },
    )  # fmt: skip
    names.add_address(page.share_url)
    services.share.address = page.share_url or ""
    if not public and not settings.on_space:
        services.share.offer(names, host, page.server_port)
    page.share = False  # with a share link, Gradio serves a page whose program comes from a server of theirs
    heartbeat.add_route(page.app, services, [run.live, plan_view.live, status_bar.live])
    blind_page.add_route(page.app, services)
    api_routes.add_routes(page.app, services.persona_api, services.api_keys, services.idle.touch)
    line_routes.add_routes(page.app, services.bots, services.bot_talker, services.idle.touch)
    health.add_routes(page.app, services)
    print(f"Omokage: {page.share_url or page.local_url}", flush=True)
    Housekeeping(services.own_files).start()
    services.idle.start()
    if settings.on_space:  # whose log is where somebody looks who wonders why
        threading.Thread(target=lambda: report(settings, host=host, port=0, language="en"), daemon=True).start()
    services.models.start()  # torch is first imported here, behind a page that is already served
    page.block_thread()


if __name__ == "__main__":
    sys.exit(main())
