"""The blind test on the page: made of what is measured, opened by its own address, and how often people were fooled."""

from collections import Counter
from dataclasses import dataclass, replace
from html import escape

import gradio as gr

from core.errors import InputError
from core.evaluate.blind import REAL, BlindTest, BlindTests, BlindVote, FooledRate, chance_rate, fooled_rates, make_test
from core.evaluate.measure import BASE
from tabs.compare.blind_page import ROUTE
from tabs.compare.board import BoardForm, BoardHandlers
from tabs.compare.choices import picked
from tabs.ui.handler import EVENT, handler
from tabs.ui.services import Services
from tabs.ui.shared import Shared
from tabs.ui.text import t, t_client, t_heading
from tabs.ui.visitor import Visitor

COPY = """() => {
  const link = document.querySelector("#blind-link a");
  if (link) navigator.clipboard?.writeText(link.href);
}"""
NAMES_SHOWN = 8


@dataclass(frozen=True)
class BlindHandlers:
    """Makes tests, and counts votes."""

    services: Services
    board: BoardHandlers

    @property
    def tests(self) -> BlindTests:
        """Everybody's tests."""
        return BlindTests(self.services.workspace)

    @handler
    def make(self, visitor: Visitor, dataset: str | None, chosen: list[str] | None) -> tuple:
        """A new test of what was measured: (its address, results, what can be done with it)."""
        if not dataset:
            raise InputError("Choose a data set first.", "先にデータセットを選んでください。")
        choices, data = self.board.choices(visitor, dataset)
        wanted = picked(choices, chosen or ())
        measured = [
            replace(
                self.board.known(visitor, one, data),
                name="" if one.candidate.name == BASE and not one.measured else one.label,
            )
            for one in wanted
        ]
        test = self.tests.add(visitor.owner, make_test(data, measured))
        return self._shown(visitor, test)

    @handler
    def standing(self, visitor: Visitor) -> tuple:
        """The newest test as it stands: (its address, results, what can be done with it)."""
        test = self.tests.newest(visitor.owner)
        return self._shown(visitor, test) if test else ("", "", gr.Row(visible=False))

    @handler
    def delete(self, visitor: Visitor) -> tuple:
        """Close the newest test: its address leads nowhere any more."""
        if test := self.tests.newest(visitor.owner):
            self.tests.delete(visitor.owner, test.code)
        return "", "", gr.Row(visible=False)

    def _shown(self, visitor: Visitor, test: BlindTest) -> tuple:
        votes = self.tests.votes(visitor.owner, test)
        return link_html(test, visitor.language), results_html(test, votes, visitor.language), gr.Row(visible=True)


def link_html(test: BlindTest, language: str) -> str:
    """The way to the test."""
    words = escape(t(language, "blind.open", n=len(test.questions)))
    return f'<a class="blind-open" href="{ROUTE}/{test.code}" target="_blank" rel="noopener">{words}</a>'


def results_html(test: BlindTest, votes: list[BlindVote], language: str) -> str:
    """Who was taken for the person how often, and by whom."""
    if not votes:
        return f'<p class="muted">{escape(t(language, "blind.no_votes"))}</p>'
    voters = {vote.voter: vote.name for vote in votes}
    named = Counter(name or t(language, "blind.nameless") for name in voters.values())
    who = ("、" if language == "ja" else ", ").join(
        f"{name} ×{n}" if n > 1 else name for name, n in named.most_common(NAMES_SHOWN)
    )
    head = t(language, "blind.votes", people=len(voters), votes=len(votes), who=who)
    rows = "".join(_rate_line(rate, language) for rate in fooled_rates(test, votes) if rate.of)
    chance = t(language, "blind.chance", share=f"{chance_rate(test):.0%}")
    return (
        f'<p>{escape(head)}</p><table class="ledger rates"><tbody>{rows}</tbody></table>'
        f'<p class="muted">{escape(chance)}</p>'
    )


def _rate_line(rate: FooledRate, language: str) -> str:
    name = t(language, "blind.real" if rate.who == REAL else "blind.untrained") if rate.who in (REAL, "") else rate.who
    words = f"{rate.rate:.0%} [{rate.low:.0%}, {rate.high:.0%}]"
    bar = f'<i style="left:{rate.low:.0%};width:{rate.high - rate.low:.0%}"></i><b style="left:{rate.rate:.0%}"></b>'
    return (
        f'<tr><td>{escape(name)}</td><td><span class="rate" aria-hidden="true">{bar}</span></td><td>{words}</td></tr>'
    )


def build(services: Services, shared: Shared, board: BoardForm) -> None:
    """The card."""
    handlers = BlindHandlers(services, board.handlers)
    with gr.Column(elem_classes="card", elem_id="blind-card"):
        gr.Markdown(t_heading("blind.title"), elem_classes="title")
        gr.Markdown(t_client("blind.what"), elem_classes="muted")
        make = gr.Button(t_client("blind.make"), elem_id="blind-make")
        link = gr.HTML(padding=False, elem_id="blind-link")
        with gr.Row(visible=False, elem_classes="actions") as acts:
            copy = gr.Button(t_client("blind.copy"), size="sm", elem_id="blind-copy")
            look = gr.Button(t_client("blind.look"), size="sm", elem_id="blind-look")
            delete = gr.Button(t_client("blind.delete"), size="sm", variant="stop", elem_id="blind-delete")
        results = gr.HTML(padding=False, elem_id="blind-results")
    shown = [link, results, acts]
    make.click(handlers.make, [shared.key, board.dataset, board.candidates], shown, **EVENT)
    gr.on([look.click, shared.changed["compare"].click], handlers.standing, shared.key, shown, **EVENT)
    delete.click(handlers.delete, shared.key, shown, **EVENT)
    copy.click(None, None, None, js=COPY, **EVENT)
