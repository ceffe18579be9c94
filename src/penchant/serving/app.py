"""The ASGI application: a request in, its answer or its problem out, and a note of it.

It is plain ASGI: with problems, keys, limits and numbers of our own, a framework would only route.
"""

import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from penchant.errors import DataError, PenchantError
from penchant.serving.body import GoneError, Message, Receive
from penchant.serving.gate import Gate, Tenant
from penchant.serving.log import Answered, Log
from penchant.serving.openapi import document
from penchant.serving.problems import PROBLEM_TYPE, Headers, ProblemError, problem_of
from penchant.serving.query import read_query
from penchant.serving.route import JSON_TYPE, UNMATCHED, Call, Route, Router, Text
from penchant.serving.routes import ROUTES

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
REQUEST_ID = re.compile(rb"[A-Za-z0-9._\-]{1,100}")
IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,200}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
NO_STORE = (b"cache-control", b"no-store")  # answers are about people
GONE = 499  # in the log only: who asked went away
_encode = msgspec.json.Encoder().encode
logger = logging.getLogger(__name__)


class Lifetime(Protocol):
    """What happens when the server starts and stops."""

    async def start(self) -> None:
        """Begin to open the shops."""
        ...

    async def stop(self) -> None:
        """Close them."""
        ...


class Exchange:
    """A request on its way to an answer."""

    __slots__ = ("began", "headers", "id", "key", "method", "route", "scope", "tenant")

    def __init__(self, scope: Scope) -> None:
        self.began = time.perf_counter()
        self.scope = scope
        self.method: str = scope["method"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        sent = self.headers.get(b"x-request-id")
        own = sent is None or not REQUEST_ID.fullmatch(sent)
        self.id = os.urandom(8).hex().encode() if own or sent is None else sent
        self.tenant: Tenant | None = None
        self.route: Route | None = None
        self.key: str | None = None


class App:
    """Serves shops over ASGI."""

    def __init__(self, gate: Gate, log: Log, lifetime: Lifetime | None = None) -> None:
        self._gate, self._log, self._lifetime = gate, log, lifetime
        self._router = Router(ROUTES)
        self._documents = {
            without: _encode(document(ROUTES, keys=not without)) for without in (True, False)
        }
        # Requests that got nowhere are told of only where they can't tell of another's shop.
        self._alone = gate.tenants[0] if len(gate.tenants) == 1 else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or see the server start and stop."""
        if scope["type"] == "http":
            await self._serve(Exchange(scope), receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            raise DataError(f"Only HTTP is served, not {scope['type']}. Use http:// addresses.")

    async def _serve(self, exchange: Exchange, receive: Receive, send: Send) -> None:
        extra: Headers = ()
        status, length = GONE, 0
        try:
            content = await self._answer(exchange, receive)
            status, kind = 200, exchange.route.kind if exchange.route else b""
        except GoneError:
            return
        except Exception as error:  # whatever goes wrong, the client is told in one form
            problem = _problem(error, exchange)
            content, status, kind = problem.body(), problem.status, PROBLEM_TYPE
            extra = problem.headers
        finally:
            if exchange.tenant is not None:
                exchange.tenant.metrics.in_flight -= 1
            if status == GONE:
                self._note(exchange, status, 0)
        length = len(content)
        start = [
            (b"content-type", kind),
            (b"content-length", b"%d" % length),
            NO_STORE,
            (b"x-request-id", exchange.id),
            *extra,
        ]
        await send({"type": "http.response.start", "status": status, "headers": start})
        body = b"" if exchange.method == "HEAD" else content
        await send({"type": "http.response.body", "body": body})
        self._note(exchange, status, length)

    async def _answer(self, exchange: Exchange, receive: Receive) -> bytes:
        scope, headers = exchange.scope, exchange.headers
        path = scope.get("raw_path") or quote(scope["path"]).encode()
        route, value = self._router.find(exchange.method, path)
        exchange.route = route
        call = Call(self._gate, self._documents.__getitem__, None, value)
        if route.scope is not None:
            tenant, exchange.key = self._gate.admit(headers, route.scope)
            exchange.tenant = call.tenant = tenant
            tenant.metrics.in_flight += 1
        _check_accept(headers, route)
        query = scope["query_string"]
        call.values = read_query(query, route.query) if query else route.defaults
        if route.once:
            call.key = _idempotency_key(headers)
        if route.body is None or call.tenant is None:
            return _written(await route.answer(call))
        bodies = call.tenant.bodies
        call.body = await bodies.read(headers, receive)
        try:
            return _written(await route.answer(call))
        finally:
            bodies.release(call.body)

    def _note(self, exchange: Exchange, status: int, length: int) -> None:
        seconds = time.perf_counter() - exchange.began
        method = exchange.method if exchange.method in METHODS else "other"
        route = exchange.route.path if exchange.route else UNMATCHED
        tenant = exchange.tenant or self._alone
        if tenant is not None:
            tenant.metrics.answered(method, route, status, seconds)
        if self._log.requests:
            self._log.answered(
                Answered(
                    id=exchange.id.decode(),
                    method=method,
                    route=route,
                    status=status,
                    ms=round(seconds * 1000, 3),
                    bytes=length,
                    shop=tenant.name if tenant else None,
                    key=exchange.key,
                )
            )

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                if self._lifetime is not None:
                    await self._lifetime.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._lifetime is not None:
                    await self._lifetime.stop()
                self._log.flush()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _written(reply: msgspec.Struct | Text) -> bytes:
    return reply.content if isinstance(reply, Text) else _encode(reply)


def _problem(error: Exception, exchange: Exchange) -> ProblemError:
    if isinstance(error, PenchantError):
        return problem_of(error)
    logger.error("request %s failed", exchange.id.decode(), exc_info=error)
    return ProblemError(
        500,
        f"This is a fault of the server's, and in its log under {exchange.id.decode()}.",
    )


def _check_accept(headers: dict[bytes, bytes], route: Route) -> None:
    wanted = headers.get(b"accept")
    if wanted is None or b"*/*" in wanted or route.kind != JSON_TYPE:
        return
    wanted = wanted.lower()
    if b"application/json" not in wanted and b"application/*" not in wanted:
        raise ProblemError(406, f"The answer is application/json, not {wanted.decode('latin-1')}.")


def _idempotency_key(headers: dict[bytes, bytes]) -> str | None:
    sent = headers.get(b"idempotency-key")
    if sent is None:
        return None
    if not IDEMPOTENCY_KEY.fullmatch(sent):
        raise ProblemError(
            422, "An Idempotency-Key has 1 to 200 visible ASCII characters. A UUID will do."
        )
    return sent.decode()
