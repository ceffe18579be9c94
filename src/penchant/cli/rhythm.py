"""The verb about rhythm: what rises, what fades, what returns, and who is due to want it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from penchant import columns as c
from penchant import console
from penchant.cli.options import DEFAULT_CONFIG, Config, Json
from penchant.console import progress, refusing, say, say_json
from penchant.errors import SettingsError

if TYPE_CHECKING:
    from penchant.data.step import Step

Row = dict[str, Any]


def rhythm(
    topic: Annotated[str | None, typer.Option(help="Tell all about this topic.")] = None,
    customer: Annotated[
        list[str] | None, typer.Option(help="Tell of these customers' topics instead.")
    ] = None,
    top: Annotated[int, typer.Option(help="Topics to show.", min=1)] = 25,
    config: Config = DEFAULT_CONFIG,
    json: Json = False,
) -> None:
    """Tell what rises, fades and returns: trends, seasons, cadences, phases, half-lives.

    Says where there is too little data to tell. Trends are cleaned of sure seasons; a cadence is
    the median number of steps until a customer wants a topic again.
    """
    from penchant import pipeline, rhythms
    from penchant.workspace import Workspace

    with refusing(json):
        if topic and customer:
            raise SettingsError("Give --topic or --customer, not both: one is about all customers.")
        workspace = Workspace.open(config)
        target, step = workspace.task.target, workspace.task.step
        with progress("Looking for rhythms"):
            history = pipeline.workspace_history(workspace)
            if customer:
                rows = pipeline.customers_rows(history, customer)
                shown: Any = {"customers": rhythms.customer_rows(history, target, rows)}
            else:
                shop, found = rhythms.topic_rows(history, target)
                if topic:
                    shown = rhythms.topic_row(found, topic)
                else:
                    half_lives = rhythms.half_life_rows(history, target)
                    shown = {"shop": shop, "topics": found, "half_lives": half_lives}
        if json:
            say_json(shown)
        elif customer:
            for one in shown["customers"]:
                _print_customer(one, step, top)
        elif topic:
            _print_topic(shown, step)
        else:
            _print_shop(shown, step, top)


def _print_shop(shown: Row, step: "Step", top: int) -> None:
    shop = shown["shop"]
    say(f"All topics: {shop['events']:,.0f} events; trend: {_trend(shop, step)}.")
    _print_series(shop, step)
    rows = [
        [
            row[c.TOPIC],
            round(row["events"]),
            row["phase"],
            _trend(row, step),
            _peaks(row),
            _cadence(row, step),
        ]
        for row in shown["topics"][:top]
    ]
    names = ("topic", "events", "phase", "trend", "peak", "again after")
    console.table(f"Topics, the largest {len(rows)} of {len(shown['topics'])}", names, rows)
    say(
        f"Trend: events a {step} since the last change of level. Phase: the topic's share of all "
        "events, lately and before. Again after: until a customer wants it again, median and "
        "quartiles."
    )
    _print_half_lives(shown["half_lives"], step)
    say(
        "`--topic NAME` tells all about one of them, `--customer ID` what a customer is due to "
        "want, `--top N` shows more."
    )


def _print_half_lives(found: list[Row], step: "Step") -> None:
    told = sorted((one for one in found if one["told"]), key=lambda one: -one["interests"])
    if told:
        rows = [[one["department"], one["interests"], *_half_life(one, step)] for one in told]
        names = ("department", "new interests", "half-life", "95 % interval")
        console.table("How long until half of a new interest has faded", names, rows)
        if any(one["half_life"] is None for one in told):
            say(f"> says that half had not faded in all the {step}s that could be seen.")
    if few := len(found) - len(told):
        noun = "department has" if few == 1 else "departments have"
        say(f"{few} {noun} too few new interests to tell how long they last.")


def _half_life(one: Row, step: "Step") -> tuple[str, str]:
    """A half-life and its interval; those that are longer than all that was seen say so."""
    low, half, high = (
        f"> {one['seen']}" if one[key] is None else f"{one[key]:.0f}"
        for key in (c.LOW, "half_life", c.HIGH)
    )
    return f"{half} {step}s", low if low == high else f"{low} to {high}"


def _trend(row: Row, step: "Step") -> str:
    if row["trend"] is None:
        return "too little data"
    if row["trend"] == "level":
        return "level"
    return f"{row['trend']}, {row['slope']:+.1%} a {step}"


def _peaks(row: Row) -> str:
    return ", ".join(one["peak"] for one in row["seasons"] if one["sure"]) or "–"


def _cadence(row: Row, step: "Step") -> str:
    if row["cadence"] is None:
        return "–"
    low, high = row["cadence_low"], row["cadence_high"]
    spread = f"{low:.0f} or more" if high is None else f"{low:.0f}–{high:.0f}"
    return f"{step.plural(round(row['cadence']))} ({spread})"


def _print_topic(row: Row, step: "Step") -> None:
    say(f"{row[c.TOPIC]}: {row['events']:,.0f} events, {row['phase']}; trend: {_trend(row, step)}.")
    _print_series(row, step)
    if row["cadence"] is None:
        say("  Too few customers came back to it to tell after how long they do.")
    else:
        say(f"  Wanted again after {_cadence(row, step)}, median and quartiles of customers.")
    phases = ", ".join(f"{count:,} {name}" for name, count in row["customers"].items() if count)
    say(f"  Customers' interests in it: {phases}.")
    _print_lags(row, step)


def _print_series(row: Row, step: "Step") -> None:
    """Changes of level and seasons of a series, and what can't be told of it."""
    for one in row["changes"]:
        say(
            f"  Changed around {one[c.DATE]}: from {one['before']:,.1f} to {one['after']:,.1f} "
            f"events a {step}."
        )
    for one in row["seasons"]:
        if one["sure"]:
            share = f"explains {one[c.STRENGTH]:.0%} of the ups and downs"
            say(f"  Over the {one['cycle']}: peak {one['peak']}; {share}.")
        else:
            say(f"  Over the {one['cycle']}: no season that is more than chance.")
    for sentence in row["missing"]:
        say(f"  {sentence}")


def _print_lags(row: Row, step: "Step") -> None:
    """The lags beyond chance; `--json` and the report have all."""
    if row["acf"] is None:
        return
    lags = list(enumerate(zip(row["acf"], row["pacf"], strict=True), start=1))
    rows = [
        [step.plural(lag), f"{acf:+.2f}", f"{pacf:+.2f}"]
        for lag, (acf, pacf) in lags
        if max(abs(acf), abs(pacf)) > row["bound"]
    ]
    if rows:
        beyond = f"{len(rows)} of {len(lags)} lags are beyond ±{row['bound']:.2f}"
        say(f"  {beyond}; by chance alone each is in 1 of 20 cases.")
        console.table("Autocorrelation", ("lag", "ACF", "PACF"), rows)
    else:
        say(f"  No autocorrelation that is more than chance, up to {step.plural(len(lags))}.")


def _print_customer(one: Row, step: "Step", top: int) -> None:
    latest = sorted(one["topics"], key=lambda row: row["last"], reverse=True)
    soonest = sorted(latest, key=lambda row: (row["due"] is None, str(row["due"])))
    rows = [
        [
            row[c.TOPIC],
            row["phase"],
            str(row["last"]),
            "–" if row["cadence"] is None else step.plural(round(row["cadence"])),
            "–" if row["due"] is None else str(row["due"]),
        ]
        for row in soonest[:top]
    ]
    of = "" if step == "day" else f", {step} of"
    names = ("topic", "phase", f"last{of}", "again after", f"next due{of}")
    title = f"Customer {one[c.USER]} (trend: {_trend(one, step)})"
    console.table(f"{title}: {len(rows)} of {len(latest)} topics, those due first", names, rows)
    if any(row["due"] is None for row in soonest[:top]):
        say("No day is due of a topic that the customer is too irregular in, or has left.")
    for sentence in one["missing"]:
        say(sentence)
