"""The section on segments, made of sheets alone."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pyarrow as pa

from penchant import columns as c
from penchant.dashboard.segments import segments_section
from penchant.decisions.lifecycle import STAGES
from penchant.sheet import Filled
from penchant.sheets import sheet_named

DAYS = date(2026, 3, 2), date(2026, 5, 25), datetime(2026, 3, 2, tzinfo=UTC)


def filled(name, rows, notes=()):
    sheet = sheet_named(name)
    return Filled(sheet, pa.Table.from_pylist(rows, schema=sheet.schema), *DAYS, notes)


def sheets_of():
    one = dict(sheet_named("segments").example)
    customers = [
        one | {c.USER: "a", c.STAGE: "fading", c.STAGE_BEFORE: "loyal"},
        one | {c.USER: "b", c.STAGE: "fading", c.STAGE_BEFORE: "loyal"},
        one | {c.USER: "c", c.STAGE: "new", c.STAGE_BEFORE: None},
    ]
    group = dict(sheet_named("groups").example)
    groups = [
        group | {c.GROUP: stage, c.SIZE: k, c.SIZE_BEFORE: 2 * k} for k, stage in enumerate(STAGES)
    ]
    groups.append(group | {c.GROUP: "Tea & Cups", c.KIND: "segment", c.RISING: None, c.FADING: []})
    return {
        "segments": filled("segments", customers, ("Nothing is known of prices.",)),
        "groups": filled("groups", groups),
    }


def test_sizes_what_moves_what_to_show_and_transitions_are_told():
    blocks = {getattr(one, "id", one.kind): one for one in segments_section(sheets_of()).blocks}
    assert list(blocks) == [
        "tiles",
        "segment-sizes",
        "segment-stages",
        "segment-interests",
        "segment-transitions",
        "notes",
    ]
    assert [row[2] for row in blocks["segment-sizes"].rows] == list(range(len(STAGES)))
    assert blocks["segment-stages"].rows[0][-1] == "bought before: Sencha, 100 g"
    segment = blocks["segment-interests"].rows[0]
    assert segment[0] == "Tea & Cups"
    assert segment[5] is None
    assert blocks["segment-stages"].rows[0][4] == "rises: Espresso; fades: Teapots"
    moves = {row[0]: row[1:] for row in blocks["segment-transitions"].rows}
    assert moves["loyal"][STAGES.index("fading")] == 2
    assert moves["not there yet"][STAGES.index("new")] == 1
    assert blocks["notes"].paragraphs == ("Nothing is known of prices.",)


def test_where_nothing_earlier_is_known_nothing_is_compared():
    sheets = sheets_of()
    rows = [row | {c.STAGE_BEFORE: None} for row in sheets["segments"].rows]
    groups = [row | {c.SIZE_BEFORE: None, c.STAYED: None} for row in sheets["groups"].rows]
    alone = {"segments": filled("segments", rows), "groups": filled("groups", groups)}
    blocks = {getattr(one, "id", one.kind): one for one in segments_section(alone).blocks}
    assert "segment-transitions" not in blocks
    assert [one["name"] for one in blocks["segment-sizes"].option["series"]] == ["now"]
    assert all(tile.note == "customers" for tile in blocks["tiles"].tiles)
    only = segments_section({"segments": replace(sheets["segments"], notes=())})
    assert [one.id for one in only.blocks] == ["segment-transitions"]
