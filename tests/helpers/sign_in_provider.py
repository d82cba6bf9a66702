"""Hugging Face's sign-in as an app meets it, on loopback: the four addresses of OpenID and the Hub's whoami.

Written from the standard and from Gradio's client: that a sign-in works here is no proof about the real Hub.
"""

import base64
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "stand-in-client", "stand-in-secret"


@dataclass
class SignInProvider:
    """`approve` plays the person who agrees; the rest is asked by the app. Tokens last `lasting` seconds."""

    lasting: int = 3600
    tokens: dict[str, str] = field(default_factory=dict)
    """Whose each token is, until it is taken out."""
    asked: list[str] = field(default_factory=list)
    """Tokens that whoami was asked about."""
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))

    def __enter__(self) -> "SignInProvider":
        outer = self

        class Handler(_Handler):
            provider = outer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def approve(self, sent_to: str, name: str) -> dict[str, str]:
        """`name` agrees on the page that the app sent them to: what the callback is given."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(sent_to).query).items()}
        assert sent_to.startswith(f"{self.url}/oauth/authorize?") and asked["client_id"] == CLIENT
        assert asked["response_type"] == "code" and len(asked["state"]) > 20
        code = secrets.token_urlsafe(12)
        self._codes[code] = asked | {"name": name}
        target = {key: values[0] for key, values in parse_qs(urlsplit(asked["redirect_uri"]).query).items()}
        return target | {"code": code, "state": asked["state"]}

    def exchange(self, form: dict[str, str], authorization: str) -> dict[str, object] | None:
        """The token for a code, once, for who knows the client's secret; else None."""
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        asked = self._codes.pop(form.get("code", ""), None)
        if given != f"{CLIENT}:{SECRET}" or asked is None or form.get("redirect_uri") != asked["redirect_uri"]:
            return None
        name, now = asked["name"], int(time.time())
        token = f"hf_oauth_{name}_{secrets.token_hex(4)}"
        self.tokens[token] = name
        claims = {
            "iss": self.url, "aud": CLIENT, "sub": name, "name": name, "preferred_username": name,
            "nonce": asked["nonce"],
            "iat": now, "exp": now + 3600, "profile": f"{self.url}/{name}", "picture": f"{self.url}/{name}.png",
        }  # fmt: skip
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self._key)
        told: dict[str, object] = {
            "token_type": "bearer",
            "expires_in": self.lasting,
            "scope": asked["scope"],
            "id_token": signed,
        }
        return told | {"access_token": token}

    def configuration(self) -> dict[str, object]:
        """What /.well-known/openid-configuration says."""
        return {
            "issuer": self.url, "authorization_endpoint": f"{self.url}/oauth/authorize",
            "token_endpoint": f"{self.url}/oauth/token", "userinfo_endpoint": f"{self.url}/oauth/userinfo",
            "jwks_uri": f"{self.url}/oauth/jwks", "id_token_signing_alg_values_supported": ["RS256"],
        }  # fmt: skip

    def keys(self) -> dict[str, object]:
        """What /oauth/jwks says."""
        return {"keys": [self._key.as_dict(private=False)]}


class _Handler(BaseHTTPRequestHandler):
    provider: SignInProvider

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/.well-known/openid-configuration":
            self._answer(200, self.provider.configuration())
        elif path == "/oauth/jwks":
            self._answer(200, self.provider.keys())
        elif path in ("/api/whoami-v2", "/oauth/userinfo"):
            self._who()
        else:
            self._answer(404, {"error": path})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        form = {key: values[0] for key, values in parse_qs(body).items()}
        told = self.provider.exchange(form, self.headers.get("authorization", ""))
        self._answer(200, told) if told else self._answer(400, {"error": "invalid_grant"})

    def _who(self) -> None:
        token = self.headers.get("authorization", "").removeprefix("Bearer ")
        self.provider.asked.append(token)
        name = self.provider.tokens.get(token)
        if name is None:
            return self._answer(401, {"error": "Invalid username or password."})
        self._answer(200, {"type": "user", "name": name, "sub": name, "preferred_username": name})

    def _answer(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass
