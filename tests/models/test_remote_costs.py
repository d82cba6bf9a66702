"""Tokens and money that talks with other servers take: summed by month, limited, and kept."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import InputError
from core.models import remote_costs
from core.models.remote import RemoteModel, Server
from core.models.remote_costs import MonthlyUsage, Price, RemoteCosts
from core.stored import DamagedError
from core.workspace import Workspace

ME, OTHER = "key-me", "key-other"
MODEL, FREE_ONE = RemoteModel(Server("http://a/v1"), "big"), RemoteModel(Server("http://a/v1"), "small")


@pytest.fixture
def costs(tmp_path: Path) -> RemoteCosts:
    return RemoteCosts(Workspace(tmp_path))


def test_a_month_is_summed_and_limited_across_a_restart(costs: RemoteCosts, monkeypatch: pytest.MonkeyPatch) -> None:
    costs.set_price(ME, MODEL, Price(2.0, 10.0), limit=0.05)
    assert costs.add(ME, MODEL, 1000, 200) == pytest.approx(0.004)
    assert costs.add(ME, FREE_ONE, 50, 5) == 0
    again = RemoteCosts(costs.workspace)
    month = again.of(ME).this_month
    assert replace(month, cost=0.0) == MonthlyUsage(2, 1050, 205) and month.cost == pytest.approx(0.004)
    assert again.price(ME, MODEL) == Price(2.0, 10.0) and again.of(OTHER).this_month == MonthlyUsage()
    again.check(ME)
    again.add(ME, MODEL, 0, 4600)
    with pytest.raises(InputError, match=r"cost 0\.05, and your limit is 0\.05") as raised:
        RemoteCosts(costs.workspace).check(ME)
    assert "上限は 0.05" in raised.value.ja
    again.check(OTHER)
    monkeypatch.setattr(remote_costs, "month_now", lambda: "2031-01")
    again.check(ME)
    assert again.of(ME).this_month.replies == 0


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf"), 1e9])
def test_what_is_no_amount_is_told(costs: RemoteCosts, wrong: float) -> None:
    for price, limit in ((Price(wrong), 0.0), (Price(reply=wrong), 0.0), (Price(1.0), wrong)):
        with pytest.raises(InputError, match="goes from 0"):
            costs.set_price(ME, MODEL, price, limit)


def test_a_limit_without_a_price_would_never_hold(costs: RemoteCosts) -> None:
    with pytest.raises(InputError, match="needs a price"):
        costs.set_price(ME, MODEL, Price(), limit=5)


def test_a_damaged_file_forgets_no_limit_in_silence(costs: RemoteCosts) -> None:
    costs.set_price(ME, MODEL, Price(1.0), limit=5)
    (costs.workspace.place(ME, "usage", "usage.json")).write_text("{", encoding="utf-8")
    with pytest.raises(DamagedError):
        costs.check(ME)
