"""The command line: every verb, and where it is defined.

Heavy libraries are imported inside the verbs, so that `--help` answers at once.
"""

from importlib.metadata import version as installed
from typing import Annotated

import typer

from penchant.cli.churn import churn
from penchant.cli.community import community
from penchant.cli.data import check, ingest, init, profile
from penchant.cli.demand import demand
from penchant.cli.experiment import experiment
from penchant.cli.machine import demo, doctor
from penchant.cli.models import backtest, fit, forecast, report
from penchant.cli.movement import migrate
from penchant.cli.policy import policy
from penchant.cli.promote import promote
from penchant.cli.quarantine import quarantine
from penchant.cli.recommendation import recommend
from penchant.cli.releases import model
from penchant.cli.rhythm import rhythm
from penchant.cli.segments import segments
from penchant.cli.series import NEGATIVE_NUMBERS, series
from penchant.cli.services import services
from penchant.cli.serving import key, serve
from penchant.cli.tuning import tune
from penchant.cli.worlds import worlds

VERBS = (
    demo,
    init,
    ingest,
    check,
    profile,
    fit,
    backtest,
    tune,
    forecast,
    recommend,
    churn,
    services,
    community,
    segments,
    demand,
    rhythm,
    migrate,
    experiment,
    policy,
    promote,
    report,
    serve,
    doctor,
)
GROUPS = {"key": key, "model": model, "quarantine": quarantine, "worlds": worlds}

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for verb in VERBS:
    app.command()(verb)
app.command(context_settings=NEGATIVE_NUMBERS)(series)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", is_eager=True)
    ] = False,
) -> None:
    """Forecast what every customer of a shop will want, weeks and months ahead."""
    if version:
        typer.echo(f"penchant {installed('penchant')}")
        raise typer.Exit


def main() -> None:
    """Run the command line."""
    app()
