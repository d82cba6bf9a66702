"""A Hugging Face Hub on loopback, for tests: users, repos, LFS uploads, downloads, and ways to fail.

    with FakeHub() as hub:                      # or hub = FakeHub(); hub.start(); ...; hub.stop()
        hub.url                                 # for HfApi(endpoint=…), or HF_ENDPOINT of a subprocess
        hub.repos["model", "alice/socrates"]    # what arrived: .files, .commits, .private
        hub.fail("PUT", "", cut=True)           # from now on; hub.heal() ends it

It speaks what huggingface_hub does with HF_HUB_DISABLE_XET=1. It was written from the client's
behaviour: that a push works here is no proof about the real Hub.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

if TYPE_CHECKING:
    import pytest

LFS_SUFFIXES = (".safetensors", ".bin", ".parquet", ".zip")
WRITER, READER, STRANGER = "hf_aliceWRITES0001", "hf_aliceREADS0002", "hf_bobWRITES0003"


@dataclass(frozen=True)
class User:
    """Who a token belongs to, and whether it may write."""

    name: str
    role: str = "write"


@dataclass
class Repo:
    """One repository: its files by path at each commit. A new one has an empty first commit, as on the Hub."""

    kind: str
    id: str
    private: bool
    commits: list[dict[str, bytes]] = field(default_factory=lambda: [{}])
    messages: list[str] = field(default_factory=lambda: ["initial commit"])

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[-1]

    def sha(self, number: int = -1) -> str:
        at = number % len(self.commits)
        return hashlib.sha1(f"{self.kind}/{self.id}/{at}".encode()).hexdigest()

    def at(self, revision: str) -> dict[str, bytes] | None:
        """The files at a branch name ("main") or a commit."""
        numbers = {self.sha(n): n for n in range(len(self.commits))} | {"main": -1}
        return self.commits[numbers[revision]] if revision in numbers else None


@dataclass(frozen=True)
class Seen:
    """A request as it arrived. `json` is None where the body was none."""

    method: str
    path: str
    token: str | None
    json: dict | None


@dataclass
class Failure:
    """What happens to requests whose method and path match, `times` times (None: until heal)."""

    method: str
    pattern: str
    status: int | None = None
    said: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    times: int | None = None


@dataclass
class FakeHub:
    """The server and everything it holds. Attributes may be read and changed while it runs."""

    users: dict[str, User] = field(
        default_factory=lambda: {WRITER: User("alice"), READER: User("alice", "read"), STRANGER: User("bob")}
    )
    repos: dict[tuple[str, str], Repo] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)
    requests: list[Seen] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    chunk: int = 1 << 20
    chunk_seconds: float = 0.0
    """Downloads are sent `chunk` bytes at a time with this pause after each: a slow line."""
    _server: ThreadingHTTPServer | None = None

    def start(self) -> "FakeHub":
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()

    def __enter__(self) -> "FakeHub":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def plug_in(self, monkeypatch: "pytest.MonkeyPatch", cache: Path) -> None:
        """Make this the Hub of the client in this process, with its own cache. Needs the fixture `hub_online`."""
        from huggingface_hub import constants
        from huggingface_hub.utils import close_session

        monkeypatch.setattr(constants, "ENDPOINT", self.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", self.url)
        monkeypatch.setattr("transformers.utils.hub._hf_api", None)  # it keeps the Hub that it met first
        close_session()

    @property
    def url(self) -> str:
        assert self._server, "it has not been started"
        return f"http://127.0.0.1:{self._server.server_port}"

    def add_repo(self, repo: str, files: dict[str, bytes], *, kind: str = "model", private: bool = False) -> Repo:
        """A repository that is already there."""
        made = self.repos[kind, repo] = Repo(kind, repo, private)
        made.commits.append(dict(files))
        made.messages.append("add files")
        return made

    def fail(self, method: str, pattern: str, **what: object) -> None:
        """Answer `status` with the words `said`, or `cut` the connection half-way, where `pattern` is in the path."""
        self.failures.append(replace(Failure(method, pattern), **what))

    def heal(self) -> None:
        self.failures.clear()

    def failure_for(self, method: str, path: str) -> Failure | None:
        for failure in self.failures:
            if failure.method == method and re.search(failure.pattern, path) and failure.times != 0:
                failure.times = None if failure.times is None else failure.times - 1
                return failure
        return None


class _CutError(Exception):
    """The connection is to be closed without an answer."""


class _Handler(BaseHTTPRequestHandler):
    hub: FakeHub
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for the client's acknowledgement

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 - http.server's names

    def _serve(self) -> None:
        url = urlsplit(self.path)
        self.where, self.query = unquote(url.path), parse_qs(url.query)
        self.token = (self.headers.get("authorization") or "").removeprefix("Bearer ") or None
        try:
            failure = self.hub.failure_for(self.command, self.where)
            self.cut = bool(failure and failure.cut)
            self.body = body = self._read_body()
            is_json = "json" in (self.headers.get("content-type") or "") and b"\n" not in body.strip()
            seen = json.loads(body) if is_json and body else None
            self.hub.requests.append(Seen(self.command, self.where, self.token, seen))
            if failure and not failure.cut:
                return self._refuse(failure.status or 500, failure.said, headers=failure.headers)
            if self.token and self.token not in self.hub.users:
                return self._refuse(401, "Invalid credentials in Authorization header")
            for method, pattern, answer in ROUTES:
                match = re.fullmatch(pattern, self.where) if method == self.command.replace("HEAD", "GET") else None
                if match:
                    return answer(self, **match.groupdict())
            self._refuse(404, "no such page")
        except (_CutError, ConnectionError):
            self.close_connection = True

    def _read_body(self) -> bytes:
        size = int(self.headers.get("content-length") or 0)
        if self.cut and self.command in ("POST", "PUT"):
            self.rfile.read(size // 2)
            raise _CutError
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body
        return self.rfile.read(size)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        if self.cut and self.command == "HEAD":
            raise _CutError
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if self.cut:
            self.wfile.write(body[: len(body) // 2])
            raise _CutError
        for start in range(0, len(body), self.hub.chunk):
            self.wfile.write(body[start : start + self.hub.chunk])
            time.sleep(self.hub.chunk_seconds)

    def _json(self, value: object, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), {"content-type": "application/json"})

    def _refuse(self, status: int, said: str = "", code: str = "", headers: dict[str, str] | None = None) -> None:
        named = {"X-Error-Message": said, "X-Error-Code": code}
        kept = {k: v for k, v in named.items() if v} | {"content-type": "application/json"}
        self._send(status, json.dumps({"error": said}).encode(), kept | (headers or {}))

    # What stands behind each address. The keyword arguments are the named groups of its pattern.

    def whoami(self) -> None:
        user = self.hub.users.get(self.token or "")
        if not user:
            return self._refuse(401, "Invalid credentials in Authorization header")
        self._json({"type": "user", "name": user.name, "fullname": user.name.title(), "avatarUrl": "", "orgs": [],
                    "auth": {"accessToken": {"role": user.role}}})  # fmt: skip

    def create_repo(self) -> None:
        asked = json.loads(self.body)
        user = self.hub.users.get(self.token or "")
        if not user:
            return self._refuse(401, "Invalid credentials in Authorization header")
        kind, owner = asked.get("type", "model"), asked.get("organization") or user.name
        repo = f"{owner}/{asked['name']}"
        address = {"url": f"{self.hub.url}/{'datasets/' if kind == 'dataset' else ''}{repo}", "name": repo, "id": repo}
        if owner != user.name:
            return self._refuse(403, f"You don't have the rights to create a {kind} under the namespace {owner}")
        if (kind, repo) in self.hub.repos:
            return self._json(address | {"error": "You already created this repo"}, status=409)
        self.hub.repos[kind, repo] = Repo(kind, repo, asked.get("visibility") == "private")
        self._json(address)

    def validate_yaml(self) -> None:
        self._json({"errors": [], "warnings": []})

    def _repo(self, kind: str, repo: str, *, write: bool = False) -> Repo | None:
        """The repository, if this token may see it (or write to it); else None, and the refusal is sent."""
        found = self.hub.repos.get((kind, repo))
        user = self.hub.users.get(self.token or "")
        mine = user is not None and user.name == repo.split("/")[0]
        if found is None or (found.private and not mine):
            self._refuse(401 if user is None else 404, "Repository not found", "RepoNotFound")
            return None
        if write and not (user and mine and user.role == "write"):
            self._refuse(403, "Authorization error: this token has no write access")
            return None
        return found

    def repo_info(self, kind: str, repo: str, revision: str = "main") -> None:
        found = self._repo(kind, repo)
        if not found:
            return None
        files = found.at(revision)
        if files is None:
            return self._refuse(404, "Invalid rev id", "RevisionNotFound")
        sha = found.sha() if revision == "main" else revision
        siblings = [{"rfilename": p, "size": len(b)} for p, b in files.items()]
        self._json({"_id": "0", "id": repo, "modelId": repo, "sha": sha, "private": found.private, "gated": False,
                    "disabled": False, "downloads": 0, "likes": 0, "tags": [], "siblings": siblings})  # fmt: skip

    def listed(self) -> None:
        """Public models with all the tags that are asked for; of a card's header the Hub makes tags."""
        asked = set(self.query.get("filter", ()))
        found = [
            {"_id": "0", "id": name, "modelId": name, "private": False, "likes": 0, "downloads": 0, "tags": _tags(repo)}
            for (kind, name), repo in self.hub.repos.items() if kind == "model" and not repo.private
        ]  # fmt: skip
        self._json([one for one in found if asked <= set(one["tags"])][: int(self.query.get("limit", ["1000"])[0])])

    def tree(self, kind: str, repo: str, revision: str) -> None:
        if (found := self._repo(kind, repo)) and (files := found.at(revision)) is not None:
            self._json([_tree_entry(path, data) for path, data in files.items()])

    def paths_info(self, kind: str, repo: str, revision: str) -> None:
        asked = parse_qs(self.body.decode()).get("paths", []) if b"=" in self.body else json.loads(self.body)["paths"]
        if (found := self._repo(kind, repo)) and (files := found.at(revision)) is not None:
            self._json([_tree_entry(path, data) for path, data in files.items() if path in asked])

    def resolve(self, repo: str, revision: str, path: str, kind: str = "model") -> None:
        found = self._repo(kind, repo)
        if not found:
            return None
        files = found.at(revision)
        if files is None or path not in files:
            code = "RevisionNotFound" if files is None else "EntryNotFound"
            return self._refuse(404, "Entry not found", code, {"X-Repo-Commit": found.sha()})
        data, sha = files[path], found.sha() if revision == "main" else revision
        start, entry = _range_start(self.headers.get("range")), _tree_entry(path, data)
        etag = entry.get("lfs", entry)["oid"]
        linked = {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(data))} if "lfs" in entry else {}
        span = {"content-range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": sha, "accept-ranges": "bytes"} | linked | span
        self._send(206 if start else 200, data[start:], headers)

    def preupload(self, kind: str, repo: str, revision: str) -> None:
        if found := self._repo(kind, repo, write=True):
            files = []
            for asked in json.loads(self.body)["files"]:
                path, there = asked["path"], found.files.get(asked["path"])
                lfs = path.endswith(LFS_SUFFIXES) or asked["size"] > 10_000_000
                entry = {"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
                if there is not None:
                    entry["oid"] = hashlib.sha256(there).hexdigest() if lfs else _git_oid(there)
                files.append(entry)
            self._json({"files": files})

    def lfs_batch(self, repo: str, kind: str = "model") -> None:
        if self._repo(kind, repo, write=True):
            objects = []
            for asked in json.loads(self.body)["objects"]:
                oid, links = asked["oid"], {"upload": f"{self.hub.url}/lfs/{asked['oid']}",
                                            "verify": f"{self.hub.url}/lfs/{asked['oid']}/verify"}  # fmt: skip
                actions = {name: {"href": href, "header": {}} for name, href in links.items()}
                there = {} if oid in self.hub.lfs else {"actions": actions}
                objects.append({"oid": oid, "size": asked["size"]} | there)
            self._json({"transfer": "basic", "objects": objects})

    def lfs_put(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self._refuse(400, "content does not match its sha256")
        self.hub.lfs[oid] = self.body
        self._json({})

    def lfs_verify(self, oid: str) -> None:
        self._json({}) if oid in self.hub.lfs else self._refuse(404, "object was not uploaded")

    def commit(self, kind: str, repo: str, revision: str) -> None:
        if found := self._repo(kind, repo, write=True):
            files, message = dict(found.files), ""
            for line in filter(None, self.body.splitlines()):
                item = json.loads(line)
                key, value = item["key"], item["value"]
                if key == "header":
                    message = value["summary"]
                elif key == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif key == "lfsFile":
                    files[value["path"]] = self.hub.lfs[value["oid"]]
                elif key == "deletedFile":
                    files.pop(value["path"], None)
            found.commits.append(files)
            found.messages.append(message)
            sha = found.sha()
            self._json({"success": True, "commitOid": sha, "commitUrl": f"{self.hub.url}/{repo}/commit/{sha}"})


def _git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _tree_entry(path: str, data: bytes) -> dict:
    entry = {"type": "file", "path": path, "size": len(data), "oid": _git_oid(data)}
    if path.endswith(LFS_SUFFIXES):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return entry


def _range_start(header: str | None) -> int:
    found = re.match(r"bytes=(\d+)-", header or "")
    return int(found[1]) if found else 0


_API = r"/api/(?P<kind>model|dataset)s/(?P<repo>[^/]+/[^/]+)"
_PAGE = r"(?:/datasets)?/(?P<repo>[^/]+/[^/]+)"


def _of_kind(answer: Callable[..., None]) -> Callable[..., None]:
    """The kind of repo is in the address only for data sets."""

    def wrapped(self: _Handler, **found: str) -> None:
        answer(self, **found, kind="dataset" if self.where.startswith("/datasets/") else "model")

    return wrapped


def _tags(repo: Repo) -> list[str]:
    parts = repo.files.get("README.md", b"").decode().split("---\n", 2)
    head = yaml.safe_load(parts[1]) if len(parts) == 3 else {}
    base = head.get("base_model")
    return [*head.get("tags", ()), *([f"license:{head['license']}"] if "license" in head else []),
            *([f"base_model:{base}", f"base_model:adapter:{base}"] if base else [])]  # fmt: skip


ROUTES: tuple[tuple[str, str, Callable[..., None]], ...] = (
    ("GET", r"/api/whoami-v2", _Handler.whoami),
    ("POST", r"/api/repos/create", _Handler.create_repo),
    ("POST", r"/api/validate-yaml", _Handler.validate_yaml),
    ("GET", r"/api/models", _Handler.listed),
    ("GET", _API, _Handler.repo_info),
    ("GET", _API + r"/revision/(?P<revision>[^/]+)", _Handler.repo_info),
    ("GET", _API + r"/tree/(?P<revision>[^/]+)", _Handler.tree),
    ("POST", _API + r"/paths-info/(?P<revision>[^/]+)", _Handler.paths_info),
    ("POST", _API + r"/preupload/(?P<revision>[^/]+)", _Handler.preupload),
    ("POST", _API + r"/commit/(?P<revision>[^/]+)", _Handler.commit),
    ("GET", _PAGE + r"/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _of_kind(_Handler.resolve)),
    ("POST", _PAGE + r"\.git/info/lfs/objects/batch", _of_kind(_Handler.lfs_batch)),
    ("PUT", r"/lfs/(?P<oid>[0-9a-f]{64})", _Handler.lfs_put),
    ("POST", r"/lfs/(?P<oid>[0-9a-f]{64})/verify", _Handler.lfs_verify),
)
