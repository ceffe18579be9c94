"""The pages of a workspace: its report, its last backtest, and how good its data are."""

from pathlib import Path

from penchant.checkup import Checkup, last_check
from penchant.dashboard.block import NextStep
from penchant.dashboard.report import (
    Report,
    write_backtest_page,
    write_quality_page,
    write_report,
)
from penchant.dashboard.scores import Past
from penchant.evaluation.result import Backtest
from penchant.interest.forecast import Forecast
from penchant.interest.history import History
from penchant.pipeline import last_backtest, standing_forecast
from penchant.sheets import read_sheets
from penchant.workspace import Workspace

NEXT_STEPS = (
    NextStep("See one customer's likeliest topics", "penchant forecast --customer ID"),
    NextStep("See what a customer left and took up, and when", "penchant migrate --customer ID"),
    NextStep("See what to show each customer, and why", "penchant recommend --customer ID"),
    NextStep("See groups of customers, and what to show to them", "penchant segments"),
    NextStep("See who may not come back, and what to do", "penchant churn"),
    NextStep("See how much will be wanted, and what to hold", "penchant demand"),
    NextStep("See which refills and services fall due to whom", "penchant services"),
    NextStep("Try another model on the same past", "penchant backtest gamma_poisson boosted"),
    NextStep("Bring new events; fit again each month", "penchant ingest new.csv && penchant fit"),
)


def workspace_report(workspace: Workspace) -> Path:
    """Forecast with the saved model and write the report."""
    history, made, model = standing_forecast(workspace)
    return report_of(workspace, history, made, model.name)


def report_of(workspace: Workspace, history: History, made: Forecast, model: str) -> Path:
    """Write the report of a forecast just made from a history's end."""
    past = last_backtest(workspace)
    asked = workspace.settings.forecast
    report = Report(
        title=f"What the customers of {workspace.settings.name} will want",
        history=history,
        forecast=made,
        task=workspace.task,
        model=model,
        table=past.table if past else None,
        reliability=past.reliability if past else None,
        demand=past.demand if past else None,
        next_steps=NEXT_STEPS,
        settings=(
            ("step", asked.step.value),
            ("windows", ", ".join(asked.windows)),
            ("kinds forecast", ", ".join(asked.target)),
            ("level of topics", str(history.topics.level)),
        ),
        checkup=last_check(workspace, history),
        sheets=read_sheets(workspace),
    )
    write_report(report, workspace.report_path)
    return workspace.report_path


def backtest_page(workspace: Workspace, history: History, result: Backtest) -> Path:
    """Write what a backtest found as a page beside its tables."""
    past = Past.of(history, result.table, result.reliability, result.demand)
    path = workspace.backtest_folder / "backtest.html"
    write_backtest_page(f"Past forecasts of {workspace.settings.name}", past, path)
    return path


def quality_page(workspace: Workspace, checkup: Checkup) -> Path:
    """Write what a checkup found as a page beside the store."""
    path = workspace.folder / "quality.html"
    write_quality_page(f"The data of {workspace.settings.name}", checkup, path)
    return path
