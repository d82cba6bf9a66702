"""How much training a visitor, and all of them together, may have on a server that strangers reach."""

import time
from dataclasses import dataclass

from core.errors import InputError
from core.limits import Limits, check_count
from core.text import Text
from core.train.queue.runs import Runs
from core.workspace import Workspace

DAY = 24 * 3600.0
WAITING = Text("trainings that wait or run", "待機中・実行中の学習")


@dataclass(frozen=True)
class Allowance:
    """What `limits` leave. What is over is measured by the runs' event logs."""

    runs: Runs
    workspace: Workspace

    @property
    def limits(self) -> Limits:
        """As they are now."""
        return self.workspace.limits

    def check(self, owner: str) -> None:
        """Raises InputError where the owner may not have another run now."""
        limits = self.limits
        if limits.trainings or limits.trainings_total:
            states = [(meta, self.runs.state(meta)) for meta in self.runs.all()]
            going = [meta for meta, state in states if state in ("queued", "running", "stopping")]
            check_count(sum(meta.owner == owner for meta in going), limits.trainings, WAITING)
            check_count(len(going), limits.trainings_total, WAITING)
        if self.used_up(owner):
            each, total = limits.training_minutes, limits.training_minutes_total
            raise InputError(
                f"The training time of the last 24 hours is used up ({each or '∞'} minutes for each visitor, "
                f"{total or '∞'} for all). Try again later.",
                f"直近 24 時間の学習時間を使い切りました（一人 {each or '∞'} 分、全体 {total or '∞'} 分まで）。"
                "時間をおいてからもう一度試してください。",
            )

    def used_up(self, owner: str) -> bool:
        """Whether the owner, or all together, have trained as long as is allowed in the last 24 hours."""
        return any(
            most and self._minutes(whose) >= most
            for whose, most in ((owner, self.limits.training_minutes), (None, self.limits.training_minutes_total))
        )

    def _minutes(self, owner: str | None) -> float:
        since = time.time() - DAY
        own = [meta for meta in self.runs.all() if owner in (None, meta.owner)]
        return sum(self.runs.follower(meta.id).seconds_since(since) for meta in own) / 60
