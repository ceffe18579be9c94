"""Damage: texts that went through a wrong encoding or were escaped once too often."""

from collections.abc import Iterator

import ibis
import ibis.expr.types as ir

from penchant import columns as c
from penchant.data.catalog import PATH_SEPARATOR
from penchant.data.events import EVENT_SCHEMA
from penchant.data.evidence import Evidence, totals
from penchant.data.findings import Finding, percent, several

# UTF-8 read as Windows-1252 turns é into Ã©: a lead byte, then what stands for 80 to BF.
TAIL = "[\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]"
DAMAGE = f"\ufffd|[ÂÃÐÑ]{TAIL}|â€|ï»¿|&(amp|lt|gt|quot|apos|nbsp|#[0-9]+|#x[0-9a-fA-F]+);"
IDS = (c.USER, c.ITEM)
SERIOUS_SHARE = 0.2  # of a column's rows
SHOWN = 5


def damaged_text(evidence: Evidence) -> tuple[Finding, ...]:
    """Replacement characters, mojibake and HTML entities in ids, queries and the catalog."""
    findings = []
    for name, texts in _texts(evidence):
        bad = texts.filter(texts["text"].re_search(DAMAGE))
        found = totals(bad, texts=bad.count(), rows=bad[c.ROWS].sum())
        if not found["texts"]:
            continue
        total = totals(texts, rows=texts[c.ROWS].sum())[c.ROWS]
        logged = name in EVENT_SCHEMA.names
        top = bad.order_by(ibis.desc(c.ROWS), "text").limit(SHOWN).to_pyarrow().to_pylist()
        what = (
            f"An encoding or escaping damaged {several(found['texts'], 'text')} in `{name}`, with "
            f"{percent(found[c.ROWS] / total)} of its rows, such as '{top[0]['text']}'."
        )
        findings.append(
            Finding(
                code="damaged_text",
                what=what,
                advice="Export as UTF-8 without escapes, and ingest again.",
                serious=name in IDS and found[c.ROWS] >= SERIOUS_SHARE * total,
                rows=found[c.ROWS],
                share=found[c.ROWS] / (evidence.rows if logged else total),
                examples=tuple({"text": row["text"], "rows": row[c.ROWS]} for row in top),
            )
        )
    return tuple(findings)


def _texts(evidence: Evidence) -> Iterator[tuple[str, ir.Table]]:
    """Each column of texts with the rows that hold each."""
    users, items, events = evidence.customers, evidence.items, evidence.events
    yield c.USER, users.group_by(text=users[c.USER]).agg(rows=users[c.ROWS].sum())
    yield c.ITEM, items.select(items[c.ROWS], text=items[c.ITEM])
    asked = events.filter(events[c.QUERY].notnull())
    yield c.QUERY, asked.group_by(text=asked[c.QUERY]).agg(rows=asked.count())
    if evidence.catalog is not None:
        listed = evidence.catalog
        path = listed[c.PATH].join(PATH_SEPARATOR)
        for name, text in ((c.TITLE, listed[c.TITLE]), (c.BRAND, listed[c.BRAND]), (c.PATH, path)):
            known = listed.select(text=text).filter(ibis._["text"].notnull())
            yield name, known.group_by("text").agg(rows=known.count())
