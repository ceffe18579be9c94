"""The server's process: a socket, the shops behind it, and how it starts and stops."""

import asyncio
import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import uvicorn

from penchant.errors import DataError, SettingsError
from penchant.serving.app import App
from penchant.serving.gate import Gate, Tenant, is_loopback
from penchant.serving.head import BoundedProtocol
from penchant.serving.keys import KeyFile
from penchant.serving.log import Log
from penchant.serving.protocol import Shop

if TYPE_CHECKING:
    from penchant.workspace import Workspace

GRACE = 20  # seconds that requests have to finish in when the server stops
KEEP_ALIVE = 75  # seconds that an idle connection is kept; clients reuse theirs for a minute
BACKLOG = 1024
STOPS = (signal.SIGINT, signal.SIGTERM)
logger = logging.getLogger(__name__)
Opener = Callable[["Workspace"], Shop]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a server listens."""

    host: str = "127.0.0.1"
    port: int = 8000  # 0: any that is free

    def resolve(self) -> tuple[int, tuple[Any, ...]]:
        """Family and address; DataError for a name that has none."""
        try:
            family, _, _, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
        except (OSError, UnicodeError) as error:
            raise DataError(
                f"There is no address '{self.host}': {error}. Name another with --host."
            ) from error
        return family, address


def listen(family: int, address: tuple[Any, ...]) -> socket.socket:
    """Take an address; DataError when it can't be had."""
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
        taken.listen(BACKLOG)
    except OSError as error:
        taken.close()
        raise DataError(
            f"Can't listen at {address[0]}, port {address[1]}: {error.strerror}. Choose another "
            "with --host or --port."
        ) from error
    return taken


class Staff:
    """Opens the shops once the server listens, and closes them when it stops."""

    def __init__(self, shops: Sequence[tuple[Tenant, "Workspace"]], opener: Opener) -> None:
        self._shops, self._opener = shops, opener
        self._opening: asyncio.Task[None] | None = None
        self.server: uvicorn.Server | None = None  # stopped when a shop can't be opened
        self.failure: Exception | None = None

    async def start(self) -> None:
        """Begin to open them; until one is open, whoever asks it is told to wait."""
        self._opening = asyncio.create_task(self._open())

    async def stop(self) -> None:
        """Wait for what is being opened, then close."""
        if self._opening is not None:
            await self._opening
        for tenant, _ in self._shops:
            if tenant.shop is not None:
                try:
                    await tenant.shop.close()
                except Exception as error:  # the others are closed nevertheless
                    self.failure = self.failure or error

    async def _open(self) -> None:
        try:
            for tenant, workspace in self._shops:
                tenant.shop = await asyncio.to_thread(self._opener, workspace)
                tenant.shop.start()
                logger.info("the shop '%s' is open", tenant.name)
        except Exception as error:  # told when the server has stopped
            self.failure = error
            while self.server is not None and not self.server.started:
                await asyncio.sleep(0.01)  # stopped earlier, it wouldn't close the shops
            if self.server is not None:
                self.server.should_exit = True


def serve(
    workspaces: Sequence["Workspace"], opener: Opener, place: Place, *, requests: bool = True
) -> None:
    """Serve workspaces until SIGINT or SIGTERM; requests begun by then are answered.

    Raises SettingsError when two have one name, DataError when the address can't be had or would
    let in people without keys, and whatever opening or closing a shop raises.
    """
    names = [workspace.settings.name for workspace in workspaces]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise SettingsError(
            f"Two of the shops are named '{twice[0]}'. Give one another `name` in its settings."
        )
    tenants = [Tenant(shop.settings.name, KeyFile(shop.folder)) for shop in workspaces]
    family, address = place.resolve()
    gate = Gate(tenants, loopback=is_loopback(str(address[0])))
    log = Log(sys.stderr.buffer, requests=requests)
    staff = Staff(list(zip(tenants, workspaces, strict=True)), opener)
    with listen(family, address) as taken, _logged(log), _signals_end_quietly():
        host, port = taken.getsockname()[:2]
        logger.info("listening at %s, port %d%s", host, port, ", without keys" * gate.open)
        staff.server = uvicorn.Server(make_config(App(gate, log, staff)))
        staff.server.run(sockets=[taken])
    if staff.failure is not None:
        raise staff.failure


def make_config(app: App) -> uvicorn.Config:
    """How uvicorn serves it: one process, no log and no headers of its own."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=BoundedProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,  # no address is read
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )


@contextmanager
def _logged(log: Log) -> Iterator[None]:
    """Let the log take what is said by us, and what uvicorn warns of."""
    levels = {"penchant": logging.INFO, "uvicorn.error": logging.WARNING}
    before = {name: logging.getLogger(name).level for name in levels}
    for name, level in levels.items():
        logging.getLogger(name).addHandler(log)
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).removeHandler(log)
            logging.getLogger(name).setLevel(level)
        log.flush()


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Make a stop that was asked for a clean exit: uvicorn raises the signal anew at its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
