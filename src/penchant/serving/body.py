"""The body of a request: read within bounds, then decoded."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeVar

import msgspec

from penchant.errors import BusyError
from penchant.serving.problems import ProblemError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Decoded = TypeVar("Decoded")

MOST_BYTES = 4 << 20  # of a body
MOST_AT_ONCE = 32 << 20  # of the bodies that a shop is being sent
SLOWEST = 30  # seconds to send a body


class GoneError(Exception):
    """Who asked went away."""


class BodyReader:
    """Reads bodies, and knows how many bytes it holds."""

    def __init__(self) -> None:
        self.held = 0

    async def read(self, headers: Mapping[bytes, bytes], receive: Receive) -> bytearray:
        """Read a body of JSON; whoever calls gives its bytes back with `release`.

        Raises ProblemError for one of another type, or too large or too slow, BusyError when too
        many come at once, and GoneError.
        """
        check_type(headers)
        announced = headers.get(b"content-length", b"0")
        if not announced.isdigit() or len(announced) > 9 or int(announced) > MOST_BYTES:
            raise _too_large()
        body = bytearray()
        try:
            async with asyncio.timeout(SLOWEST):
                while await self._part(body, receive):
                    pass
        except TimeoutError:
            self.release(body)
            raise ProblemError(408, f"The body didn't arrive within {SLOWEST} s.") from None
        except BaseException:
            self.release(body)
            raise
        return body

    async def _part(self, body: bytearray, receive: Receive) -> bool:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise GoneError
        part = message.get("body", b"")
        if len(body) + len(part) > MOST_BYTES:
            raise _too_large()
        if self.held + len(part) > MOST_AT_ONCE:
            raise BusyError("Too many bodies are being sent at once. Send this one again.")
        self.held += len(part)
        body += part
        return bool(message.get("more_body", False))

    def release(self, body: bytearray) -> None:
        """Count a body's bytes as given back."""
        self.held -= len(body)


def check_type(headers: Mapping[bytes, bytes]) -> None:
    """Refuse a body that isn't plain JSON."""
    sent = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if sent != b"application/json":
        found = f"'{sent.decode('latin-1')}'" if sent else "none"
        raise ProblemError(
            415, f"The body must be of type application/json; the Content-Type is {found}."
        )
    coding = headers.get(b"content-encoding", b"identity").strip().lower()
    if coding != b"identity":
        raise ProblemError(
            415,
            f"Content-Encoding '{coding.decode('latin-1')}' isn't read. Send the body as it is.",
            headers=((b"accept-encoding", b"identity"),),
        )


def decode(decoder: "msgspec.json.Decoder[Decoded]", body: bytes | bytearray) -> Decoded:
    """Decode a body; ProblemError 400 for what is no JSON, 422 for what doesn't fit."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ProblemError(
            422, "The body doesn't fit. /openapi.json says what does.", errors=[str(error)]
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProblemError(400, f"The body is no JSON: {error}.") from None
    except RecursionError:
        raise ProblemError(400, "The body is nested too deep.") from None


def _too_large() -> ProblemError:
    return ProblemError(
        413,
        f"A body has at most {MOST_BYTES:,} bytes. Send fewer events at a time.",
        headers=((b"connection", b"close"),),
    )
