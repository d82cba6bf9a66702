"""A prompt config as one self-contained Jinja chat template: any program that renders it asks as this one does.

The template itself stands at the end, as it is; what `core.prompt` does before it (the persona's
description and examples first, bursts joined, an opening where the persona may not speak first) is written
in Jinja before it. What it cannot do is take special tokens out of what a user types, or drop old turns.
"""

import json
import re

from core.messages import Turn
from core.prompt.chat_template import DATE, ChatTemplate
from core.prompt.config import PromptConfig

# {% generation %} marks what is trained and prints nothing; programs other than transformers may not know it.
MARKED = re.compile(r"\{%(-?)\s*(end)?generation\s*(-?)%\}")

PRELUDE = """\
{{#- Made by Omokage: the persona {persona_comment} as it was trained. -#}}
{{%- set persona_name = {persona} -%}}
{{%- set user_name = {user} -%}}
{{%- set enable_thinking = false -%}}
{{%- set date_string = {date} -%}}
{{%- set made = namespace(chat=[], part='', name='') -%}}
{{%- set described = {description} -%}}
{{%- if messages and messages[0].role == 'system' -%}}
{{%- set described = messages[0].content | trim -%}}
{{%- set messages = messages[1:] -%}}
{{%- endif -%}}
{{%- if described -%}}
{{%- set made.chat = [{{'role': '{system}', 'content': described}}] -%}}
{{%- set made.part = 'persona' -%}}
{{%- endif -%}}
{{%- for part, turns in [('examples', {examples}), ('turns', messages)] -%}}
{{%- for turn in turns -%}}
{{%- set words = turn.content | trim -%}}
{{%- if words -%}}
{{%- set before = made.chat[-1].role if made.chat else 'system' -%}}
{{%- set goes_on = made.part == part ~ turn.role -%}}
{{%- if turn.role == 'assistant' and not goes_on and {must_open} -%}}
{{%- set made.chat = made.chat + [{{'role': 'user', 'content': {opening}}}] -%}}
{{%- set made.part = 'opening' -%}}
{{%- endif -%}}
{{%- set name = turn.name or '' -%}}
{{%- if name and not (goes_on and made.name == name) -%}}{{%- set words = name ~ ': ' ~ words -%}}{{%- endif -%}}
{{%- if made.chat and made.chat[-1].role == turn.role -%}}
{{%- set between = '\\n\\n' if made.part == 'persona' else {separator} -%}}
{{%- set made.chat = made.chat[:-1] + [{{'role': turn.role, 'content': made.chat[-1].content ~ between ~ words}}] -%}}
{{%- else -%}}
{{%- set made.chat = made.chat + [{{'role': turn.role, 'content': words}}] -%}}
{{%- endif -%}}
{{%- set made.part = part ~ turn.role -%}}
{{%- set made.name = name -%}}
{{%- endif -%}}
{{%- endfor -%}}
{{%- endfor -%}}
{{%- set before = made.chat[-1].role if made.chat else 'system' -%}}
{{%- if add_generation_prompt and made.part[:5] != 'turns' and {must_open} -%}}
{{%- set made.chat = made.chat + [{{'role': 'user', 'content': {opening}}}] -%}}
{{%- endif -%}}
{{%- set messages = made.chat -%}}
"""


def chat_template(template: ChatTemplate, prompt_config: PromptConfig) -> str:
    """The Jinja source. It prints what `core.prompt.render` renders of the same turns, as long as all fit."""
    examples = [entry for turn in prompt_config.examples for entry in _entries(turn)]
    may_open = "" if template.persona_may_open else " or before == 'system'"
    prelude = PRELUDE.format(
        persona=_literal(" ".join(prompt_config.persona.split())),
        persona_comment=re.sub(r"[#{}%\n\r]", " ", prompt_config.persona),
        user=_literal(" ".join(prompt_config.user.split())),
        date=_literal(DATE),
        description=_literal(described(prompt_config)),
        system="system" if template.takes_system else "user",
        examples=json.dumps(examples, ensure_ascii=False),
        must_open=f"(before == 'assistant'{may_open})",
        opening=_literal(prompt_config.opening.strip()),
        separator=_literal(prompt_config.separator),
    )
    return prelude + MARKED.sub(_plain, template.jinja)


def described(prompt_config: PromptConfig) -> str:
    """The system text: who the persona is, and how a reply has to look."""
    return "\n\n".join(filter(None, (prompt_config.description.strip(), prompt_config.reply_format.strip())))


def _entries(turn: Turn) -> list[dict[str, str]]:
    named = {"name": turn.name} if turn.name else {}
    return [{"role": turn.role, "content": text, **named} for text in turn.messages]


def _plain(mark: "re.Match[str]") -> str:
    """A tag that prints nothing either, with the same white space taken away beside it."""
    return f"{{%{mark[1]} {'endif' if mark[2] else 'if true'} {mark[3]}%}}"


def _literal(text: str) -> str:
    """`text` as a string of Jinja, whose escapes are Python's."""
    return json.dumps(text, ensure_ascii=False)
