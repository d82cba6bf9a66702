"""Who is asking, and in which language."""

import ipaddress
from dataclasses import dataclass

import gradio as gr


@dataclass(frozen=True)
class Visitor:
    """What a handler knows of who calls it."""

    owner: str
    """Whose things it may touch."""
    language: str
    """ "ja" or "en"."""
    key: str = ""
    """The browser's capability."""
    signed_in: gr.OAuthToken | None = None
    """The token of who signed in with Hugging Face; it is never stored."""
    at_machine: bool = False
    """The person at this machine, not through a tunnel or a proxy."""
    address: str = ""
    """Where the request comes from, as the server or a trusted proxy says; "" behind a tunnel, which hides it."""


def address_of(request: gr.Request | None) -> str:
    """The caller's address; "" where it is this machine's, which is what a tunnel or an unknown proxy looks like."""
    client = getattr(request, "client", None)
    return address_of_host(getattr(client, "host", "") or "")


def address_of_host(host: str) -> str:
    """The same, of the host that the connection comes from; of IPv6 the network, of which one household has many."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    if address.is_loopback:
        return ""
    return host if address.version == 4 else str(ipaddress.ip_network((address, 64), strict=False))


def language_of(request: gr.Request | None) -> str:
    """ "ja" when the browser asks for Japanese before anything else, otherwise "en"."""
    return language_wanted(request.headers.get("accept-language") if request else None)


def language_wanted(header: str | None) -> str:
    """The same, of an Accept-Language header."""
    return "ja" if (header or "").strip().lower().startswith("ja") else "en"
