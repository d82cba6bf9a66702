"""Adapters from the Hugging Face Hub: downloaded under another name, checked, and only then among the owner's own."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from core.adapters.check import check_adapter, name_targets
from core.errors import HubError, InputError, ModelError
from core.files import check_free, new_folder
from core.hub.client import HUB_ADAPTER_FILES, NEEDED, PICKLES, ReportProgress, api_for, check_repo
from core.hub.errors import hub_errors
from core.text import format_bytes

if TYPE_CHECKING:
    from huggingface_hub import HfApi

MAX_ADAPTER_BYTES = 8 << 30  # rank 1024 in every layer of a 7B model is about 5 GiB


def pull_adapter(
    *,
    repo: str,
    target: Path,
    token: str | Literal[False] | None,
    on_progress: ReportProgress | None = None,
    endpoint: str | None = None,
) -> Path:
    """Download the LoRA adapter `repo` to the new folder `target`, and return it.

    Only HUB_ADAPTER_FILES come; they are checked (`core.adapters.check`) before `target` appears, so that it is
    whole or not there. Raises InputError, HubError and ModelError.
    """
    say = on_progress or (lambda _: None)
    name = check_repo(repo)
    if target.exists():
        raise InputError(f"There is already an adapter “{target.name}”. Choose another name.",
                         f"「{target.name}」というアダプターはもうあります。別の名前にしてください。")  # fmt: skip
    with hub_errors(name), new_folder(target) as tmp:
        _download(api_for(token or False, endpoint), name, tmp, say)
        name_targets(tmp)
        check_adapter(tmp)
    return target


def _download(api: "HfApi", repo: str, folder: Path, say: ReportProgress) -> None:
    from huggingface_hub import hf_hub_download

    info = api.model_info(repo, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size or 0 for sibling in info.siblings or ()}
    if lacking := [name for name in NEEDED["model"] if name not in sizes]:
        raise _no_adapter(repo, lacking[0], sorted(name for name in sizes if name.endswith(PICKLES)))
    wanted = {name: sizes[name] for name in HUB_ADAPTER_FILES if name in sizes}
    total, most = sum(wanted.values()), MAX_ADAPTER_BYTES
    if total > most:
        raise HubError(
            f"{repo} is {format_bytes(total)}; an adapter may have {format_bytes(most)}. Nothing was downloaded.",
            f"{repo} は {format_bytes(total)} あります。アダプターは {format_bytes(most)} までです。"
            "何もダウンロードしていません。",
        )
    check_free(folder, total, error=HubError)
    for name, size in wanted.items():
        say(f"{name} ({format_bytes(size)})")
        hf_hub_download(repo, name, revision=info.sha, local_dir=folder, token=api.token, endpoint=api.endpoint)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # huggingface_hub's notes on what it downloaded


def _no_adapter(repo: str, lacking: str, pickles: list[str]) -> ModelError:
    en = f" {pickles[0]} is a pickle, which could run code; ask its author for safetensors." if pickles else ""
    ja = f"{pickles[0]} は任意のコードを実行できる形式です。作者に safetensors を頼んでください。" if pickles else ""
    return ModelError(
        f"{repo} holds no LoRA adapter that can be loaded safely: {lacking} is not there.{en}",
        f"{repo} には安全に読み込める LoRA アダプターがありません（{lacking} がありません）。{ja}",
    )
