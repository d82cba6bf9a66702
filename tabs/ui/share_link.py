"""A share link that is opened and ended while the app runs.

Before the tunnel is there, the password is, and the server is as strict as one that was started for others: what comes
through the link meets the guards with its first request.
"""

import logging
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

from core.errors import HubError, InputError, NotAllowedError
from tabs.ui.web.hosts import HostNames
from tabs.ui.web.share_door import ShareDoor

log = logging.getLogger(__name__)
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 100  # characters
LONGEST_HOURS, MOST_PEOPLE = 72, 1000


@dataclass(frozen=True)
class OpenTunnel:
    """A way in from the internet."""

    address: str
    end: Callable[[], object]


def gradio_tunnel(host: str, port: int) -> OpenTunnel:
    """Open Gradio's; the first time its program is fetched from Hugging Face."""
    from gradio import networking, tunneling

    before = len(tunneling.CURRENT_TUNNELS)
    try:
        given = networking.setup_tunnel(host, port, secrets.token_urlsafe(32), None, None)
    except BaseException:
        for left in tunneling.CURRENT_TUNNELS[before:]:
            left.kill()
        raise
    tunnel = tunneling.CURRENT_TUNNELS[-1]
    return OpenTunnel(urlunsplit(("https", *urlsplit(given)[1:])), tunnel.kill)


def new_password() -> str:
    """Ten letters, easy to read out: 49 random bits."""
    return "".join(secrets.choice(LETTERS) for _ in range(10))


@dataclass
class ShareLink:
    """Opens one link at a time, where the server was started for the person at this machine alone."""

    go_public: Callable[[bool], None]
    """Makes the server as strict as one for strangers, or as free as one for the person at this machine."""
    address: str = ""
    """Of the link while it is open; of one that the command line opened, for as long as the app runs."""
    password: str = field(default="", repr=False)
    door: ShareDoor = field(default_factory=ShareDoor)
    tunnel: Callable[[str, int], OpenTunnel] = gradio_tunnel
    names: HostNames | None = None
    """None where no link can be opened here: before the server runs, or because it is for others anyway."""
    host: str = "127.0.0.1"
    port: int = 0
    _open: OpenTunnel | None = None
    _timer: threading.Timer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def offer(self, names: HostNames, host: str, port: int) -> None:
        """From now on a link can be opened; `names` learn its name."""
        self.names, self.host, self.port = names, host, port

    def begin(self, password: str, hours: float, most: int) -> str:
        """The address. Raises InputError for what cannot be, and HubError where there is no tunnel to be had."""
        _check(password, hours, most)
        with self._lock:
            if self.names is None or self._open:
                raise NotAllowedError("A share link is open already, or cannot be opened here. Reload the page.",
                                      "共有リンクはすでに開いているか、ここでは開けません。"
                                      "ページを読み込み直してください。")  # fmt: skip
            self.door.begin(password, hours * 3600.0, most)
            self.go_public(True)
            try:
                self._open = self.tunnel(self.host, self.port)
            except Exception as error:  # Gradio raises whatever the network or its program says
                log.warning("no share link: %s", error)
                self._shut()
                reason = str(error)[:200] or type(error).__name__
                raise HubError(f"No share link is to be had ({reason}). Look at the network, then try again.",
                               f"共有リンクを開けませんでした（{reason}）。"
                               "ネットワークを確かめて、もう一度お試しください。") from error  # fmt: skip
            self.address, self.password = self._open.address, password
            self.names.add_address(self.address)
            self._timer = threading.Timer(hours * 3600.0, self.end)
            self._timer.daemon = True
            self._timer.start()
            return self.address

    @property
    def can_end(self) -> bool:
        """Whether it was opened from the page, and can be ended there."""
        return self._open is not None

    def end(self) -> None:
        """Nobody comes through the link any more, and who is inside is out."""
        with self._lock:
            if self._open:
                if self.names:
                    self.names.remove_address(self.address)
                with suppress(Exception):  # it may have ended by itself
                    self._open.end()
                self._shut()

    def _shut(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._open, self._timer, self.address, self.password = None, None, "", ""
        self.door.close()
        self.go_public(False)


def _check(password: str, hours: float, most: int) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise InputError(
            f"The password has {len(password)} characters. Take {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}.",
            f"合言葉が {len(password)} 文字です。{SHORTEST_PASSWORD}〜{LONGEST_PASSWORD} 文字にしてください。",
        )
    if not 0 < hours <= LONGEST_HOURS:
        raise InputError(f"A link is open for up to {LONGEST_HOURS} hours, not {hours:g}.",
                         f"リンクを開いておけるのは {LONGEST_HOURS} 時間までです（入力は {hours:g}）。")  # fmt: skip
    if not 0 <= most <= MOST_PEOPLE:
        raise InputError(f"Up to {MOST_PEOPLE} people can be let in, not {most}; 0 is no limit.",
                         f"入れる人数は {MOST_PEOPLE} 人までです（入力は {most}、0 は無制限）。")  # fmt: skip
