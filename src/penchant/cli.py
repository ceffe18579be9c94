"""The verbs: demo, init, ingest, check, fit, backtest, forecast, report, doctor.

Heavy libraries are imported inside the verbs, so that `--help` answers at once.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from penchant import columns as c
from penchant import console
from penchant.console import EXIT_FINDINGS, aside, out, progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.evaluation.result import Backtest
    from penchant.pipeline import Workspace

app = typer.Typer(
    help="Forecast what every customer of a shop will want, weeks and months ahead.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON.")]
Config = Annotated[Path, typer.Option("--config", "-c", help="The settings file.")]
DEFAULT_CONFIG = Path("penchant.toml")
SHOWN = ("average_precision", "adoption_average_precision", "log_loss", "cross_entropy", "ece")


def main() -> None:
    """Run the command line."""
    app()


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Where to put penchant.toml.")] = Path(),
    json: Json = False,
) -> None:
    """Write a commented penchant.toml to start from; an existing one is never overwritten."""
    from penchant.starter import write_starter

    with refusing(json):
        path = write_starter(folder)
        if json:
            say_json({"path": path})
        else:
            say(f"Wrote {path}. Name your files in it, then run `penchant ingest` beside it.")


@app.command()
def ingest(
    events: Annotated[
        list[str] | None, typer.Argument(help="Event files; none: [sources].")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Read events, catalog and calendar into the store; nothing is lost, nothing counted twice."""
    from penchant import pipeline

    with refusing(json):
        workspace = pipeline.Workspace.open(config)
        with progress("Reading") as bar:
            ingested = pipeline.ingest(
                workspace, events or (), lambda what: bar.update(bar.task_ids[0], description=what)
            )
        if json:
            say_json(ingested)
            return
        counted = ("sent", "accepted", "duplicate", "quarantined")
        rows = [
            (part.table, part.source, *(getattr(part.receipt, name) for name in counted))
            for part in ingested
        ]
        console.table("Ingested", ("table", "source", *counted), rows)
        for part in ingested:
            for reason, count in part.receipt.reasons.items():
                say(f"{part.source}: {count:,} in quarantine, {reason}")


@app.command()
def check(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Say what the store holds and what would spoil a forecast; exit code 1 if anything would."""
    from penchant import checkup
    from penchant.pipeline import Workspace

    with refusing(json):
        facts, findings = checkup.check(Workspace.open(config))
        serious = any(finding.serious for finding in findings)
        if json:
            say_json({**facts, "findings": findings, "ok": not serious})
        else:
            tables = facts.pop("tables")
            rows = [(name, count) for name, count in tables.items()]
            rows += [(f"{row[c.KIND]} events", row["rows"]) for row in facts.get("kinds", [])]
            numbers = {name: value for name, value in facts.items() if isinstance(value, int)}
            rows += [(name.replace("_", " "), value) for name, value in numbers.items()]
            console.table("The store", ("what", "count"), rows)
            if facts["span"]:
                say("Events from {} to {}.".format(*facts["span"]))
            for finding in findings:
                colour = "red" if finding.serious else "yellow"
                out.print(f"[{colour}]•[/] {escape(finding.what)}", soft_wrap=True)
            say("Something would spoil a forecast." if serious else "Ready to forecast.")
        if serious:
            raise typer.Exit(EXIT_FINDINGS)


@app.command()
def fit(
    model: Annotated[str | None, typer.Option(help="A recipe; none: [forecast].")] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Fit a model to everything in the store and save it."""
    from penchant import pipeline

    with refusing(json):
        workspace = pipeline.Workspace.open(config)
        name = model or workspace.settings.forecast.model
        pipeline.recipe_named(name)
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


@app.command()
def backtest(
    models: Annotated[list[str] | None, typer.Argument(help="Recipes; none: all of them.")] = None,
    cutoffs: Annotated[int | None, typer.Option(help="How many rolling cutoffs.", min=1)] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Try recipes at past cutoffs on what followed, and print the leaderboard."""
    from penchant import pipeline
    from penchant.dashboard.workspace import backtest_page

    with refusing(json):
        workspace = pipeline.Workspace.open(config)
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


@app.command()
def forecast(
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers.")] = None,
    top: Annotated[int, typer.Option(help="Topics to show for each window.", min=1)] = 5,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Forecast every customer with the fitted model; write Parquet, show the likeliest topics."""
    from penchant import pipeline

    with refusing(json):
        workspace = pipeline.Workspace.open(config)
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


@app.command()
def report(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Write one self-contained HTML file: interests, forecasts, how far to trust them."""
    from penchant.dashboard.workspace import workspace_report
    from penchant.pipeline import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Writing the report"):
            path = workspace_report(workspace)
        if json:
            say_json({"path": path})
        else:
            say(f"Wrote {path}; open it in a browser.")


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to keep it.")] = Path("penchant-demo"),
    json: Json = False,
) -> None:
    """Forecast the interests of 2,469 real households, about three minutes on two cores."""
    from penchant.demo import headline, run_demo

    with refusing(json):
        shown = run_demo(folder)
        rows = headline(shown.result, shown.model)
        if json:
            say_json(
                {**shown.facts, "model": shown.model, "backtest": rows, "report": shown.report}
            )
            return
        facts = shown.facts
        say(
            f"\n{facts['households']:,} households, {facts['purchases']:,} purchases in "
            f"{facts['topics']} topics over {facts['weeks']} weeks; forecast from "
            f"{facts['first_day_forecast']} on by {shown.model}, the best at past cutoffs:"
        )
        console.table(
            "",
            (
                "weeks ahead",
                "average precision",
                "of popularity",
                "F1",
                "calibration error",
                "80 % intervals hold",
            ),
            [tuple(row.values()) for row in rows],
        )
        say(f"Open the report: {shown.report}")
        say(f"Go on with: penchant forecast -c {facts['settings']} --customer 1")


@app.command()
def doctor(json: Json = False) -> None:
    """Say whether this machine has what penchant needs, and what each optional part would add."""
    from penchant.doctor import examine

    examined = examine()
    ok = all(part.ok for part in examined if part.needed)
    if json:
        say_json({"ok": ok, "parts": examined})
    else:
        rows = [(part.name, "yes" if part.ok else "no", part.found, part.hint) for part in examined]
        console.table("This machine", ("part", "ok", "found", "what to do"), rows)
    if not ok:
        raise typer.Exit(EXIT_FINDINGS)


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
