"""The server's log: a JSON object a line, for requests and for what the server says of itself.

It holds no body, no key, no address and no path, which would name customers: the route instead.
"""

import asyncio
import logging
import traceback
from datetime import UTC, datetime
from typing import BinaryIO

import msgspec

FLUSH = 0.2  # seconds that lines wait for others
MOST_WAITING = 1_000  # lines

_encode = msgspec.json.Encoder().encode


class Answered(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A request, in the log."""

    time: str = ""
    id: str
    method: str
    route: str
    status: int
    ms: float
    bytes: int
    shop: str | None = None
    key: str | None = None


class Log(logging.Handler):
    """Writes lines, several at a time; as a logging handler it takes what libraries say too."""

    def __init__(self, stream: BinaryIO, *, requests: bool = True) -> None:
        super().__init__(logging.INFO)
        self.requests = requests
        self._stream = stream
        self._lines: list[bytes] = []
        self._due = False

    def answered(self, entry: Answered) -> None:
        """Note a request."""
        if self.requests:
            entry.time = _now()
            self._add(_encode(entry))

    def emit(self, record: logging.LogRecord) -> None:
        """Note what a library or the server itself says, with its traceback if there is one."""
        entry = {
            "time": _now(),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        self._add(_encode(entry))

    def flush(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []  # in one step: other threads log too
        if lines:
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()

    def _add(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) >= MOST_WAITING:
            self.flush()
        elif not self._due:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:  # before and after serving, and in other threads
                self.flush()
            else:
                self._due = True
                loop.call_later(FLUSH, self._fall_due)

    def _fall_due(self) -> None:
        self._due = False
        self.flush()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
