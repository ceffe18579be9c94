"""The verb about policies: what others would have earned of what was logged, and what to show."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json

if TYPE_CHECKING:
    from penchant.choosing import Choice


def policy(
    log: Annotated[
        str, typer.Argument(help="File of what was shown: user, option, reward, propensity, time.")
    ],
    explore: Annotated[
        float, typer.Option(help="Part of draws that any option gets, so that logs go on telling.")
    ] = 0.1,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Judge policies by what was logged, and choose an option for everyone by one that is better.

    Half of the users are learned from, the others judged on. Nothing is chosen unless a policy
    surely earns more than the one that logged.
    """
    from penchant.choosing import CHOICES, POLICIES, choose, read_shown
    from penchant.workspace import Workspace

    with refusing(json):
        workspace = Workspace.open(config)
        with progress("Judging policies"):
            found = choose(workspace, read_shown(log), explore)
        facts = {
            "decisions": len(found.log.users),
            "options": found.log.options_A,
            "logged": found.logged,
            c.CHOSEN: None if found.chosen is None else found.chosen.name,
            "rows": len(found.table),
            "path": CHOICES.path(workspace),
            "notes": found.notes,
        }
        if json:
            from penchant.decisions.contest import verdict_table

            table = verdict_table(found.verdicts, found.chosen)
            say_json({**facts, POLICIES.name: table.to_pylist()})
        else:
            _print(found)
            if found.chosen is not None:
                say(f"All {len(found.table):,} choices are in {CHOICES.path(workspace)}.")


def _print(found: "Choice") -> None:
    rows = [
        [
            verdict.name,
            f"{verdict.reward.value:,.4g}",
            f"{verdict.gain.value:+,.4g}",
            f"{verdict.gain.low:+,.4g} to {verdict.gain.high:+,.4g}",
            f"{verdict.gain.effective:,.0f}",
            next(iter(verdict.gain.notes), "chosen" if verdict is found.chosen else ""),
        ]
        for verdict in found.verdicts
    ]
    names = (c.POLICY, "reward of a decision", "gain", "interval", "worth decisions", "notes")
    console.table(f"Beside {found.logged:,.4g} of what was shown to the same", names, rows)
    for note in found.notes:
        say(note)
    shown = Counter(found.table[c.OPTION].to_pylist())
    if shown:
        told = ", ".join(f"{option} to {users:,}" for option, users in shown.most_common())
        say(f"Show {told}; log with each its propensity.")
