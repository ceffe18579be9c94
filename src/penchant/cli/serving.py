"""The verbs of the server: serve, and key add, list, rotate, revoke."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import refusing, say, say_json

if TYPE_CHECKING:
    from penchant.serving.keys import Key, KeyFile

Name = Annotated[str, typer.Argument(help="The key's name.")]
key = typer.Typer(
    help="Keys of the server: who may send events, read, or change what answers.",
    no_args_is_help=True,
)


def serve(
    config: Annotated[
        list[Path] | None,
        typer.Option("--config", "-c", help="The settings file of a shop; may be given again."),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond this machine only with keys.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0: any that is free.", min=0, max=65535)] = 8000,
    requests: Annotated[
        bool, typer.Option("--requests/--no-requests", help="Log every request.")
    ] = True,
    json: Json = False,
) -> None:
    """Answer over HTTP: events in, interests and recommendations out.

    Runs until it is interrupted. Its log goes to standard error, a JSON object a line; with --json
    a refusal to start is JSON too. Several shops can be served at once; a request's key says which
    one is meant.
    """
    from penchant.extras import needed
    from penchant.workspace import Workspace

    with refusing(json):
        workspaces = [Workspace.open(path) for path in config or [DEFAULT_CONFIG]]
        server = needed("penchant.serving.server", "penchant serve")
        shop = needed("penchant.serving.shop", "penchant serve")
        place = server.Place(host=host, port=port)
        server.serve(workspaces, shop.open_shop, place, requests=requests)


@key.command("add")
def add_key(
    name: Annotated[str, typer.Option(help="What to call it, such as who uses it.")],
    scope: Annotated[list[str], typer.Option(help="ingest, read or admin; may be given again.")],
    days: Annotated[float | None, typer.Option(help="After which it expires.", min=0.0)] = None,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Make a key for the shop. It is shown once; only its hash is kept."""
    with refusing(json):
        _show_new(*_keys(config).add(name, scope, days), json=json)


@key.command("list")
def list_keys(config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """List the shop's keys: names, scopes, when made and when they expire."""
    with refusing(json):
        found = [_facts(one) for one in _keys(config).read()]
        if json:
            say_json(found)
        elif not found:
            say("There are no keys. On this machine the server answers without.")
        else:
            console.table("Keys", tuple(found[0]), [tuple(one.values()) for one in found])


@key.command("rotate")
def rotate_key(
    name: Name,
    hours: Annotated[
        float, typer.Option(help="For which the old one stays valid.", min=0.0)
    ] = 24.0,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Make a key's successor, with its scopes; the old one stays valid for a while."""
    with refusing(json):
        _show_new(*_keys(config).rotate(name, timedelta(hours=hours)), json=json)


@key.command("revoke")
def revoke_key(name: Name, config: Config = DEFAULT_CONFIG, json: Json = False) -> None:
    """Make the keys of a name, or the one of an id, invalid within a second."""
    with refusing(json):
        gone = _keys(config).revoke(name)
        if json:
            say_json({"revoked": gone})
        else:
            say(f"Revoked {gone}.")


def _keys(config: Path) -> "KeyFile":
    from penchant.extras import needed
    from penchant.workspace import Workspace

    keys = needed("penchant.serving.keys", "penchant key")
    found: KeyFile = keys.KeyFile(Workspace.open(config).folder)
    return found


def _facts(one: "Key") -> dict[str, Any]:
    return {
        "name": one.name,
        "id": one.id,
        "scopes": ", ".join(one.scopes),
        "made": one.made.isoformat(),
        "expires": one.expires.isoformat() if one.expires else None,
    }


def _show_new(made: "Key", token: str, *, json: bool) -> None:
    if json:
        say_json({**_facts(made), "key": token})
    else:
        say(f"{token}\nThis is shown once. Send it as 'Authorization: Bearer …'.")
