"""Why a model cannot be loaded, as sentences that say what to do instead."""

import json
from pathlib import Path

from core.catalogue.catalogue import entry_of
from core.errors import AppError, InputError, ModelError, NotAllowedError
from core.models.options import NO_REMOTE_CODE, Trust
from core.text import Text, format_bytes


def neither_id_nor_folder(wanted: str) -> InputError:
    """`wanted` cannot be the name of a model."""
    return InputError(
        f"“{wanted[:120]}” is neither a Hub id such as Qwen/Qwen3-0.6B, a file there such as "
        "Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf, nor a folder with a model.",
        f"「{wanted[:120]}」は Hub の ID（例: Qwen/Qwen3-0.6B）でも、そのファイル"
        "（例: Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf）でも、モデルのフォルダーでもありません。",
    )


def locked() -> NotAllowedError:
    """The server keeps its one model."""
    return NotAllowedError(
        "Everybody on this server talks with one model, so visitors cannot change it. Run Omokage on your own machine "
        "to use another, or ask who runs this server to set OMOKAGE_LOCK_MODEL=0.",
        "このサーバーのモデルは全員で使うひとつだけなので、訪れた人は変えられません。別のモデルは手元で Omokage を"
        "動かして使うか、サーバーを動かしている人に OMOKAGE_LOCK_MODEL=0 の設定を頼んでください。",
    )


def no_code_here() -> NotAllowedError:
    """A request alone cannot allow a repository's own code."""
    return NotAllowedError(
        "A model's own code can do anything on this machine, so a click is not enough to run it. If you trust it, "
        "start the app with --trust-remote-code and load it again, or choose another model.",
        "モデル独自のコードはこのコンピューターで何でもできるため、画面の操作だけでは実行しません。信頼できるなら、"
        "--trust-remote-code を付けて起動し直してから読み込むか、別のモデルを選んでください。",
    )


def no_trust_here() -> NotAllowedError:
    """Strangers may reach this server: nobody can allow .bin files or a repository's code."""
    return NotAllowedError(
        "On a server that others can reach, .bin weights are not read and no code of a model is run. "
        "Choose a model with .safetensors, or run Omokage on your own machine.",
        "ほかの人も使うサーバーでは、.bin の重みもモデル独自のコードも使えません。"
        ".safetensors のあるモデルを選ぶか、手元で Omokage を動かしてください。",
    )


def still_loading(name: str) -> ModelError:
    """Another load is under way."""
    return ModelError(
        f"“{name}” is being loaded. Wait for it, or cancel it first.",
        f"「{name}」を読み込んでいます。終わるのを待つか、先に取り消してください。",
    )


def no_config(wanted: str) -> ModelError:
    """A folder without config.json."""
    return ModelError(
        f"“{wanted}” is not a model's folder: it has no config.json. Choose the folder that holds it.",
        f"「{wanted}」はモデルのフォルダーではありません（config.json がありません）。"
        "config.json のあるフォルダーを選んでください。",
    )


def only_talks(name: str) -> InputError:
    """A GGUF file where a model of transformers is needed."""
    return InputError(
        f"“{name}” is a GGUF file, which can be talked with but not trained. Choose the same model with .safetensors.",
        f"「{name}」は GGUF なので、話すことはできても学習はできません。同じモデルの .safetensors 版を選んでください。",
    )


def not_looked_into(repo: str, file: str) -> InputError:
    """What a GGUF file of the Hub takes is not known before it is here."""
    return InputError(
        f"{file} of {repo}: a GGUF file, run by llama.cpp. It takes a little more memory than its size. Press Load.",
        f"{repo} の {file}（GGUF、llama.cpp で動きます）。必要なメモリーはファイルより少し大きい程度です。"
        "「読み込む」を押してください。",
    )


def pickles_only(name: str) -> ModelError:
    """The weights are there as .bin alone."""
    return ModelError(
        f"“{name}” has its weights in .bin files only, and such files can hold program code. If you trust where they "
        "come from, tick “Also read .bin files” and load it again.",
        f"「{name}」の重みは .bin だけです。.bin にはプログラムを仕込めるため、そのままでは読みません。"
        "配布元を信頼できるなら「.bin も読み込む」にチェックを入れて、もう一度読み込んでください。",
    )


def lacks_weights(name: str, missing: list[str]) -> ModelError:
    """Weights are not in the files; they would be random."""
    return ModelError(
        f"“{name}” lacks {len(missing)} of its weights ({missing[0]}, …). It may be no text model, or cut short: "
        "choose another one, or fetch its files again.",
        f"「{name}」には重みが {len(missing)} 個足りません（{missing[0]} など）。"
        "テキストモデルではないか、ファイルが欠けています。別のモデルを選ぶか、ファイルを取り直してください。",
    )


def too_big(name: str, need: int, there: int, smaller: str | None) -> ModelError:
    """The weights do not fit in the memory there is; `smaller` is the choice of bits with which they would."""
    en, ja = "Choose a smaller model.", "もっと小さいモデルを選んでください。"
    if smaller:
        en = f"Choose {smaller.replace('bit', '-bit')} for its weights, or a smaller model."
        ja = f"重みを {smaller.replace('bit', ' ビット')}にするか、もっと小さいモデルを選んでください。"
    need_text, there_text = format_bytes(need), format_bytes(there)
    return ModelError(
        f"“{name}” needs about {need_text} of memory, and this machine has {there_text}. {en}",
        f"「{name}」には約 {need_text} のメモリが要りますが、このコンピューターには {there_text} しかありません。{ja}",
    )


def cannot_load(name: str, error: Exception, folder: Path | None = None, trust: Trust = NO_REMOTE_CODE) -> AppError:
    """Whatever a library raised over the files of `name`. An old model with code of its own gets its native sibling."""
    if isinstance(error, AppError):
        return error
    en, ja = _instead(name)
    reason = _first_line(error)
    if folder and _needs_code(folder):
        if not en and not trust.code:
            en = (
                "If you trust it, start the app with --trust-remote-code, tick “Run the model's own code” and load it "
                "again, or choose another model."
            )
            ja = (
                "信頼できるなら、--trust-remote-code を付けて起動し「モデル独自のコードを実行する」にチェックを"
                "入れて読み込むか、別のモデルを選んでください。"
            )
        return ModelError(
            f"“{name}” works only with program code of its own, often written for an older transformers. "
            f"{en or 'Choose another model.'} ({reason})",
            f"「{name}」は、独自のプログラム（多くは古い transformers 向け）がないと動きません。"
            f"{ja or '別のモデルを選んでください。'}（{reason}）",
        )
    return ModelError(
        f"“{name}” could not be loaded ({reason}). {en or 'Choose another model, or check its files.'}",
        f"「{name}」を読み込めませんでした（{reason}）。{ja or '別のモデルを選ぶか、ファイルを確かめてください。'}",
    )


def _instead(name: str) -> Text:
    entry = entry_of(name)
    if entry is None or entry.instead is None:
        return Text("", "")
    return Text(f"{entry.instead} is close to it and works here.", f"近いモデル {entry.instead} ならここで動きます。")


def _needs_code(folder: Path) -> bool:
    """Whether neither transformers nor this project knows the architecture, but the repository brings code for it."""
    from core.models.auto import CONFIG_MAPPING

    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return "auto_map" in config and config.get("model_type") not in CONFIG_MAPPING
    except (OSError, ValueError, TypeError):
        return False


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]
