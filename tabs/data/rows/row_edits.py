"""The fold under a row in which a message is corrected or left out by hand, and the last change undone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from html import escape

import gradio as gr

from core.data.edits import AS_CONTEXT, Edit, correction, left_out, of_this_row_alone, unplaced
from core.data.open_log import OpenLog
from core.errors import InputError
from core.workspace import Split
from tabs.data import outputs
from tabs.data.data_context import DataContext
from tabs.data.log.open_handlers import OpenLogHandlers
from tabs.data.outputs import UNCHANGED, View
from tabs.data.page import Page
from tabs.data.rows import row_view
from tabs.ui.handler import EVENT, handler
from tabs.ui.text import t, t_client
from tabs.ui.visitor import Visitor

LONGEST, LISTED = 60, 5  # letters of a choice; changes shown
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


class RowEditHandlers(OpenLogHandlers):
    """Edits the row on the page; each change makes the rows anew and is kept with the open log."""

    @handler
    def show(
        self, visitor: Visitor, log: str, split: Split | None, number: float | None, seen: tuple[object, ...]
    ) -> tuple:
        """What can be edited in the row: (card, message, its words, undo, what was changed, what is shown).

        A page that has just been filled does not send its split yet: it shows the first row to train on. Where all is
        as `seen`, nothing is drawn: somebody may be writing there already.
        """
        if not log:  # a page that arrives with nothing open
            return gr.Column(visible=False), gr.skip(), gr.skip(), gr.skip(), gr.skip(), ()
        split, number = split or "train", number or 1
        opened = self.context.opened(visitor, log)
        places = self._places(opened, split, number)
        names = [(_choice(opened, place), place) for place in places]
        own = [place for place in places if opened.log.messages[place].sender == opened.persona]
        chosen = next(iter(own), None)
        shown = (log, opened.persona, split, number, tuple(names), opened.choices.edits)
        if shown == seen:
            return (gr.skip(),) * 6
        return (
            gr.Column(visible=bool(places or opened.choices.edits)),
            gr.Dropdown(choices=names, value=chosen),
            _words(opened, chosen),
            gr.Button(visible=bool(opened.choices.edits)),
            changes_html(opened, visitor.language),
            shown,
        )

    @handler
    def choose_message(self, visitor: Visitor, log: str, place: int | None) -> str:
        """The words of a message as they are learned now."""
        return _words(self.context.opened(visitor, log), place)

    @handler
    def correct(
        self, visitor: Visitor, log: str, split: Split, number: float, place: int | None, text: str
    ) -> Iterator[View]:  # fmt: skip
        """Learn a message in other words."""
        opened = self.context.opened(visitor, log)
        if place is not None and text.strip() == _words(opened, place):
            yield UNCHANGED
            return
        edit = correction(opened.log.messages[_checked(opened, place)], text)
        yield from self._edited(visitor, opened, (*opened.choices.edits, edit), split, number)

    @handler
    def leave_message(
        self, visitor: Visitor, log: str, split: Split, number: float, place: int | None
    ) -> Iterator[View]:  # fmt: skip
        """Leave one message out."""
        opened = self.context.opened(visitor, log)
        edit = left_out(opened.log.messages, [_checked(opened, place)])
        yield from self._edited(visitor, opened, (*opened.choices.edits, edit), split, number)

    @handler
    def leave_row(self, visitor: Visitor, log: str, split: Split, number: float) -> Iterator[View]:
        """Leave the row out: what it learns, and what is nowhere else."""
        opened = self.context.opened(visitor, log)
        if not self._places(opened, split, number):
            raise InputError("There is no row to leave out.", "除ける行がありません。")
        every = [row for each in SPLITS for row in opened.rows(each)]
        alone = of_this_row_alone(opened.rows(split)[_at(opened, split, number) - 1], every)
        edit = left_out(opened.log.messages, alone)
        yield from self._edited(visitor, opened, (*opened.choices.edits, edit), split, number)

    @handler
    def undo(self, visitor: Visitor, log: str, split: Split, number: float) -> Iterator[View]:
        """Take the last change back."""
        opened = self.context.opened(visitor, log)
        yield from self._edited(visitor, opened, opened.choices.edits[:-1], split, number)

    def _edited(
        self, visitor: Visitor, opened: OpenLog, edits: tuple[Edit, ...], split: Split, number: float
    ) -> Iterator[View]:  # fmt: skip
        """The page with these edits, at the same row."""
        choices = replace(opened.choices, edits=edits)
        for view in self._open(visitor, choices):
            now = self.context.logs.get(visitor.owner)
            if now is None or now.choices != choices or view.row is UNCHANGED.row:
                yield view
                continue
            at, count = _at(now, split, number), len(now.rows(split))
            yield outputs.after_choice(view, now, listed=True)._replace(
                split=outputs.splits(now, visitor.language, split), number=outputs.number(count, at),
                row=row_view.row(now, split, at, self.context.model(), visitor.language),
            )  # fmt: skip

    def _places(self, opened: OpenLog, split: Split, number: float) -> tuple[int, ...]:
        """Where the messages of a row stand in the log."""
        rows = opened.rows(split)
        if not rows:
            return ()
        row = rows[_at(opened, split, number) - 1]
        return tuple(dict.fromkeys(place for turn in row.positions for place in turn))


def changes_html(opened: OpenLog, language: str) -> str:
    """The last changes with the words before and after, and how many there are."""
    edits = opened.choices.edits
    if not edits:
        return ""
    title = f'<p class="muted" role="status">{escape(t(language, "sets.edit_changes", n=len(edits)))}</p>'
    items = "".join(_change(edit, language) for edit in reversed(edits[-LISTED:]))
    lost = unplaced(edits, opened.edited)
    note = f'<p class="warn">{escape(t(language, "sets.edit_unplaced", n=lost))}</p>' if lost else ""
    return f'{title}<ol class="diff" tabindex="0">{items}</ol>{note}'


def _change(edit: Edit, language: str) -> str:
    first = edit.places[0]
    before = f'<p class="before"><del>{escape(_short(first.text))}</del></p>'
    others = len(edit.places) - 1
    more = " " + escape(t(language, "sets.edit_more", n=others)) if others else ""
    said = "sets.edit_left_out" if edit.text is None else "sets.edit_as_context" if edit.text == AS_CONTEXT else ""
    after = escape(t(language, said)) if said else f"<ins>{escape(_short(edit.text or ''))}</ins>"
    return f'<li>{before}<p class="after">{after}{more}</p></li>'


def _choice(opened: OpenLog, place: int) -> str:
    return f"{opened.log.messages[place].sender or '–'}: {_short(_words(opened, place))}"


def _words(opened: OpenLog, place: int | None) -> str:
    """The words of a message, as they were corrected."""
    if place is None or not 0 <= place < len(opened.log.messages):
        return ""
    return opened.edited.get(place) or opened.log.messages[place].text


def _checked(opened: OpenLog, place: int | None) -> int:
    if place is None or not 0 <= place < len(opened.log.messages):
        raise InputError("Choose a message of the row first.", "先に、行の中の発言を選んでください。")
    return place


def _at(opened: OpenLog, split: Split, number: float) -> int:
    return max(1, min(int(number), len(opened.rows(split))))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}…"


def build(page: Page) -> Callable[[DataContext, Sequence, Sequence], None]:
    """The fold; returns what listens, once the page stands: given the context, (key, log), and the View's outputs."""
    with (
        gr.Column(visible=False, elem_classes="bare", elem_id="data-edit") as card,
        gr.Accordion(t_client("sets.edit_fold"), open=False, elem_id="data-edit-fold"),
    ):
        gr.Markdown(t_client("sets.edit_what"), elem_classes="muted")
        message = gr.Dropdown(choices=[], label=t_client("sets.edit_message"), elem_id="data-edit-message")
        text = gr.Textbox(label=t_client("sets.edit_text"), lines=2, max_lines=8, elem_id="data-edit-text")
        with gr.Row(elem_classes="actions"):
            correct = gr.Button(
                t_client("sets.edit_correct"), variant="primary", size="sm", elem_id="data-edit-correct"
            )
            leave = gr.Button(t_client("sets.edit_leave"), size="sm", elem_id="data-edit-leave")
            leave_row = gr.Button(t_client("sets.edit_leave_row"), size="sm", elem_id="data-edit-leave-row")
            undo = gr.Button(t_client("sets.edit_undo"), size="sm", visible=False, elem_id="data-edit-undo")
        changes = gr.HTML(padding=False, elem_id="data-edit-changes")
    seen = gr.State(())

    def listen(context: DataContext, inputs: Sequence, view: Sequence) -> None:
        handlers = RowEditHandlers(context)
        at = [*inputs, page["split"], page["number"]]
        showing = {"fn": handlers.show, "inputs": [*at, seen], "outputs": [card, message, text, undo, changes, seen]}
        gr.on([page["row"].change, page["made"].change], **showing, trigger_mode="always_last", **EVENT)
        message.input(handlers.choose_message, [*inputs, message], text, trigger_mode="always_last", **EVENT)
        correct.click(handlers.correct, [*at, message, text], view, **EVENT)
        leave.click(handlers.leave_message, [*at, message], view, **EVENT)
        leave_row.click(handlers.leave_row, at, view, **EVENT)
        undo.click(handlers.undo, at, view, **EVENT)

    return listen
