"""Load on a server: connections that ask one after another, and how long each answer took."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

END = b"\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """A request, written out."""

    content: bytes

    @classmethod
    def get(cls, path: str) -> "Request":
        """A question."""
        return cls(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    @classmethod
    def post(cls, path: str, body: object) -> "Request":
        """Something to take in."""
        content = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        return cls(head.encode() + content)


@dataclass
class Measured:
    """Seconds of each answer, and over all."""

    second_N: list[float] = field(default_factory=list)
    status: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.second_N) / self.seconds

    def quantile(self, q: float) -> float:
        """Milliseconds within which a share of the answers came."""
        return 1000 * float(np.quantile(self.second_N, q))


class Connection:
    """One connection that is kept."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: Request) -> tuple[int, bytes]:
        """Status and body of the answer."""
        self._writer.write(request.content)
        head = await self._reader.readuntil(END)
        status = int(head[9:12])
        at = head.lower().index(b"content-length:") + 15
        body = await self._reader.readexactly(int(head[at : head.index(b"\r\n", at)]))
        return status, body

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


async def loaded(port: int, requests: Sequence[Request], connections: int) -> Measured:
    """Ask everything, on several connections at once."""
    measured, waiting = Measured(), iter(requests)
    opened = [await Connection.open(port) for _ in range(connections)]
    start = time.perf_counter()
    await asyncio.gather(*(_asked(one, waiting, measured) for one in opened))
    measured.seconds = time.perf_counter() - start
    for one in opened:
        one.close()
    return measured


async def _asked(connection: Connection, waiting: Iterator[Request], measured: Measured) -> None:
    for request in waiting:
        start = time.perf_counter()
        status, _ = await connection.ask(request)
        measured.second_N.append(time.perf_counter() - start)
        measured.status[status] = measured.status.get(status, 0) + 1
