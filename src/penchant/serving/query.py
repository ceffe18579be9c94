"""What stands after the question mark: declared parameters, each at most once."""

import base64
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

from penchant.errors import suggest
from penchant.serving.messages import MOST_SLOTS
from penchant.serving.problems import ProblemError

MOST_PARAMETERS = 20
LONGEST = 4096  # characters of a query
CURSOR = r"^(?:[A-Za-z0-9_\-]{4})*(?:[A-Za-z0-9_\-]{2,3})?$"  # any base64 is a place among names


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A parameter that is a whole number."""

    name: str
    default: int | None  # none: who is asked decides
    most: int
    meaning: str
    least: int = 1

    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        told = {} if self.default is None else {"default": self.default}
        return {"type": "integer", "minimum": self.least, "maximum": self.most, **told}

    def read(self, text: str) -> int:
        """The number; ProblemError when it is none, or out of bounds."""
        if re.fullmatch(r"[0-9]{1,9}", text) and self.least <= int(text) <= self.most:
            return int(text)
        raise ProblemError(
            422, f"'{self.name}' is a whole number from {self.least} to {self.most}, not '{text}'."
        )


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A parameter that says where a page begins."""

    name: str = "cursor"
    default: str = ""
    meaning: str = "`next` of the page before; left out for the first page."

    def schema(self) -> dict[str, Any]:
        """Its JSON schema."""
        return {"type": "string", "pattern": CURSOR, "maxLength": LONGEST // 2}

    def read(self, text: str) -> str:
        """The cursor; ProblemError when it can't be one of ours."""
        if len(text) <= LONGEST // 2 and re.fullmatch(CURSOR, text):
            return text
        raise ProblemError(422, "'cursor' is no cursor. Take `next` of a page as it is.")


SLOTS = Whole(
    name="slots", default=None, most=MOST_SLOTS, meaning="Items at most; by default the settings'."
)
MOST = Whole(name="slots", default=20, most=MOST_SLOTS, meaning="Items at most.")
LIMIT = Whole(name="limit", default=100, most=1000, meaning="Names of a page.")
CURSOR_PARAMETER = Cursor()
Parameter = Whole | Cursor


@lru_cache(maxsize=1024)
def read_query(text: bytes, parameters: tuple[Parameter, ...]) -> tuple[Any, ...]:
    """Values of the parameters, in their order; ProblemError for what can't be read."""
    if len(text) > LONGEST:
        raise ProblemError(422, f"A query has at most {LONGEST:,} characters.")
    try:
        pairs = parse_qsl(
            text.decode("ascii"), True, errors="strict", max_num_fields=MOST_PARAMETERS
        )
    except ValueError:
        raise ProblemError(422, "The query can't be read as name=value&name=value.") from None
    known = {parameter.name: parameter for parameter in parameters}
    found: dict[str, int | str] = {}
    for name, value in pairs:
        if name not in known:
            hint = suggest(name, known) if known else "There are none here."
            raise ProblemError(422, f"There is no parameter '{name}'. {hint}")
        if name in found:
            raise ProblemError(422, f"The parameter '{name}' stands there twice.")
        found[name] = known[name].read(value)
    return tuple(found.get(parameter.name, parameter.default) for parameter in parameters)


def page(names: Sequence[str], limit: int, cursor: str) -> tuple[int, int, str | None]:
    """First and last row of a page of sorted names, and the next one's cursor.

    A cursor is the name it stands behind, so that names that come or go shift nothing.
    """
    position = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    start = bisect_right(names, position, key=str.encode) if cursor else 0
    end = min(start + limit, len(names))
    if end == len(names) or start == end:
        return start, end, None
    return start, end, base64.urlsafe_b64encode(names[end - 1].encode()).decode().rstrip("=")
