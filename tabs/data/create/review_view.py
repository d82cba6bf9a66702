"""The review as HTML: a table of dialogues with their scores, and the one that is chosen, word for word.

Every text is escaped. Buttons name what they do in `data-act`; review.js tells it to the server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from core.synth.plan import Plan
from core.synth.review import ReviewedDialogue, agreement_with_person, judges_itself
from tabs.ui import html_parts
from tabs.ui.text import t

LONGEST_OPENING = 28  # letters of a question in the table
LEAST_REVIEWED = 5  # dialogues before an agreement is told


@dataclass(frozen=True)
class Threshold:
    """From which scores on a dialogue is kept."""

    tone: int = 3
    coherence: int = 3


def review(
    plan: Plan, dialogues: Sequence[ReviewedDialogue], chosen: str, threshold: Threshold, language: str,
    editing: int = -1,
) -> str:  # fmt: skip
    """The whole review; `chosen` is a cell, `editing` the place of a turn that is being put in other words."""
    if not dialogues:
        return html_parts.empty(t(language, "create.review"), t(language, "create.review_empty"))
    one = next((one for one in dialogues if one.record.cell == chosen), dialogues[0])
    rows = "".join(_row(each, each is one, threshold, language) for each in dialogues)
    heads = "".join(f'<th scope="col">{escape(t(language, f"create.head_{name}"))}</th>'
                    for name in ("dialogue", "tone", "coherence", "comment", "verdict"))  # fmt: skip
    table = f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    summary = _summary(plan, dialogues, threshold, language)
    shown = f'<div class="review-list" tabindex="0">{table}</div>{_dialogue(one, editing, language)}'
    return f'<div class="review">{summary}{shown}</div>'


def _summary(plan: Plan, dialogues: Sequence[ReviewedDialogue], threshold: Threshold, language: str) -> str:
    """How many are kept, and what the scores are worth."""
    kept = sum(one.is_kept(threshold.tone, threshold.coherence) for one in dialogues)
    words = t(language, "create.kept", all=len(dialogues), kept=kept,
              seen=sum(one.person.keep is not None for one in dialogues),
              doubtful=sum(one.doubtful and one.person.keep is None for one in dialogues))  # fmt: skip
    if any(one.verdict is None for one in dialogues):
        words += t(language, "create.not_judged")
    share = f'<div class="bar thin"><i class="part-persona" style="width:{100 * kept / len(dialogues):.1f}%"></i></div>'
    lines = [f'<p class="num"><b>{escape(words)}</b></p>{share}']
    if any(one.verdict for one in dialogues):
        found = agreement_with_person(dialogues, threshold.tone, threshold.coherence)
        judge = t(language, "create.judge_is", name=plan.judge_backend.name)
        agreed = (
            t(language, "create.agreement", kappa=f"{found.kappa:.2f}", low=f"{found.low:.2f}",
              high=f"{found.high:.2f}", n=found.dialogues)
            if found and found.dialogues >= LEAST_REVIEWED else t(language, "create.agreement_none")
        )  # fmt: skip
        lines.append(f'<p class="muted num">{escape(judge)} · {escape(agreed)}</p>')
        if judges_itself(plan):
            lines.append(f'<p class="warn">{escape(t(language, "create.judges_itself"))}</p>')
    return "".join(lines)


def _row(one: ReviewedDialogue, chosen: bool, threshold: Threshold, language: str) -> str:
    record, verdict = one.record, one.verdict
    opening = record.opening if len(record.opening) <= LONGEST_OPENING else f"{record.opening[: LONGEST_OPENING - 1]}…"
    tone, coherence = (verdict.tone, verdict.coherence) if verdict else (None, None)
    comment = verdict.comment if verdict and verdict.tone is not None else ""
    if verdict and verdict.tone is None:
        comment = t(language, "create.unread")
    return (
        f'<tr data-cell="{escape(record.cell)}"{" class=now" if chosen else ""} aria-selected="{str(chosen).lower()}">'
        f'<th scope="row">#{record.number + 1:03} {escape(record.user)}'
        f'<span class="muted">「{escape(opening)}」</span></th>'
        f'<td class="num">{_score(tone)}</td><td class="num">{_score(coherence)}</td>'
        f"<td>{escape(comment)}</td><td>{_decision(one, threshold, language)}</td></tr>"
    )


def _score(score: int | None) -> str:
    return "—" if score is None else f"{score}"


def _decision(one: ReviewedDialogue, threshold: Threshold, language: str) -> str:
    """The person's word, strong; the score's, pale."""
    kept = one.is_kept(threshold.tone, threshold.coherence)
    word = t(language, "create.keep" if kept else "create.drop")
    if one.person.keep is None:
        return (
            f'<span class="muted">{escape(t(language, "create.by_score", what=word) if one.verdict else word)}</span>'
        )
    return f'<b class="{"good" if kept else "warn"}">{"✓" if kept else "✕"} {escape(word)}</b>'


def _dialogue(one: ReviewedDialogue, editing: int, language: str) -> str:
    """Who talked about what, how it ended, every word, and what a person can do."""
    record, verdict = one.record, one.verdict
    buttons = "".join(
        f'<button type="button" data-act="{act}" aria-pressed="{str(pressed).lower()}">'
        f'{escape(t(language, f"create.{act}"))}<kbd>{key}</kbd></button>'
        for act, key, pressed in (("keep", "1", one.person.keep is True), ("drop", "0", one.person.keep is False),
                                  *((("clear", "U", False),) if one.person.keep is not None else ()))
    )  # fmt: skip
    comment = f"<p>{escape(verdict.comment)}</p>" if verdict and verdict.comment else ""
    end = escape(t(language, f"create.end_{record.end}"))
    turns = "".join(_turn(one, n, editing, language) for n in range(len(record.turns)))
    return (
        f'<article class="review-one"><header><b>#{record.number + 1:03} {escape(record.user)}</b> '
        f'<span class="muted">{end}</span><span class="review-acts">{buttons}</span></header>{comment}'
        f'<div class="row-view">{turns}</div></article>'
    )


def _turn(one: ReviewedDialogue, n: int, editing: int, language: str) -> str:
    turn = one.record.turns[n]
    said = "\n".join(turn.messages)
    if n == editing:
        save, leave = escape(t(language, "create.save_words")), escape(t(language, "create.leave"))
        label = escape(t(language, "create.edit"))
        return (
            f'<div class="editing"><textarea rows="4" aria-label="{label}">{escape(said)}</textarea>'
            f'<button type="button" data-act="save" data-turn="{n}">{save}</button>'
            f'<button type="button" data-act="leave">{leave}</button></div>'
        )
    name = one.record.persona if turn.side == "persona" else one.record.user
    made, edit = n >= one.record.given_turns, ""
    css = "user" if turn.side == "user" else "learned" if made else "context"
    if made:
        edit = f'<button type="button" data-act="edit" data-turn="{n}">{escape(t(language, "create.edit"))}</button>'
    return f'<div class="said {css}"><small>{escape(name)}</small>{escape(said)}</div>{edit}'
