"""Refusals as they go over the wire: problem details by RFC 9457."""

import math
from collections.abc import Sequence

import msgspec

from penchant.errors import (
    ArtefactError,
    BusyError,
    ConflictError,
    PenchantError,
    UnknownError,
    UnreadyError,
    WaitError,
)
from penchant.serving.messages import Problem

PROBLEM_TYPE = b"application/problem+json"
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
STATUS = (
    (UnknownError, 404),
    (ConflictError, 409),
    (ArtefactError, 409),  # a release that can't be loaded
    (BusyError, 429),
    (UnreadyError, 503),
)  # of our errors; 422 for any other
Headers = Sequence[tuple[bytes, bytes]]


class ProblemError(PenchantError):
    """A request refused: its status, and headers that go with it."""

    def __init__(
        self, status: int, detail: str, *, headers: Headers = (), errors: Sequence[str] = ()
    ) -> None:
        super().__init__(detail)
        self.status, self.headers, self.errors = status, headers, errors

    def body(self) -> bytes:
        """The problem as JSON."""
        problem = Problem(
            title=TITLES[self.status],
            status=self.status,
            detail=str(self),
            errors=list(self.errors),
        )
        return msgspec.json.encode(problem)


def problem_of(error: PenchantError) -> ProblemError:
    """The problem that an error of ours is to a client."""
    if isinstance(error, ProblemError):
        return error
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 422)
    if isinstance(error, WaitError):
        after = str(max(1, math.ceil(error.seconds))).encode()
        return ProblemError(status, str(error), headers=((b"retry-after", after),))
    return ProblemError(status, str(error))
