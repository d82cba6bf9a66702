"""Chat templates of one's own, and in which template each owner has a model asked.

An own template is Jinja text whose first line names it; as such it stands in a prompt config, so it travels with
adapters and exports. Every save of the same name is a version, and none is lost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import InputError
from core.files import check_name, read_json, write_json
from core.prompt.chat_template import resolve_template
from core.prompt.template_names import AUTO, LONGEST_JINJA, OWN_NAME, is_jinja, named, template_names
from core.stored import DamagedError, reading
from core.workspace import Workspace

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

CHOSEN = ".chosen.json"  # hidden: what else lies there is a template
MOST_VERSIONS = 100


@dataclass(frozen=True)
class OwnTemplates:
    """Each owner's templates and choices."""

    workspace: Workspace

    def names(self, owner: str) -> list[str]:
        """Those of an owner, by name."""
        return sorted(path.stem for path in self.workspace.folder(owner, "templates").glob("[!.]*.json"))

    def versions(self, owner: str, name: str) -> list[str]:
        """All versions of one as a prompt config names them, the newest last; none where its file is damaged."""
        path = self._file(owner, name)
        try:
            with reading(path):
                found = read_json(path)["versions"]
                return [named(jinja, name, number) for number, jinja in enumerate(found, 1) if _fits(jinja)]
        except (FileNotFoundError, DamagedError):
            return []

    def save(self, owner: str, name: str, jinja: str, tokenizer: "PreTrainedTokenizerBase") -> str:
        """Keep a template as the newest version of `name`; returns what a prompt config names it by.

        Raises InputError for a name or a text that cannot be, ModelError when it does not print a conversation.
        """
        name, plain = check_name(name.strip()), OWN_NAME.sub("", jinja.strip(), count=1)
        if not is_jinja(plain) or len(plain) > LONGEST_JINJA:
            raise InputError(
                f"A chat template is Jinja with {{{{ … }}}} or {{% … %}} and at most {LONGEST_JINJA:,} characters; "
                f"this one has {len(plain):,}. Copy one from the list and change it.",
                f"チャットテンプレートは {{{{ … }}}} や {{% … %}} を含む Jinja で、{LONGEST_JINJA:,} 文字までです"
                f"（いまは {len(plain):,} 文字）。一覧のものを写して書き換えると簡単です。",
            )
        before = [OWN_NAME.sub("", text, count=1) for text in self.versions(owner, name)]
        if before[-1:] == [plain]:
            return named(plain, name, len(before))
        if len(before) >= MOST_VERSIONS:
            raise InputError(
                f"“{name}” has {MOST_VERSIONS} versions already. Save it under another name.",
                f"「{name}」にはもう {MOST_VERSIONS} 個の版があります。別の名前で保存してください。",
            )
        wanted = named(plain, name, len(before) + 1)
        resolve_template(tokenizer, wanted)
        write_json(self._file(owner, name), {"versions": [*before, plain]})
        return wanted

    def delete(self, owner: str, name: str) -> None:
        """Remove one with its versions. What names it already holds its text and goes on."""
        self._file(owner, name).unlink(missing_ok=True)

    def chosen(self, owner: str, model: str) -> str:
        """The template in which `model` is asked for this owner; "auto" where nothing was chosen."""
        wanted = self._choices(owner).get(model, AUTO)
        return wanted if wanted in (AUTO, "model", *template_names()) or is_jinja(wanted) else AUTO

    def choose(self, owner: str, model: str, wanted: str) -> None:
        """Have `model` asked in this template from now on."""
        choices = {**self._choices(owner), model: wanted}
        write_json(self._chosen_file(owner), {name: value for name, value in choices.items() if value != AUTO})

    def _choices(self, owner: str) -> Mapping[str, str]:
        path = self._chosen_file(owner)
        try:
            with reading(path):
                return {str(name): str(value) for name, value in read_json(path).items()}
        except (FileNotFoundError, DamagedError):
            return {}

    def _chosen_file(self, owner: str) -> Path:
        return self.workspace.folder(owner, "templates") / CHOSEN

    def _file(self, owner: str, name: str) -> Path:
        return self.workspace.folder(owner, "templates") / f"{check_name(name)}.json"


def _fits(jinja: object) -> bool:
    return isinstance(jinja, str) and is_jinja(jinja) and len(jinja) <= LONGEST_JINJA
