"""SQL fragments that several formats share.

Each takes SQL and gives SQL, and none raises on a cell.
"""

from collections.abc import Mapping

from penchant.data.sql import literal


def parsed(text: str) -> str:
    """JSON that a cell holds; null where it holds none."""
    return f"CASE WHEN json_valid({text}) THEN {text}::JSON END"


def elements(json: str) -> str:
    """Elements of a JSON array, to be unnested; a single null where there are none.

    The null keeps a record without items among the rows.
    """
    return f"coalesce(nullif(json_extract({json}, '$[*]'), []), [NULL])"


def kind(name: str, kinds: Mapping[str, str], otherwise: str | None = None) -> str:
    """Our kind for a source's name of an event, by its lower-case form.

    A name that isn't listed stays a kind of its own, unless `otherwise` says better.
    """
    cases = " ".join(
        f"WHEN {literal(theirs)} THEN {literal(ours)}" for theirs, ours in kinds.items()
    )
    lowered = f"lower(trim({name}))"
    return f"CASE {lowered} {cases} ELSE {otherwise or lowered} END"


def amount(price: str, quantity: str) -> str:
    """Price times quantity, one where it is missing.

    A price that can't be read is handed on as it is, so that it is refused with its reason.
    """
    factor = f"TRY_CAST(coalesce(nullif({quantity}, ''), '1') AS DOUBLE)"
    return f"coalesce(round(TRY_CAST({price} AS DOUBLE) * {factor}, 6)::VARCHAR, {price})"


def per_line(event: str, place: str, lines: str) -> str:
    """Id of a record's event, with the place of its line where it has several."""
    return f"CASE WHEN {lines} > 1 THEN {event} || '.' || {place} ELSE {event} END"
