"""The report: one HTML file that opens from disk, for a merchandiser and a data scientist alike.

It reads a history, the forecast from its end, and, where there is one, a backtest's tables; it
knows neither which model made the forecast nor how the backtest was run.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from penchant.checkup import Checkup
from penchant.dashboard.block import NextStep, Section
from penchant.dashboard.calibration import calibration
from penchant.dashboard.customers import customers
from penchant.dashboard.decided import decided
from penchant.dashboard.headline import headline
from penchant.dashboard.hindsight import hindsight
from penchant.dashboard.leaderboard import leaderboard
from penchant.dashboard.method import method
from penchant.dashboard.migration import migration_section
from penchant.dashboard.page import render, write_page
from penchant.dashboard.quality import quality
from penchant.dashboard.rhythm import rhythm_section
from penchant.dashboard.scores import Past
from penchant.dashboard.timeline import timeline
from penchant.errors import HistoryError
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.interest.task import Task
from penchant.sheet import Filled


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a report is made from.

    The tables are a backtest's, as Arrow. `table`: cutoff (steps from the history's origin),
    window, model, metric, value, low, high. `reliability`: model, cutoff, window, low, high,
    chance, frequency, cells. `demand`: model, cutoff, window, topic, actual, mean, low, high (80 %
    interval). Further columns are not read. Raises `HistoryError` if the forecast doesn't start
    where the history ends, or is for other topics or users.
    """

    title: str
    history: History
    forecast: Forecast
    task: Task
    model: str  # name of the model that made the forecast
    table: pa.Table | None = None
    reliability: pa.Table | None = None
    demand: pa.Table | None = None
    next_steps: tuple[NextStep, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()  # names and values, shown as they are
    checkup: Checkup | None = None  # what is wrong with the data
    sheets: Mapping[str, Filled] = field(default_factory=dict)  # of decisions, by name

    def __post_init__(self) -> None:
        interest = self.history.interest
        for what, same in (
            ("cutoff", self.forecast.origin == interest.origin + interest.steps),
            ("topics", list(self.forecast.topics_T) == list(interest.topics_T)),
            ("users", list(self.forecast.users_U) == list(interest.users_U)),
            ("windows", self.forecast.windows_W == self.task.windows),
        ):
            if not same:
                raise HistoryError(
                    f"The report's forecast and history differ in their {what}. "
                    "Forecast from the end of the history, for the same task."
                )


def sections(report: Report) -> tuple[Section, ...]:
    """The report's parts in order: nine, one of each decision made, one on data looked over."""
    history, forecast, task = report.history, report.forecast, report.task
    past = Past.of(history, report.table, report.reliability, report.demand)
    return (
        headline(history, forecast, task, report.model, past, report.next_steps),
        timeline(history, forecast, task),
        rhythm_section(history, task),
        migration_section(history, forecast, task),
        hindsight(past),
        calibration(past),
        leaderboard(past),
        customers(history, forecast, task),
        *decided(report.sheets, history.cutoff_date),
        *(() if report.checkup is None else (quality(report.checkup),)),
        method(history, task, report.model, past, report.settings),
    )


def build_report(report: Report) -> str:
    """The report as one HTML text, about 1.5 MB, of which ECharts is 1.1 MB."""
    return render(report.title, sections(report))


def write_report(report: Report, path: Path) -> None:
    """Write the report to a file, which appears under its name only when it is complete."""
    write_page(build_report(report), path)


def write_backtest_page(title: str, past: Past, path: Path) -> None:
    """Write what a backtest found as a page of its own, without a forecast."""
    write_page(render(title, (hindsight(past), calibration(past), leaderboard(past))), path)


def write_quality_page(title: str, checkup: Checkup, path: Path) -> None:
    """Write what a checkup found as a page of its own."""
    write_page(render(title, (quality(checkup),)), path)
