"""What the columns and roles of data sets from elsewhere are called, and a person's own mapping of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.messages import Role
from core.text import Text

RecordValues = Mapping[str, Any]
LeftOut = Literal[
    "unreadable",
    "no_reply",
    "disliked",
    "empty",
    "tool",
    "thought",
    "not_text",
    "system_inside",
    "unanswered",
    "header",
    "speaker",
]
"""Why something of a record is not learned; the first three concern whole records."""
SpeakerRole = Literal["user", "assistant", "system", "tool", "left_out"]
ELSE = "*"

ROLES: dict[str, Role | Literal["system", "tool"]] = {
    **dict.fromkeys(
        ("user", "human", "prompter", "customer", "question", "instruction", "usr", "ユーザー", "質問"), "user"),
    **dict.fromkeys(
        ("assistant", "gpt", "chatgpt", "bot", "chatbot", "model", "ai", "char", "character", "persona", "response",
         "answer", "bing", "bard", "claude", "アシスタント", "回答"), "assistant"),
    **dict.fromkeys(("system", "developer", "システム"), "system"),
    **dict.fromkeys(("tool", "function", "function_call", "function_response", "function-call", "function-response",
                     "tool_call", "tool_response", "tool_calls", "tools", "observation", "ipython"), "tool"),
}  # fmt: skip
MESSAGES = (
    "messages",
    "conversations",
    "contents",
    "conversation",
    "dialogue",
    "dialog",
    "dialogs",
    "chat",
    "turns",
    "chats",
)
SYSTEM = (
    "system", "system_prompt", "systemprompt", "system_message", "systeminstruction", "system_instruction", "sys",
)  # fmt: skip
BESIDE = ("input", "context", "passage")  # what an instruction or a question is about
HISTORY = ("history", "context_history")
WHO = ("role", "from", "speaker", "author", "sender", "name")
SAID = ("content", "value", "text", "message", "utterance", "parts")
ASKED = ("instruction", "prompt", "query", "question", "user", "human", "input", "q", "質問", "指示", "入力", "問題")
ANSWERED = (
    "output", "response", "completion", "answer", "assistant", "bot", "gpt", "target", "reply", "a",
    "回答", "応答", "出力", "答え",
)  # fmt: skip
NOT_TRAINED = (("train", False), ("weight", 0), ("loss_weight", 0), ("loss", False), ("mask", True), ("masked", True))
REASONS: dict[LeftOut, Text] = {
    "unreadable": Text("records that cannot be read", "読めない件"),
    "no_reply": Text("records in which the persona says nothing", "人格の発言がない件"),
    "disliked": Text("records marked as bad answers", "悪い答えとされている件"),
    "empty": Text("empty messages", "空のメッセージ"),
    "tool": Text("calls of tools and their results", "ツールの呼び出しと結果"),
    "thought": Text("thoughts before an answer", "答えの前の思考"),
    "not_text": Text("pictures and other parts that are not text", "画像などの文字でない部分"),
    "system_inside": Text("system texts in the middle of a talk", "会話の途中のシステム文"),
    "unanswered": Text("last messages that nobody answers", "返事のない最後のメッセージ"),
    "header": Text("headings that came again", "繰り返された見出し行"),
    "speaker": Text("messages of speakers chosen to be left out", "除くことにした話し手のメッセージ"),
}


def left_out_text(why: LeftOut) -> Text:
    """What was left out, as a label for its count."""
    return REASONS[why]


@dataclass(frozen=True)
class ColumnMapping:
    """Which column is who, as a person chose it. Empty: not in this file."""

    user: str = ""
    assistant: str = ""
    system: str = ""
    messages: str = ""
    """A column with a list of messages. With `said` alone each record is one message (`message_records`)."""
    who: str = ""
    """In each message: who speaks."""
    said: str = ""
    """And what is said."""
    group: str = ""
    """Of records that are one message each: the column that tells which conversation it belongs to."""
    order: str = ""
    """And the one that they are put in order by, a number or a time; "" for the order of the file."""
    roles: tuple[tuple[str, SpeakerRole], ...] = ()
    """What stands there for whom, where that is not a known name; ELSE for every other."""

    @property
    def one_message_a_record(self) -> bool:
        return bool(self.said and not self.messages)

    @property
    def role_names(self) -> Mapping[str, SpeakerRole]:
        return {name.strip().lower(): role for name, role in self.roles}


NO_MAPPING = ColumnMapping()
