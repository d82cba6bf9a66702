"""Push to and pull from the Hugging Face Hub: what was shown, in one commit, with a token given by hand.

No function here ever uses a token that it was not given: on a server that would be the owner's.
`endpoint` is another Hub than huggingface.co; None is what HF_ENDPOINT says.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.errors import HubError, InputError
from core.files import RESERVED_NAMES
from core.hub.errors import TIMEOUT_SECONDS, TOKENS_PAGE, hub_errors
from core.hub.redact import without_local_traces
from core.text import format_bytes
from core.workspace import ADAPTER_CONFIG, ADAPTER_FILES, ADAPTER_WEIGHTS, SPLIT_FILES, TRAINING_FILE

if TYPE_CHECKING:
    from huggingface_hub import HfApi

RepoKind = Literal["model", "dataset"]
ReportProgress = Callable[[str], None]

# All that travels, in either direction: no pickle, no code, no template, nothing that a run left behind.
HUB_ADAPTER_FILES = (
    *ADAPTER_FILES, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
    "vocab.json",
)  # fmt: skip
HUB_DATASET_FILES = (*SPLIT_FILES.values(), "README.md")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
NEEDED = {"model": (ADAPTER_CONFIG, ADAPTER_WEIGHTS), "dataset": (SPLIT_FILES["train"],)}

NAME = r"\w(?:[\w.\-]{0,94}\w)?"
PAGE = re.compile(r"https?://(?:www\.)?(?:huggingface\.co|hf\.co)/(?:datasets/)?([^/?#]+/[^/?#]+)(?:[/?#].*)?")


def whoami(token: str, *, endpoint: str | None = None) -> str:
    """The user name that `token` belongs to. Raises InputError or HubError."""
    with hub_errors("your account"):
        return api_for(token, endpoint).whoami()["name"]


def login_token() -> str | None:
    """The token that `hf auth login` (or HF_TOKEN) left on this machine. Its owner's: never use it on a Space."""
    from huggingface_hub import get_token

    return get_token()


def check_open(repo: str, *, endpoint: str | None = None) -> None:
    """Whether the Hub gives the model `repo` to everybody: asked without any token, and never answered from a cache.

    Raises HubError where it does not, or where it cannot be asked.
    """
    with hub_errors(repo):
        info = api_for(False, endpoint).model_info(repo)
    if info.gated:
        raise HubError(
            f"{repo} asks everybody to accept its terms, so a server that others use, too, cannot fetch it for you. "
            "Run Omokage on your own machine to use it.",
            f"{repo} は一人ひとりの利用条件への同意が必要なため、ほかの人も使うサーバーでは読み込めません。"
            "手元で Omokage を動かして使ってください。",
        )


def licence_of(base: str, token: str, *, endpoint: str | None = None) -> str | None:
    """The licence that the card of the model `base` names; None if it names none, or the Hub cannot be asked."""
    try:
        with hub_errors(base):
            card = api_for(token, endpoint).model_info(base).card_data
    except (HubError, InputError):
        return None
    found = card.get("license") if card else None
    return found if isinstance(found, str) and found != "other" else None


def check_repo(text: str) -> str:
    """`text` as a repository id: "name", "user/name", or the address of its page. Raises InputError."""
    tidy = text.strip()
    page = PAGE.fullmatch(tidy)
    tidy = page[1] if page else tidy
    parts = tidy.split("/")
    fits = re.fullmatch(rf"(?:{NAME}/)?{NAME}", tidy, re.ASCII)
    barred = "--" in tidy or ".." in tidy or tidy.endswith((".git", ".ipynb"))
    if not fits or barred or any(part.split(".")[0].lower() in RESERVED_NAMES for part in parts):
        raise InputError(
            f"“{text[:120]}” cannot be a repository on the Hub. Write it as name or user/name, with the letters "
            "A–Z, digits, '-', '_' and '.' (not '--' or '..').",
            f"「{text[:120]}」は Hub のリポジトリ名に使えません。「名前」または「ユーザー名/名前」の形で、"
            "半角英数字と「-」「_」「.」だけにしてください（「--」「..」は使えません）。",
        )
    return tidy


def push_folder(
    *,
    folder: Path,
    repo: str,
    kind: RepoKind,
    token: str,
    private: bool = True,
    message: str,
    texts: Mapping[str, str | bytes] | None = None,
    files: Sequence[str] | None = None,
    on_progress: ReportProgress | None = None,
    endpoint: str | None = None,
) -> str:
    """Upload an adapter's or a data set's files as one commit; returns the address of its page.

    Of `folder`, `files` are sent, or those of HUB_ADAPTER_FILES / HUB_DATASET_FILES that are there; `texts` (by
    file name, such as the card shown as README.md) replace or add to them. A name without a user becomes
    the token's user's. An unchanged folder makes no new commit. `on_progress` gets each file's name and
    size; what it raises stops the push before anything is visible on the Hub. Raises InputError and
    HubError; a repository with another visibility or with other things in it is left as it is.
    """
    say = on_progress or (lambda _: None)
    wanted = check_repo(repo)
    uploads = _uploads(folder, kind, files, texts or {})
    with hub_errors(wanted, writing=True):
        api = api_for(token, endpoint)
        name = wanted if "/" in wanted else f"{api.whoami()['name']}/{wanted}"
        say(name)
        _open_repo(api, name, kind, private=private, files=set(uploads))
        _commit(api, name, kind, uploads, message, say)
    return f"{api.endpoint}/{'datasets/' if kind == 'dataset' else ''}{name}"


def api_for(token: str | Literal[False], endpoint: str | None) -> "HfApi":
    from huggingface_hub import HfApi, get_session

    if token is not False and not re.fullmatch(r"[!-~]{4,}", token.strip()):
        # Said here: the HTTP library would quote such a token in its error.
        raise InputError(
            f"This is no Hugging Face token. Copy one from {TOKENS_PAGE}: it begins with hf_.",
            f"Hugging Face のトークンではありません。{TOKENS_PAGE} から hf_ で始まるものをコピーしてください。",
        )
    get_session().timeout = TIMEOUT_SECONDS  # huggingface_hub waits without end for most answers
    return HfApi(endpoint=endpoint, token=token and token.strip(), library_name="omokage")


def _uploads(
    folder: Path, kind: RepoKind, files: Sequence[str] | None, texts: Mapping[str, str | bytes]
) -> dict[str, Path | bytes]:
    """File name → what is sent: the file on disk, or other bytes in its place."""
    usual = HUB_ADAPTER_FILES if kind == "model" else HUB_DATASET_FILES
    names = list(files) if files is not None else [name for name in usual if (folder / name).is_file()]
    for name in {*names, *(NEEDED[kind] if files is None else ())} - set(texts):
        path = folder / name
        if Path(name).name != name or path.is_symlink() or not path.is_file():
            raise InputError(f"There is no “{name}” to push in “{folder.name}”.",
                             f"「{folder.name}」に、送るはずの「{name}」がありません。")  # fmt: skip
    uploads: dict[str, Path | bytes] = {name: folder / name for name in names}
    for name in {ADAPTER_CONFIG, TRAINING_FILE} & set(names):
        uploads[name] = without_local_traces((folder / name).read_text(encoding="utf-8")).encode()
    return uploads | {name: text.encode() if isinstance(text, str) else text for name, text in texts.items()}


def _open_repo(api: "HfApi", repo: str, kind: RepoKind, *, private: bool, files: set[str]) -> None:
    """Make the repository, or see that the one that is there is fit to be written to."""
    api.create_repo(repo, repo_type=kind, private=private, exist_ok=True)
    info = api.model_info(repo) if kind == "model" else api.dataset_info(repo)
    if bool(info.private) != private:
        is_now, asked = ("private", "public") if info.private else ("public", "private")
        ja = {"private": "非公開", "public": "公開"}
        raise HubError(
            f"{repo} is {is_now} on the Hub, but {asked} was asked for. Nothing was uploaded. Choose another name, "
            "or change its visibility on the Hub (Settings) first.",
            f"{repo} は Hub で{ja[is_now]}ですが、{ja[asked]}が指定されています。何も送っていません。"
            "別の名前にするか、先に Hub の設定 (Settings) で公開範囲を変えてください。",
        )
    others = {sibling.rfilename for sibling in info.siblings or ()} - {".gitattributes", "README.md"}
    if others and not others & files:
        raise HubError(
            f"{repo} already holds something else ({sorted(others)[0]}, …). Nothing was uploaded. Choose another name.",
            f"{repo} には別のもの（{sorted(others)[0]} など）が入っています。何も送っていません。"
            "別の名前にしてください。",
        )


def _commit(
    api: "HfApi", repo: str, kind: RepoKind, uploads: Mapping[str, Path | bytes], message: str, say: ReportProgress
) -> None:
    from huggingface_hub import CommitOperationAdd

    operations = [CommitOperationAdd(name, source) for name, source in uploads.items()]
    for operation in operations:
        say(f"{operation.path_in_repo} ({format_bytes(operation.upload_info.size)})")
        api.preupload_lfs_files(repo, [operation], repo_type=kind)
    api.create_commit(repo, operations, commit_message=message, repo_type=kind)
