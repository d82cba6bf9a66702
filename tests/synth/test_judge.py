"""Verdicts: read however they are written, asked for once, kept with who gave them; and what they are worth."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.synth.__main__ import main
from core.synth.agreement import agreement, weighted_kappa
from core.synth.backends import Backend
from core.synth.judge import JudgeReply, judge, parse_verdict, read_rubric, read_verdicts
from core.synth.judge_answers import answers_of, expected_score
from core.synth.plan import read_plan
from core.synth.prompts import SpokenTurn
from core.synth.records import DialogueRecord, SynthFolder, append_record
from tests.helpers.fake_server import FakeServer, serve
from tests.helpers.synth_tiny import PLAN

TURNS = (SpokenTurn("user", ("問い",)), SpokenTurn("persona", ("なぜだろう？",)))
RECORD = DialogueRecord("c1", 0, "ソクラテス", "漁師", "u", "ordinary", "問い", "o", 0.3, "complete", 1, TURNS)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"comment": "よい", "tone": 4, "coherence": 3}', (4, 3, "よい", "json")),
        ('採点:\n```json\n{"tone": "2", "coherence": 0,}\n```', (2, 0, "", "repaired")),
        ('{"tone": 5, "coherence": 1}', None),
        ('{"tone": true, "coherence": 1}', None),
        ("口調は4です", None),
    ],
)
def test_verdict_is_read_by_the_ladder(text: str, read: tuple | None) -> None:
    assert parse_verdict(text) == read


def test_judge_sees_persona_and_dialogue_and_is_asked_once(tmp_path: Path) -> None:
    asked: list[tuple[str, str, float]] = []

    def answer(system: str, question: str, temperature: float) -> JudgeReply:
        asked.append((system, question, temperature))
        scores = '{"comment": "a", "tone": 3, "coherence": 2}'
        return JudgeReply("hm" if len(asked) == 1 else scores, True, {"tone": 2.75})

    folder = SynthFolder(tmp_path)
    verdict = judge(PLAN, folder, [RECORD], answer, threading.Event())[0]
    assert (verdict.tone, verdict.coherence, verdict.tries, verdict.parse_method) == (3, 2, 2, "grammar")
    assert (verdict.expected_tone, verdict.expected_coherence) == (2.75, None)
    assert "ソクラテス: なぜだろう？" in asked[0][1] and PLAN.persona.description in asked[0][1]
    assert asked[1][2] > asked[0][2]
    assert judge(PLAN, folder, [RECORD], answer, threading.Event()) == [verdict] == read_verdicts(folder)
    assert len(asked) == 2
    assert verdict.keeps(3, 2) and not verdict.keeps(3, 3)


def test_answer_that_cannot_be_read_leaves_no_score(tmp_path: Path) -> None:
    verdict = judge(PLAN, SynthFolder(tmp_path), [RECORD], lambda *_: JudgeReply("?"), threading.Event())[0]
    assert (verdict.tone, verdict.parse_method, verdict.tries) == (None, "none", 3)
    assert not verdict.keeps(0, 0)


def test_rubric_that_is_none_is_said(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"ja": {}}', encoding="utf-8")
    with pytest.raises(InputError, match="is no rubric"):
        read_rubric(str(tmp_path / "r.json"), "ja")


def test_kappa_is_what_is_worked_out_by_hand() -> None:
    # Squared differences 0 1 0 1: 0.5; by chance (0 0 1 4 | …) over all 16 pairs 34 / 16.
    one, other = [0, 1, 2, 3], [0, 2, 2, 2]
    chance = sum((a - b) ** 2 for a in one for b in other) / 16
    assert weighted_kappa(one, other) == pytest.approx(1 - 0.5 / chance)
    assert weighted_kappa([2, 2], [2, 2]) is None
    found = agreement(one * 5, other * 5)
    assert found and found.low < found.kappa < found.high <= 1 and found.dialogues == 20


def test_server_judges_and_its_thoughts_are_left_out() -> None:
    api = FakeServer()
    serve(api)
    try:
        answer = answers_of(Backend("remote", "big", url=api.url), {}, threading.Event())
        api.words = ["<think>hm</think>", '{"comment": "a", "tone": 3, "coherence": 2}']
        reply = answer("You mark.", "This one?", 0.0)
        api.refused = ("response_format",)
        plain = answer("You mark.", "This one?", 0.0)
    finally:
        api.shutdown()
        api.server_close()
    assert parse_verdict(reply.text) == (3, 2, "a", "json") and reply.by_grammar
    assert plain == replace(reply, by_grammar=False)
    first, last = api.asked[-3], api.asked[-1]
    assert first["response_format"]["json_schema"]["schema"]["required"] == ["comment", "tone", "coherence"]
    assert "response_format" not in last
    assert [message["content"] for message in last["messages"]] == ["You mark.", "This one?"]


def test_only_what_reaches_the_score_becomes_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "greece.yaml"
    path.write_text("persona: socrates\nlanguage: ja\ndialogues: 4\nexchanges: 2\n", encoding="utf-8")
    plan, folder = read_plan(path), SynthFolder(tmp_path / "greece")
    folder.path.mkdir()
    records = [replace(RECORD, cell=cell.id, number=cell.number) for cell in plan.cells]
    for record in records:
        append_record(folder.dialogues, record)
    scores = iter((4, 3, 2, 3))
    judge(
        plan, folder, records, lambda *_: JudgeReply(f'{{"tone": {next(scores)}, "coherence": 4}}'), threading.Event()
    )
    assert main([str(path), "diversity", "--keep", "3"]) == 0
    assert json.loads(capsys.readouterr().out)["dialogues"] == 3


def test_expected_score_is_weighed_by_likelihood() -> None:
    assert expected_score([0, 0, 0, 1, 0]) == 3
    assert expected_score([0.1, 0, 0, 0, 0.3]) == pytest.approx(3)


def test_bundled_model_tells_expected_scores() -> None:
    answer = answers_of(Backend(), {}, threading.Event())
    reply = answer("採点者です。", "この対話は？", 0.0)
    assert set(reply.expected) <= {"tone", "coherence"} and all(0 <= one <= 4 for one in reply.expected.values())
    assert parse_verdict(reply.text) is None or reply.expected
