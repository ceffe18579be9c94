"""The section on policies: what others would have earned of what was logged, and what is shown."""

from collections import Counter
from collections.abc import Mapping

from penchant import columns as c
from penchant.dashboard.block import Column, Form, Leaf, Notes, Section, Table
from penchant.sheet import Filled


def policy_section(sheets: Mapping[str, Filled]) -> Section:
    """The section on policies."""
    judged, choices = sheets["policies"], sheets.get("choices")
    blocks: list[Leaf] = [_verdicts(judged)]
    if choices is not None and len(choices.table):
        blocks.append(_shown(choices))
    notes = [*judged.notes]
    notes += [f"{row[c.POLICY]}: {one}" for row in judged.rows for one in row["notes"]]
    if notes:
        blocks.append(Notes(tuple(notes)))
    lead = (
        "What a policy would have earned where another one ran, judged on users that it didn't "
        "learn from. One is used only if its gain is surely above 0. What showing does to later "
        "decisions, no such estimate sees: an experiment does."
    )
    return Section("policies", "What to show", lead, tuple(blocks))


def _verdicts(judged: Filled) -> Table:
    rows = judged.rows
    told = (c.REWARD, c.GAIN, c.GAIN_LOW, c.GAIN_HIGH, "decisions")
    return Table(
        "policies-table",
        "Policies beside the one that logged",
        (
            Column("Policy"),
            Column("Reward of a decision", Form.DECIMAL),
            Column("Gain", Form.DECIMAL),
            Column("Low", Form.DECIMAL),
            Column("High", Form.DECIMAL),
            Column("Worth decisions", Form.COUNT),
        ),
        [(row[c.POLICY], *(row[name] for name in told)) for row in rows],
        "The interval of the gain holds for all policies together. The one in bold is used.",
        frozenset((number, 0) for number, row in enumerate(rows) if row[c.CHOSEN]),
    )


def _shown(choices: Filled) -> Table:
    expected: dict[str, float] = {}
    times = Counter(row[c.OPTION] for row in choices.rows)
    for row in choices.rows:
        expected[row[c.OPTION]] = expected.get(row[c.OPTION], 0.0) + row[c.EXPECTED]
    return Table(
        "choices-table",
        "Options shown",
        (
            Column("Option"),
            Column("Customers", Form.COUNT),
            Column("Reward expected of one", Form.DECIMAL),
        ),
        [(option, users, expected[option] / users) for option, users in times.most_common()],
        half=True,
    )
