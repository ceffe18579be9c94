"""The group about releases of models: list, promote, roll back, card."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.releases import Release

model = typer.Typer(
    help="Releases: what was fitted, kept under a name, and which one serves.",
    no_args_is_help=True,
)


@model.command("list")
def list_releases(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """List releases, the oldest first, and which one is promoted."""
    from penchant.releases import promoted, releases
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        serving = promoted(workspace)
        rows = [
            {**_told(release), "promoted": release.name == serving}
            for release in releases(workspace)
        ]
        if json:
            say_json(rows)
            return
        if not rows:
            say("There is no release yet. Make one: penchant model promote.")
            return
        names = ("name", "made", "recipe", "recommender", "promoted")
        console.table("Releases", names, [[row.get(name) for name in names] for row in rows])


@model.command()
def promote(
    name: Annotated[
        str | None, typer.Argument(help="A release; none: one is made of what was fitted last.")
    ] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Serve a release from now on; a server that runs takes it up by itself."""
    from penchant import releases
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Checking the release"):
            chosen = name or releases.make_release(workspace).name
            release = releases.promote(workspace, chosen)
        _say_promoted(release, json)


@model.command()
def rollback(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Serve the release that was promoted before."""
    from penchant import releases
    from penchant.workspace import Workspace

    with refusing(json):
        _say_promoted(releases.rollback(Workspace.open(config)), json)


@model.command()
def card(
    name: Annotated[str | None, typer.Argument(help="A release; none: the promoted one.")] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Tell what a release is made of, how it did in the last backtest, and its files' hashes."""
    from penchant import releases
    from penchant.errors import UnknownError
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        chosen = name or releases.promoted(workspace)
        if chosen is None:
            raise UnknownError("No release is promoted. Make one: penchant model promote.")
        told = releases.card(workspace, releases.release_named(workspace, chosen))
        if json:
            say_json(told)
            return
        say(f"{told['name']}, made {told['made']}{', promoted' * told['promoted']}")
        for part, facts in told["parts"].items():
            say(f"{part}: {facts['settings'].get('type')}, {facts['bytes']:,} bytes")
            for file, digest in facts["sha256"].items():
                say(f"  {file} {digest}")
        rows = [
            [row[c.METRIC], row[c.WINDOW], row[c.VALUE], row[c.LOW], row[c.HIGH]]
            for row in told["backtest"]
        ]
        if rows:
            console.table("Last backtest", ("metric", "window", "value", "from", "to"), rows)
        say(told["uses"])


def _told(release: "Release") -> dict[str, Any]:
    from penchant.errors import PenchantError

    try:
        about = release.about
    except PenchantError as error:
        about = {"made": None, "recipe": None, "recommender": None, "damaged": str(error)}
    return {"name": release.name, **about}


def _say_promoted(release: "Release", json: bool) -> None:
    if json:
        say_json({**_told(release), "promoted": True})
    else:
        say(f"{release.name} is promoted, made {release.about['made']}.")
