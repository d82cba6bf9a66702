"""The prompt, seen: what a model is asked, as text, token ids, parts and loss mask, for scripts and for comparing.

    python -m core.prompt --model M [--persona P | --description TEXT] --turns FILE.json [--row] [--json]

FILE.json is a list of chat messages ({"role": "user" | "assistant", "content": …}), or "-" for standard input. A system
message at its head is the description where no other is given. Without --row it is the prompt for the next reply, with
it the row that teaches the persona's turns. Only the tokenizer of the model is read, never its weights. What cannot be
used is one sentence on standard error and exit status 2.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from core.catalogue.bundled import FOLDER, NAME
from core.errors import AppError, InputError
from core.files import parse_json
from core.messages import Turn, from_chat_messages
from core.models.loading import HUB_ID
from core.models.model_errors import neither_id_nor_folder
from core.models.tokenizers.check import load_tokenizer
from core.personas import Persona
from core.personas.find import find_persona
from core.prompt import PARTS, Prompt, PromptConfig, render
from core.prompt.token_text import spell
from core.text import speak_utf8

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the prompt and return the exit status."""
    speak_utf8(sys.stdin, sys.stdout, sys.stderr)
    options = _options(arguments)
    try:
        turns, system = read_turns(options.turns)
        prompt_config = _prompt_config(options, system)
        tokenizer = _tokenizer(options.model)
        prompt = render(prompt_config, turns, tokenizer, training=options.row)
    except AppError as error:
        print(error, file=sys.stderr)
        return 2
    print(json.dumps(as_json(prompt), ensure_ascii=False) if options.json else as_text(prompt, tokenizer))
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m core.prompt", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=NAME, help="a Hub id or a folder; without it, the one that comes along")
    who = parser.add_mutually_exclusive_group()
    who.add_argument("--persona", default="", help="the id of a built-in one, or a character card (PNG, JSON)")
    who.add_argument("--description", default="", help="who the persona is: the system text")
    parser.add_argument("--name", default="", help="what the persona is called, for formats that print names")
    parser.add_argument("--user", default="", help="what the other side is called")
    parser.add_argument("--template", default="auto", help="a name from prompt_templates/, or “model”")
    parser.add_argument("--window", type=int, default=1024, help="tokens that prompt and reply share")
    parser.add_argument("--language", choices=("ja", "en"), default="ja", help="of the built-in personas")
    parser.add_argument("--turns", required=True, metavar="FILE.json", help="chat messages; “-” for standard input")
    parser.add_argument("--row", action="store_true", help="the training row of these turns instead of a chat's prompt")
    parser.add_argument("--json", action="store_true", help="one line of JSON: text, ids, parts, mask")
    return parser.parse_args(arguments)


def read_turns(source: str) -> tuple[list[Turn], str]:
    """(turns, the system message at their head or ""). Raises InputError for anything else."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).expanduser().read_text(encoding="utf-8")
        messages = parse_json(text)
        if not isinstance(messages, list) or not messages:
            raise ValueError("no list with messages")
        system = messages[0]["role"] == "system"
        return from_chat_messages(messages[system:]), messages[0]["content"] if system else ""
    except (OSError, UnicodeError, ValueError, LookupError, TypeError) as error:
        raise InputError(
            f"{source} holds no chat messages ({error}). Write a list such as "
            '[{"role": "user", "content": "hello"}].',
            f"{source} はチャットメッセージとして読めません（{error}）。"
            '[{"role": "user", "content": "こんにちは"}] のようなリストにしてください。',
        ) from error


def _prompt_config(options: argparse.Namespace, system: str) -> PromptConfig:
    """As a chat would make it of these options."""
    persona = find_persona(options.persona, options.language) if options.persona else Persona("Persona", system)
    if options.description:
        persona = replace(persona, description=options.description)
    if options.name:
        persona = replace(persona, name=options.name)
    if options.user:
        persona = replace(persona, user=options.user)
    return persona.with_macros_expanded("").prompt_config(options.window, template=options.template)


def _tokenizer(model: str) -> "PreTrainedTokenizerBase":
    folder = FOLDER if model == NAME else Path(model).expanduser()
    if not folder.is_dir() and not HUB_ID.fullmatch(model):
        raise neither_id_nor_folder(model)
    return load_tokenizer(folder if folder.is_dir() else model)


def as_json(prompt: Prompt) -> dict[str, object]:
    """Plain values: `ids` and `mask` are as long as each other, and parts are [start, end) over them."""
    parts = [
        {"part": piece.part, "role": piece.role, "text": piece.text, "start": piece.start, "end": piece.end}
        for piece in prompt.segments
    ]
    return {
        "text": prompt.text,
        "ids": list(prompt.ids),
        "mask": [int(learned) for learned in prompt.loss_mask],
        "parts": parts,
        "left_out": dict(prompt.left_out),
        "window": prompt.window,
        "reserve": prompt.reserve,
    }


def as_text(prompt: Prompt, tokenizer: "PreTrainedTokenizerBase") -> str:
    """For people: the text, a line for each token with what is learned marked, and the sum of each part."""
    lines, tokens = [prompt.text, ""], spell(prompt.ids, tokenizer)
    for piece in prompt.segments:
        for at in range(piece.start, piece.end):
            learned, token = "*" if prompt.loss_mask[at] else " ", tokens[at]
            shown = "…" if token.continues else repr(token.text)
            lines.append(f"{at:5} {learned} {piece.part:12} {token.id:7} {shown}")
    sizes = prompt.tokens_by_part()
    lines += ["", *(f"{part:12} {sizes[part]:6}" for part in PARTS if sizes[part])]
    lines.append(f"{'all':12} {len(prompt.ids):6} of {prompt.window}, {sum(prompt.loss_mask)} learned")
    lines += [f"left out: {part} {n}" for part, n in prompt.left_out.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
