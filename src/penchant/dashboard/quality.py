"""The section on the data: what the store holds, what was found in it, and what to do about it."""

from datetime import date, timedelta
from typing import Any

from penchant import columns as c
from penchant.checkup import Checkup
from penchant.dashboard import numbers
from penchant.dashboard.block import (
    Cell,
    Chart,
    Column,
    Findings,
    Form,
    Group,
    Leaf,
    Notes,
    Option,
    Section,
    Table,
    Tile,
    Tiles,
)
from penchant.dashboard.drawing import SERIES, canvas, legend, time_axis, tooltip, value_axis
from penchant.data.findings import Finding

GAP = "gap"  # code of the findings drawn into the chart
MOST_KINDS = len(SERIES)
NARROW = 3  # columns
HEADINGS = {  # of findings, by code
    "damaged_store": "Damaged store",
    "empty_store": "Empty store",
    "no_history": "No history to forecast from",
    "strange_kind": "A kind that never happens",
    "no_topic": "Events without topic",
    "one_topic": "One topic only",
    "incomplete_step": "An incomplete last step",
    "short_history": "A short history",
    "quarantine": "Rows in quarantine",
    "stray_date": "Stray dates",
    "gap": "Gaps",
    "kind_span": "Kinds that start or stop",
    "clock_shift": "Shifted clocks",
    "date_only": "Dates without a time of day",
    "burst": "Bursts in one instant",
    "duplicate": "Copies under new ids",
    "repeated_order": "Repeated orders",
    "bot": "Customers who act like programs",
    "placeholder": "Ids that stand for nobody",
    "outlier": "Extreme quantities and prices",
    "unit_change": "A change of unit or currency",
    "return_share": "Many returns",
    "orphan_return": "Returns without a purchase",
    "missing": "Missing values",
    "constant": "A column that never varies",
    "unknown_item": "Items the catalog doesn't know",
    "no_path": "Catalog items without category",
    "free_item": "Catalog items without price",
    "damaged_text": "Damaged texts",
}


def quality(checkup: Checkup) -> Section:
    """The section on the data."""
    serious = [one for one in checkup.findings if one.serious]
    others = [one for one in checkup.findings if not one.serious]
    blocks: list[Leaf | Group] = [_tiles(checkup, len(serious))]
    for title, findings in (
        ("What would spoil a forecast", serious),
        ("Worth knowing", others),
    ):
        if findings:
            items = tuple((f"{heading(one)}.", f"{one.what} {one.advice}") for one in findings)
            blocks.append(Findings(title, items))
    if not checkup.findings:
        blocks.append(Notes(("No rule found anything wrong.",)))
    if checkup.facts.get("weeks"):
        blocks.append(_weeks_chart(checkup))
    if checkup.findings:
        blocks.append(_table(checkup))
        blocks += _examples(checkup.findings)
    return Section(
        "quality",
        "How good the data are",
        "What the store holds, and what the rules found in it. Rows that couldn't be read are in "
        "quarantine; what is told here concerns the rest.",
        tuple(blocks),
    )


def heading(finding: Finding) -> str:
    """The finding's code in words."""
    return HEADINGS.get(finding.code, finding.code.replace("_", " ").capitalize())


def _tiles(checkup: Checkup, serious: int) -> Tiles:
    facts = checkup.facts
    tables = facts["tables"]
    span = " to ".join(numbers.day(date.fromisoformat(day)) for day in facts["span"])
    aside = tables.get("quarantine", 0)
    customers, items = facts.get("customers"), facts.get("items")
    verdict = f"{serious} to mend first" if serious else "nothing would spoil a forecast"
    return Tiles(
        (
            Tile("Events", numbers.count(tables["events"]), span or "none yet"),
            Tile("Customers", numbers.count(customers), f"{numbers.count(items)} items"),
            Tile("In quarantine", numbers.count(aside), "rows with their reason"),
            Tile("Findings", numbers.count(len(checkup.findings)), verdict),
        )
    )


def _weeks_chart(checkup: Checkup) -> Chart:
    """Events of each kind by week, with the gaps shaded."""
    counted: dict[str, dict[str, int]] = {}
    for row in checkup.facts["weeks"]:
        counted.setdefault(row[c.KIND], {})[row[c.START]] = row[c.ROWS]
    kinds = sorted(counted, key=lambda kind: -sum(counted[kind].values()))
    drawn = kinds[:MOST_KINDS]
    others = " The rarest kinds stand in the table alone." if len(kinds) > len(drawn) else ""
    weeks = _all_weeks([row[c.START] for row in checkup.facts["weeks"]])
    series: list[Option] = [
        {
            "type": "line",
            "name": kind,
            "color": colour,
            "showSymbol": False,
            "lineStyle": {"width": 2},
            "data": [[week, counted[kind].get(week, 0)] for week in weeks],
        }
        for kind, colour in zip(drawn, SERIES, strict=False)
    ]
    series[0]["markArea"] = {"silent": True, "data": _gap_areas(checkup.findings)}
    rows: list[tuple[Cell, ...]] = [
        (_day(week), *(counted[kind].get(week, 0) for kind in kinds)) for week in weeks[::-1]
    ]
    return Chart(
        "weeks",
        "Events a week",
        "Each line is a kind of event. A shaded span has far fewer events than the weekdays around "
        f"it; the first and the last week may be in part.{others}",
        canvas(
            tooltip=tooltip("axis", "fn:count"),
            legend=legend(drawn),
            grid={"left": 8, "right": 16, "top": 56, "bottom": 8, "containLabel": True},
            xAxis=time_axis(),
            yAxis=value_axis(),
            series=series,
        ),
        (Column("Week from", Form.DAY), *(Column(kind, Form.COUNT) for kind in kinds)),
        rows,
    )


def _all_weeks(found: list[str]) -> list[str]:
    day, last = date.fromisoformat(min(found)), date.fromisoformat(max(found))
    weeks = []
    while day <= last:
        weeks.append(day.isoformat())
        day += timedelta(weeks=1)
    return weeks


def _gap_areas(findings: tuple[Finding, ...]) -> list[list[Option]]:
    style = {"color": "$orange", "opacity": 0.3}
    return [
        [
            {"xAxis": one["from"], "itemStyle": style},
            {"xAxis": (_day(one["to"]) + timedelta(days=1)).isoformat()},
        ]
        for finding in findings
        if finding.code == GAP
        for one in finding.examples
    ]


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _table(checkup: Checkup) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            heading(one),
            "yes" if one.serious else "no",
            one.rows or None,
            one.share or None,
            one.customers or None,
            one.items or None,
        )
        for one in checkup.findings
    ]
    return Table(
        "findings",
        "Every finding",
        (
            Column("Finding"),
            Column("Would spoil a forecast"),
            Column("Rows", Form.COUNT),
            Column("Share", Form.SHARE),
            Column("Customers", Form.COUNT),
            Column("Items", Form.COUNT),
        ),
        rows,
        note="The share is of the events, or of the catalog's items where the finding is about "
        "those. `penchant check --json` tells the same.",
    )


def _examples(findings: tuple[Finding, ...]) -> list[Table]:
    tables = [
        Table(
            f"examples-{number}",
            f"{heading(one)}: examples",
            tuple(_column(name, one.examples[0][name]) for name in one.examples[0]),
            [tuple(_cell(value) for value in row.values()) for row in one.examples],
            half=len(one.examples[0]) <= NARROW,
        )
        for number, one in enumerate(findings, start=1)
        if one.examples
    ]
    return sorted(tables, key=lambda table: table.half)  # narrow ones stand beside each other


def _column(name: str, value: Any) -> Column:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    whole = isinstance(value, int)
    form = (Form.COUNT if whole else Form.SPAN) if numeric else Form.TEXT
    return Column(name.replace("_", " ").capitalize(), form)


def _cell(value: Any) -> Cell:
    return f"{value:,.6g}" if isinstance(value, float) else value
