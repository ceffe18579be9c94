"""The verbs about models: fit, backtest, forecast, report."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import aside, progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.evaluation.result import Backtest
    from penchant.workspace import Workspace

SHOWN = ("average_precision", "adoption_average_precision", "log_loss", "cross_entropy", "ece")


def fit(
    model: Annotated[
        str | None, typer.Option(help="A recipe; none: the one under \\[forecast].")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Fit a model to everything in the store and save it."""
    from penchant import pipeline
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        name = model or workspace.settings.forecast.model
        pipeline.recipe_named(workspace, name)
        with progress(f"Fitting {name}"):
            history = pipeline.workspace_history(workspace)
            pipeline.fit(workspace, name, history)
        users, topics, steps = history.interest.shape
        facts = {"model": name, "customers": users, "topics": topics, "steps": steps}
        if json:
            say_json({**facts, "path": workspace.model_folder})
        else:
            say(
                f"Fitted {name} to {users:,} customers, {topics} topics and "
                f"{history.interest.step.plural(steps)}; saved in {workspace.model_folder}."
            )


def backtest(
    models: Annotated[list[str] | None, typer.Argument(help="Recipes; none: all of them.")] = None,
    cutoffs: Annotated[int | None, typer.Option(help="How many rolling cutoffs.", min=1)] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Try recipes at past cutoffs on what followed, and print the leaderboard."""
    from penchant import pipeline
    from penchant.dashboard.workspace import backtest_page
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        history = pipeline.workspace_history(workspace)
        result = _backtested(workspace, history, models or (), cutoffs)
        page = backtest_page(workspace, history, result)
        if json:
            say_json(
                {
                    "leaderboard": pipeline.headline_numbers(result, SHOWN),
                    "failures": result.failures.to_pylist(),
                    "path": workspace.backtest_folder,
                    "page": page,
                }
            )
            return
        _print_leaderboard(result, workspace.task.step)
        say(f"Tables in {workspace.backtest_folder}, drawn in {page}.")


def forecast(
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers.")] = None,
    top: Annotated[int, typer.Option(help="Topics to show for each window.", min=1)] = 5,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Forecast every customer with the fitted model; write Parquet, show the likeliest topics."""
    from penchant import pipeline
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Forecasting"):
            model, topics = pipeline.saved_model(workspace)
            name = model.name
            history = pipeline.workspace_history(workspace, topics)
            rows_shown = pipeline.customers_rows(history, customer or ())
            rows = pipeline.forecast(workspace, model, history)
            shown = model.predict(history.only(rows_shown)).top(top).to_pylist()
        if json:
            say_json({"model": name, "rows": rows, "path": workspace.forecast_path, "top": shown})
            return
        steps = f"{workspace.task.step}s"
        names = ("customer", steps, "topic", "chance", "volume", "80 % low", "high")
        keys = (c.USER, c.WINDOW, c.TOPIC, c.CHANCE, c.VOLUME, c.LOW, c.HIGH)
        console.table(
            f"Likeliest topics, by {name}", names, [[row[key] for key in keys] for row in shown]
        )
        say(f"All {rows:,} rows are in {workspace.forecast_path}.")


def report(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Write one self-contained HTML file: interests, forecasts, how far to trust them."""
    from penchant.dashboard.workspace import workspace_report
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Writing the report"):
            path = workspace_report(workspace)
        if json:
            say_json({"path": path})
        else:
            say(f"Wrote {path}; open it in a browser.")


def _backtested(
    workspace: "Workspace", history: Any, models: list[str] | tuple[str, ...], cutoffs: int | None
) -> "Backtest":
    """Run a backtest under a progress bar that names each trial."""
    from penchant import pipeline

    with progress("Backtesting") as bar:

        def advance(trial: Any, done: int, total: int) -> None:
            what = f"{trial.model} at {trial.past.cutoff_date}"
            bar.update(bar.task_ids[0], description=what, completed=done, total=total)

        return pipeline.run_backtest(workspace, history, models, cutoffs=cutoffs, progress=advance)


def _print_leaderboard(result: "Backtest", step: str) -> None:
    """Print one table for each shown metric: models as rows, windows as columns."""
    for metric in SHOWN:
        board = result.leaderboard(metric).to_pylist()
        windows = list(dict.fromkeys(row[c.WINDOW] for row in board))
        models = list(dict.fromkeys(row[c.MODEL] for row in board))
        cells = {(row[c.MODEL], row[c.WINDOW]): row for row in board}
        rows = [(model, *(_cell(cells.get((model, w))) for w in windows)) for model in models]
        names = (c.MODEL, *(f"{step}s {w}" for w in windows))
        console.table(metric.replace("_", " "), names, rows)
    for row in result.failures.to_pylist():
        why = escape(f"{step} {row[c.CUTOFF]}: {row[c.ERROR]}")
        aside.print(f"[red]{row[c.MODEL]} failed[/] at {why}", soft_wrap=True)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None or row[c.VALUE] is None:
        return "–"
    spread = "" if row[c.LOW] is None else f" [{row[c.LOW]:.3f}, {row[c.HIGH]:.3f}]"
    return f"{row[c.VALUE]:.3f}{spread}"
