"""The verb about experiments: what an arm changed, how sure that is, and whether to trust it."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json
from penchant.errors import SettingsError

if TYPE_CHECKING:
    from penchant.experiments import Assigned, Question

Row = dict[str, Any]
DAY = ["%Y-%m-%d"]


def experiment(
    assignment: Annotated[
        str, typer.Argument(help="File of who had which arm (user, arm), or a planned experiment.")
    ],
    outcomes: Annotated[
        str | None, typer.Option(help="File of what each did: user, value, per, covariate.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="First day of the outcome in the store.", formats=DAY)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="First day after it; by default all days.", formats=DAY)
    ] = None,
    outcome: Annotated[str, typer.Option(help="spend, purchases or buyers.")] = "spend",
    plan: Annotated[
        str | None, typer.Option(help="Weights and customers, as control=1,new=1,customers=20000.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Tell what the arms of an experiment changed: effects, intervals, and if arms are as planned.

    The outcome comes from a file, or is what the store knows of each customer since a day; that is
    kept for the report. The first arm of the plan is the control.
    """
    from penchant import experiments
    from penchant.workspace import Workspace

    with refusing(json):
        if (outcomes is None) == (since is None):
            raise SettingsError(
                "Give one of --outcomes FILE and --since DAY (to ask the store); not both."
            )
        with progress("Reading the experiment"):
            name, assigned, question = _dealt(assignment, _question(plan), config)
            if since is None:
                made, notes = experiments.read_outcome(str(outcomes), assigned)
            else:
                workspace = Workspace.open(config)
                end = until.date() if until else None
                days = experiments.outcome_days(workspace, since.date(), end)
                made, notes = experiments.store_outcome(workspace, assigned, outcome, days)
            shown = experiments.told(assigned, made, question) | {"notes": notes}
            if since is not None:
                experiments.remember(workspace, name, outcome, days, shown)
        if json:
            say_json(shown)
        else:
            _print(shown)


def _dealt(
    assignment: str, question: "Question", config: Path
) -> tuple[str, "Assigned", "Question"]:
    """The experiment's name, who had which arm, and what is asked, by the plan if there is one."""
    from penchant import experiments
    from penchant.workspace import Workspace

    if Path(assignment).is_file() or not config.is_file():
        return Path(assignment).stem, experiments.read_assignment(assignment), question
    workspace = Workspace.open(config)
    assigned = experiments.planned_assignment(workspace, assignment)
    weights = workspace.settings.experiments[assignment].arms
    return assignment, assigned, replace(question, weights=weights, control=next(iter(weights)))


def _question(plan: str | None) -> "Question":
    """The weights and the number of customers that were planned."""
    from penchant.experiments import Question

    if plan is None:
        return Question()
    weights = {}
    for part in plan.split(","):
        name, _, text = part.partition("=")
        try:
            weights[name.strip()] = float(text)
        except ValueError as error:
            raise SettingsError(
                f"A plan is like control=1,new=1,customers=20000; found '{part}'."
            ) from error
    planned = weights.pop("customers", None)
    if any(not weight > 0 for weight in (*weights.values(), *([planned] if planned else []))):
        raise SettingsError(f"A plan's numbers must be above 0; found '{plan}'.")
    chosen: Row = {"planned": int(planned)} if planned else {}
    if weights:
        chosen |= {"weights": weights, "control": next(iter(weights))}
    return Question(**chosen)


def _print(shown: Row) -> None:
    rows = [[one[c.ARM], one["customers"], f"{one['expected']:,.1f}"] for one in shown["arms"]]
    console.table("Customers of each arm", ("arm", "customers", "by plan"), rows)
    ratio = shown["sample_ratio"]
    if ratio["ok"]:
        say(f"The arms are as large as planned, up to chance (p = {ratio[c.CHANCE]:.2g}).")
    else:
        say(
            f"Don't trust what follows: the arms aren't as large as planned (p = "
            f"{ratio[c.CHANCE]:.2g}). Somebody was lost or counted twice in one of them; find out "
            "how before reading on."
        )
    if shown["torn"]:
        say(f"{shown['torn']:,} customers had several arms and are left out.")
    for note in shown["notes"]:
        say(note)
    for effect in shown["effects"]:
        _print_effect(effect, shown["level"])


def _print_effect(effect: Row, level: float) -> None:
    say(
        f"{effect[c.ARM]}: {effect[c.MEAN]:,.4g} on average of {effect['units']:,} customers; "
        f"{effect['control']}: {effect['control_mean']:,.4g} of {effect['control_units']:,}."
    )
    if effect[c.LOW] is not None:
        part = ""
        if effect["relative"] is not None:
            ends = f"{effect['relative_low']:+.1%} to {effect['relative_high']:+.1%}"
            part = f" ({effect['relative']:+.1%}, {ends})"
        say(
            f"  Effect {effect[c.VALUE]:+,.4g}{part}; {level:.0%} interval at one planned look: "
            f"{effect[c.LOW]:+,.4g} to {effect[c.HIGH]:+,.4g} (p = {effect[c.CHANCE]:.2g})."
        )
        say(
            f"  However often you look: {effect['low_always']:+,.4g} to "
            f"{effect['high_always']:+,.4g} (p = {effect['chance_always']:.2g})."
        )
        if effect["reduction"] > 0:
            say(f"  The time before explains {effect['reduction']:.0%} of the variance.")
        say(f"  An effect of {effect['smallest']:,.4g} would have been found 4 times out of 5.")
    for note in effect["notes"]:
        say(f"  {note}")
