"""The verb about hyperparameters: tune."""

import math
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.evaluation.tune import Plan
    from penchant.tuning import Tuned
    from penchant.workspace import Workspace

SHOWN = 5  # of the best trials


def tune(
    recipe: Annotated[str, typer.Argument(help="What to tune, such as boosted.")],
    trials: Annotated[
        int, typer.Option(help="How many, with the defaults and those of earlier runs.", min=1)
    ] = 30,
    timeout: Annotated[
        float | None, typer.Option(help="Seconds after which no further trial begins.", min=0)
    ] = None,
    metric: Annotated[str, typer.Option(help="What to improve.")] = "average_precision",
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on from earlier trials, or forget them.")
    ] = True,
    write: Annotated[
        bool, typer.Option("--write", help="Put what is found into the settings file.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Search better hyperparameters for a recipe, on what was known before the backtest begins.

    Can be stopped at any time; the same command goes on from there.
    """
    from penchant import tuning
    from penchant.evaluation.tune import Plan
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        draws = workspace.settings.backtest.draws
        plan = Plan(trials=trials, timeout=timeout, metric=metric, draws=draws)
        found = _tuned(workspace, recipe, plan, not resume)
        block = tuning.recipe_block(recipe, found.tuning.best.parameters)
        written = write and found.tuning.better
        if written:
            tuning.write_recipe(config, recipe, found.tuning.best.parameters)
        if json:
            say_json({"recipe": recipe, **_facts(found), "toml": block, "written": written})
            return
        _print(recipe, found)
        if not found.tuning.better:
            say("No trial beat the defaults, so there is nothing to change.")
            return
        say(f"\n{block}")
        if written:
            say(f"Written to {config}; `penchant backtest` and `penchant fit` use it.")
        else:
            say(f"Put this into {config}, or run the same with --write.")


def _tuned(workspace: "Workspace", recipe: str, plan: "Plan", fresh: bool) -> "Tuned":
    """Tune under a progress bar that tells the best score so far."""
    from penchant.tuning import tune_recipe

    with progress(f"Tuning {recipe}", total=plan.trials) as bar:

        def advance(tried: Any, best: Any, total: int) -> None:
            what = f"Tuning {recipe}, {plan.metric} {best.score:.4f}"
            bar.update(bar.task_ids[0], description=what, completed=tried.number + 1, total=total)

        return tune_recipe(workspace, recipe, plan, fresh=fresh, progress=advance)


def _facts(found: "Tuned") -> dict[str, Any]:
    tuning = found.tuning
    gain = {name: getattr(tuning.gain, name) for name in ("value", "low", "high")}
    return {
        "metric": tuning.metric,
        "cutoffs": found.dates,
        "seen_until": found.seen_until,
        "score": tuning.best.score,
        "default": tuning.default.score,
        "gain": {name: None if math.isnan(value) else value for name, value in gain.items()},
        "parameters": tuning.best.parameters,
        "trials": [attempt.row() for attempt in tuning.attempts],
        "path": found.path,
    }


def _print(recipe: str, found: "Tuned") -> None:
    """Print the best trials beside the defaults, and what their lead is worth."""
    from penchant.evaluation.study import COMPLETE

    tuning = found.tuning
    metric = tuning.metric.replace("_", " ")
    complete = [one for one in tuning.attempts if one.state == COMPLETE]
    best = sorted(complete, key=lambda one: abs(one.score - tuning.best.score))[:SHOWN]
    shown = [*best, *([] if tuning.default in best else [tuning.default])]
    rows = [
        ["defaults" if one is tuning.default else f"trial {one.number}", one.score]
        + [console.written(value) for value in one.parameters.values()]
        for one in shown
    ]
    console.table(f"{recipe}, {metric}", ("", metric, *tuning.best.parameters), rows)
    states = Counter(one.state for one in tuning.attempts)
    counted = ", ".join(f"{count} {state}" for state, count in states.items())
    say(
        f"{len(tuning.attempts)} trials ({counted}) at {', '.join(map(str, found.dates))}, on what "
        f"happened before {found.seen_until}, where the backtest begins."
    )
    if tuning.better:
        gain = tuning.gain
        sure = "" if gain.clear else "; with other customers there might be none"
        say(
            f"Best less defaults: {gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]{sure}. "
            "The best of many is lucky too: only the backtest says what it is worth."
        )
