"""How many tokens a server's model reads: each kind of server tells it in a place of its own."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from core.models.remote_presets import ANY_SERVER, RemotePreset, preset_by_id, preset_of_url
from core.models.remote_server import Server, client_of

if TYPE_CHECKING:
    import httpx2

CONTEXT = 4096  # tokens, where a server does not say; Ollama's own default, too
LOOK_SECONDS = 5.0
# In the list of models: vLLM, OpenRouter, Groq, LM Studio and Mistral, Anthropic.
LISTED = ("max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens")


def look_at(server: Server, name: str) -> tuple[RemotePreset, int | None, str]:
    """(the kind of server, tokens of the window of its model `name`, what it loaded under that name).

    ANY_SERVER, None and "" where it does not tell.
    """
    import openai

    preset = preset_of_url(server.url)
    try:
        listed = {one.id: one.model_dump() for one in client_of(server).models.list()}
    except openai.OpenAIError:
        listed = {}
    entry = listed.get(name) or listed.get(f"models/{name}") or {}
    listed, root = _first(entry.get(field) for field in LISTED), str(entry.get("root") or "")
    if preset.id:
        return preset, listed, root
    if entry.get("owned_by") == "vllm":
        return preset_by_id("vllm"), listed, root
    kind, running = _of_local(server, name)
    return kind, running or listed, root


def _of_local(server: Server, name: str) -> tuple[RemotePreset, int | None]:
    """The same from places beside the API: what runs now counts for more than what the model could read."""
    import httpx2

    root, headers = server.url.removesuffix("/v1"), {"Authorization": f"Bearer {server.key.strip() or 'none'}"}
    with httpx2.Client(timeout=LOOK_SECONDS, headers=headers, follow_redirects=False) as client:
        props = _object(client, "GET", f"{root}/props")
        if settings := props.get("default_generation_settings"):
            n_ctx = settings.get("n_ctx") if isinstance(settings, Mapping) else None
            return preset_by_id("llamacpp"), _first((n_ctx, props.get("n_ctx")))
        shown = _object(client, "POST", f"{root}/api/show", {"model": name})
        if "model_info" in shown:
            return preset_by_id("ollama"), _of_ollama(shown, _object(client, "GET", f"{root}/api/ps"), name)
        models = _object(client, "GET", f"{root}/api/v0/models").get("data")
        paths = _object(client, "GET", f"{root}/openapi.json").get("paths")
    serves_transformers = isinstance(paths, Mapping) and {"/load_model", "/v1/chat/completions"} <= paths.keys()
    mine = next((one for one in models if isinstance(one, Mapping) and one.get("id") == name), None) if isinstance(
        models, list
    ) else None  # fmt: skip
    if mine is None:
        return preset_by_id("transformers") if serves_transformers else ANY_SERVER, None
    return preset_by_id("lmstudio"), _first((mine.get("loaded_context_length"), mine.get("max_context_length")))


def _of_ollama(shown: Mapping[str, object], running: Mapping[str, object], name: str) -> int:
    """The window it runs with, or is set to in its file; by itself Ollama gives a model less than it could read."""
    models = running.get("models")
    entries = [one for one in models if isinstance(one, Mapping)] if isinstance(models, list) else []
    mine = next((one for one in entries if name in (one.get("name"), one.get("model"))), {})
    set_to = re.search(r"num_ctx\s+(\d+)", str(shown.get("parameters", "")))
    info = shown.get("model_info")
    most = _first(info[key] for key in info if str(key).endswith(".context_length")) if isinstance(info, dict) else None
    return _first((mine.get("context_length"), int(set_to[1]) if set_to else None)) or min(most or CONTEXT, CONTEXT)


def _first(values: Iterable[object]) -> int | None:
    return next((value for value in values if type(value) is int and value > 0), None)


def _object(client: "httpx2.Client", method: str, url: str, body: object = None) -> dict[str, object]:
    """The JSON object at a URL, or {}."""
    import httpx2

    try:
        answer = client.request(method, url, json=body) if body else client.request(method, url)
        value = answer.json() if answer.status_code == 200 else None
    except (httpx2.HTTPError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
