"""The verbs about synthetic shops: worlds list, worlds make."""

from pathlib import Path
from typing import Annotated

import typer

from penchant import console
from penchant.cli.options import Json
from penchant.console import progress, refusing, say, say_json

worlds = typer.Typer(
    help="Synthetic shops with planted, known truth.",
    no_args_is_help=True,
)


@worlds.command("list")
def list_worlds(json: Json = False) -> None:
    """Name every world and say what is planted in it."""
    from penchant.data.worlds import WORLDS

    with refusing(json):
        rows = [(name, (make.__doc__ or "").splitlines()[0]) for name, make in WORLDS.items()]
        if json:
            say_json([{"world": name, "planted": planted} for name, planted in rows])
        else:
            console.table("Worlds", ("world", "what is planted"), rows)


@worlds.command("make")
def make(
    name: Annotated[str, typer.Argument(help="One that `penchant worlds list` names.")],
    out: Annotated[Path, typer.Option(help="A new or empty folder.")],
    users: Annotated[int, typer.Option(help="How many customers.")] = 1000,
    topics: Annotated[int, typer.Option(help="How many topics.")] = 30,
    weeks: Annotated[int, typer.Option(help="How many weeks from 2020-01-06.")] = 104,
    purchases: Annotated[float, typer.Option(help="Of a customer in a week, on average.")] = 2.0,
    seed: Annotated[int, typer.Option(help="Another gives another shop of the kind.")] = 0,
    json: Json = False,
) -> None:
    """Write a world to Parquet files, with its truth and a penchant.toml to ingest it by."""
    from penchant.data.making import make_world
    from penchant.data.shop import Shop

    with refusing(json):
        shop = Shop(users=users, topics=topics, steps=weeks, purchases=purchases, seed=seed)
        with progress(f"Making {name}", users) as bar:

            def advance(done: int, total: int) -> None:
                bar.update(bar.task_ids[0], completed=done, total=total)

            made = make_world(name, shop, out, progress=advance)
        if json:
            say_json(made)
            return
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in made.kinds.items())
        say(f"Wrote {made.events:,} events of {made.users:,} customers to {made.folder}: {kinds}.")
        say(f"What is planted is told in {made.truth}. Go on with: cd {made.folder} && "
            "penchant ingest")  # fmt: skip
