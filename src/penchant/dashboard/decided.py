"""What to do about it: a section of the report for each decision that was made."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date

from penchant.dashboard import numbers
from penchant.dashboard.block import Notes, Section
from penchant.dashboard.churn import churn_section
from penchant.dashboard.community import community_section
from penchant.dashboard.demand import demand_section
from penchant.dashboard.experiments import experiments_section
from penchant.dashboard.policy import policy_section
from penchant.dashboard.promotions import promotions_section
from penchant.dashboard.segments import segments_section
from penchant.dashboard.services import services_section
from penchant.sheet import Filled

Sheets = Mapping[str, Filled]
SECTIONS: dict[str, Callable[[Sheets], Section]] = {  # by the sheet that a section is made from
    "segments": segments_section,
    "churn": churn_section,
    "demand": demand_section,
    "services": services_section,
    "communities": community_section,
    "offers": promotions_section,
    "policies": policy_section,
    "experiments": experiments_section,
}


def decided(sheets: Sheets, cutoff: date) -> tuple[Section, ...]:
    """Sections of the sheets there are; one that was made before the cutoff says so first."""
    found = []
    for name, make in SECTIONS.items():
        if name not in sheets:
            continue
        filled = sheets[name]
        beside = {  # none of another day than the section's or the report's
            other: sheet
            for other, sheet in sheets.items()
            if not sheet.sheet.ahead or sheet.start in (filled.start, cutoff)
        }
        made = make(beside)
        if filled.sheet.ahead and filled.start != cutoff:
            old = (
                f"This is of {numbers.day(filled.start)}, and the rest of the report of "
                f"{numbers.day(cutoff)}. Run {filled.sheet.verb} again, then penchant report."
            )
            made = replace(made, blocks=(Notes((old,)), *made.blocks))
        found.append(made)
    return tuple(found)
