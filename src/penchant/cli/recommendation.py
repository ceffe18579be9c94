"""The verb about items: what to show to whom, and why."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json
from penchant.errors import DataError

if TYPE_CHECKING:
    from penchant.interest.interest import Names
    from penchant.recommendation import Counter


def recommend(
    customer: Annotated[list[str] | None, typer.Option(help="Show these customers' lists.")] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(help="More events to answer by, such as a new customer's; not stored."),
    ] = None,
    refit: Annotated[
        bool, typer.Option("--refit", help="Fit the recommender again, to all that is stored now.")
    ] = False,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Recommend items to every customer, with chance and reason; write Parquet, show a few lists.

    The first time, or with --refit, a recommender is fitted and kept. What a list must keep to
    stands under `recommend` in the settings. With --events only the customers named are answered,
    or else those of whom these events tell.
    """
    from penchant.recommendation import fit_recommender, open_counter
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        if refit or not (workspace.recommender_folder / "manifest.json").is_file():
            with progress("Fitting the recommender"):
                fit_recommender(workspace)
        with progress("Recommending"):
            counter = open_counter(workspace, events or ())
            rows = None if events else counter.write()
            shown = counter.lists(_asked(counter, customer or (), events)).to_table().to_pylist()
        path = workspace.recommendation_path
        left_out = dict(counter.left_out)
        if json:
            facts = {"rows": rows, "path": None if events else path, "lists": shown}
            say_json({**facts, "left_out": left_out})
            return
        for reason, count in left_out.items():
            console.aside.print(f"Left out of --events: {count:,} {reason}", markup=False)
        names = ("customer", "", "item", "chance", "because")
        lines = [
            [row[c.USER], row[c.SLOT], _called(row), row[c.CHANCE], row[c.REASON]] for row in shown
        ]
        console.table("Recommended", names, lines)
        if rows is not None:
            say(f"All {rows:,} rows are in {path}.")


def _asked(counter: "Counter", customers: Sequence[str], events: Sequence[str] | None) -> "Names":
    """Who is to be shown: those named, else those whom more events tell of, else a few."""
    from penchant.pipeline import SHOWN, known_rows

    if customers:
        return counter.users_U[known_rows(counter.users_U, customers)]
    if not events:
        return counter.users_U[:SHOWN]
    if not len(counter.told_U):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in counter.left_out.items())
        raise DataError(
            f"The events handed in tell nothing new of anyone; left out: {reasons or 'none'}. "
            "Name a customer with --customer, or mend the file."
        )
    return counter.told_U


def _called(row: dict[str, Any]) -> str:
    return f"{row[c.TITLE]} ({row[c.ITEM]})" if row[c.TITLE] else str(row[c.ITEM])
