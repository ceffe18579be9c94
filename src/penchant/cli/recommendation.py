"""The verb about items: what to show to whom, and why."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
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
    stands under `recommend` in the settings. With --events only the customers named are answered.
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
            shown = _shown(counter, customer or ())
        path = workspace.recommendation_path
        if json:
            say_json({"rows": rows, "path": None if events else path, "lists": shown})
            return
        names = ("customer", "", "item", "chance", "because")
        lines = [
            [row[c.USER], row[c.SLOT], _called(row), row[c.CHANCE], row[c.REASON]] for row in shown
        ]
        console.table("Recommended", names, lines)
        if rows is not None:
            say(f"All {rows:,} rows are in {path}.")


def _shown(counter: "Counter", customers: list[str] | tuple[str, ...]) -> list[dict[str, Any]]:
    from penchant.pipeline import customers_rows

    rows: list[dict[str, Any]] = (
        counter.lists(customers_rows(counter.history, customers)).to_table().to_pylist()
    )
    return rows


def _called(row: dict[str, Any]) -> str:
    return f"{row[c.TITLE]} ({row[c.ITEM]})" if row[c.TITLE] else str(row[c.ITEM])
