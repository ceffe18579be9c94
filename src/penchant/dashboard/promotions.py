"""The section on promotions: what campaigns did as far as it can be told, and whom to send what."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from penchant import columns as c
from penchant.dashboard import numbers
from penchant.dashboard.block import Column, Form, Leaf, Notes, Section, Table, Tile, Tiles
from penchant.sheet import Filled

SHOWN = 25  # offers, and campaigns
Row = dict[str, Any]


def promotions_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on promotions."""
    offers = sheets["offers"]
    past = sheets["verdicts"].rows if "verdicts" in sheets else []
    rows = offers.rows
    blocks: list[Leaf] = [_tiles(rows, past)]
    if past:
        blocks.append(_campaigns(past))
    if rows:
        blocks += [_reasons(rows), _offers(offers, rows)]
    if offers.notes:
        blocks.append(Notes(offers.notes))
    last = numbers.day(offers.end - timedelta(days=1))
    lead = (
        f"Whom to send which campaign or coupon until {last}, and what may be said of those "
        "before. Uplift is what a campaign adds to spend; it is told only where who was sent it "
        "and who wasn't were alike before. Response is who takes up an offer, also those who would "
        "have bought without it."
    )
    return Section("promotions", "Whom to send what", lead, tuple(blocks))


def _tiles(rows: list[Row], past: list[Row]) -> Tiles:
    sent = [row for row in rows if row[c.SEND]]
    told = sum(row[c.UPLIFT] is not None for row in past)
    tiles = [
        Tile("Offers to send", numbers.count(len(sent)), f"of {numbers.count(len(rows))} possible"),
        Tile(
            "Campaigns that tell uplift",
            numbers.count(told),
            f"of {numbers.several(len(past), 'campaign')} before",
        ),
    ]
    chances = [row[c.CHANCE] for row in sent if row[c.CHANCE] is not None]
    if chances:
        tiles.append(Tile("Responses expected", numbers.count(sum(chances)), "of those sent"))
    margins = [row[c.MARGIN] for row in sent if row[c.MARGIN] is not None]
    if margins:
        tiles.append(
            Tile("Margin expected to be added", numbers.count(sum(margins)), "less what is spent")
        )
    return Tiles(tuple(tiles))


def _campaigns(past: list[Row]) -> Table:
    return Table(
        "promotions-campaigns",
        "What campaigns added, in spend of a customer",
        (
            Column("Campaign"),
            Column("From", Form.DAY),
            Column("Sent", Form.COUNT),
            Column("Not sent", Form.COUNT),
            Column("Responded", Form.COUNT),
            Column("Uplift", Form.DECIMAL),
            Column("Low", Form.DECIMAL),
            Column("High", Form.DECIMAL),
            Column("What can be said", Form.PROSE),
        ),
        [
            tuple(
                row[name]
                for name in (
                    *(c.CAMPAIGN, c.START, c.SENT, c.HELD, c.RESPONSES),
                    *(c.UPLIFT, c.LOW, c.HIGH, c.REASON),
                )
            )
            for row in past[:SHOWN]
        ],
        "An empty uplift can't be told; what stands beside it says why.",
    )


def _reasons(rows: list[Row]) -> Table:
    """How many are sent each campaign, and why others aren't."""
    counts: dict[tuple[str, bool, str], int] = {}
    for row in rows:
        key = (row[c.CAMPAIGN], row[c.SEND], row[c.REASON])
        counts[key] = counts.get(key, 0) + 1
    ordered = sorted(counts.items(), key=lambda pair: (pair[0][0], not pair[0][1], -pair[1]))
    return Table(
        "promotions-reasons",
        "Who is sent it, who is left out, and why",
        (
            Column("Campaign"),
            Column("Send"),
            Column("Why", Form.PROSE),
            Column("Customers", Form.COUNT),
        ),
        [(name, "yes" if send else "no", why, count) for (name, send, why), count in ordered],
        half=True,
    )


def _offers(offers: Filled, rows: list[Row]) -> Table:
    first = rows[:SHOWN]
    return Table(
        "promotions-offers",
        "Whom to send first",
        (
            Column("Customer"),
            Column("Campaign"),
            Column("Coupon"),
            Column("Responds", Form.CHANCE),
            Column("Spend added", Form.DECIMAL),
            Column("Margin added", Form.DECIMAL),
            Column("Send"),
            Column("Why", Form.PROSE),
        ),
        [
            (
                *(row[name] for name in (c.USER, c.CAMPAIGN, c.COUPON, c.CHANCE)),
                *(row[name] for name in (c.UPLIFT, c.MARGIN)),
                "yes" if row[c.SEND] else "no",
                row[c.REASON],
            )
            for row in first
        ],
        f"The first {len(first)} of {len(rows):,}; {offers.sheet.verb} writes all of them.",
    )
