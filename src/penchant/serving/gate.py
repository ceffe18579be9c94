"""Who may come in: the shop and the scopes that belong to a request's key."""

import ipaddress
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from penchant.errors import DataError, PenchantError, UnreadyError
from penchant.serving.body import BodyReader
from penchant.serving.keys import Key, KeyFile, Scope, id_of
from penchant.serving.metrics import Metrics
from penchant.serving.problems import ProblemError
from penchant.serving.protocol import Shop

LOOK = 1.0  # seconds between looks at the key files
logger = logging.getLogger(__name__)
Stamp = tuple[int, int, int] | None  # of a file; none where there is no file


@dataclass(eq=False)
class Tenant:
    """A shop as the server keeps it: with its keys, its numbers and the room it takes."""

    name: str
    keys: KeyFile
    shop: Shop | None = None  # until it is open
    bodies: BodyReader = field(default_factory=BodyReader)
    metrics: Metrics = field(init=False)

    def __post_init__(self) -> None:
        self.metrics = Metrics(lambda: self.shop.standing() if self.shop else None)

    def opened(self) -> Shop:
        """The shop; UnreadyError while it is being opened."""
        if self.shop is None:
            raise UnreadyError(f"The shop '{self.name}' is being opened.", 2)
        return self.shop


class Gate:
    """Finds the shop that a request is for, by its key.

    A server on loopback whose only shop has no key file lets everyone in: it is how one starts.
    """

    def __init__(self, tenants: Sequence[Tenant], *, loopback: bool) -> None:
        self.tenants = tuple(tenants)
        self._alone = self.tenants[0] if loopback and len(self.tenants) == 1 else None
        self._stamps: dict[str, Stamp] = {}
        self._keys: dict[str, list[Key]] = {}
        self._by_id: dict[str, tuple[Tenant, Key]] = {}
        self._look_at = 0.0
        self._look(must=True)
        self._check(loopback)

    @property
    def open(self) -> bool:
        """Whether whoever can reach the server may do anything."""
        alone = self._alone
        return alone is not None and self._stamps[alone.name] is None

    def admit(self, headers: Mapping[bytes, bytes], scope: Scope) -> tuple[Tenant, str | None]:
        """The shop a request is for, and its key's name.

        Raises ProblemError: 401 without a valid key, 403 without the scope.
        """
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK
            self._look()
        if self._alone is not None and self.open:
            _check_names(headers)
            return self._alone, None
        tenant, key = self._known(headers.get(b"authorization"))
        if scope not in key.scopes:
            raise ProblemError(
                403,
                f"The key '{key.name}' lacks the scope '{scope}'; it has "
                f"{', '.join(key.scopes)}. Use another key.",
                headers=(
                    (
                        b"www-authenticate",
                        b'Bearer error="insufficient_scope", scope="%b"' % scope.encode(),
                    ),
                ),
            )
        return tenant, key.name

    def _known(self, sent: bytes | None) -> tuple[Tenant, Key]:
        if sent is None:
            raise _unauthorized("Send a key: 'Authorization: Bearer penchant_…'.", b"Bearer")
        kind, _, text = sent.partition(b" ")
        token = text.strip().decode("latin-1")
        found = self._by_id.get(id_of(token)) if kind.lower() == b"bearer" else None
        if found and found[1].fits(token) and found[1].holds(datetime.now(UTC)):
            return found
        raise _unauthorized(
            "The key isn't known, or has expired or been revoked. `penchant key list` shows "
            "those that are valid.",
            b'Bearer error="invalid_token"',
        )

    def _look(self, *, must: bool = False) -> None:
        """Read the key files that changed; one that can't be read leaves the keys as they were."""
        changed = False
        for tenant in self.tenants:
            stamp = _stamp(tenant.keys)
            if self._stamps.get(tenant.name, 0) == stamp:
                continue
            try:
                self._keys[tenant.name] = tenant.keys.read()
            except (PenchantError, OSError):
                if must:
                    raise
                logger.exception("Can't read the keys of '%s'; its last ones stay", tenant.name)
            self._stamps[tenant.name] = stamp
            changed = True
        if changed:
            self._by_id = {
                key.id: (tenant, key)
                for tenant in reversed(self.tenants)  # of a key that stands twice, the first counts
                for key in self._keys[tenant.name]
            }

    def _check(self, loopback: bool) -> None:
        bare = [tenant.name for tenant in self.tenants if self._stamps[tenant.name] is None]
        if bare and not loopback:
            raise DataError(
                f"The shop '{bare[0]}' has no keys, so it is served on this machine only. Make one "
                "with `penchant key add`, or leave out --host."
            )
        if bare and len(self.tenants) > 1:
            raise DataError(
                f"The shop '{bare[0]}' has no keys. Of several shops, a request's key says which "
                "one is meant: make one for each with `penchant key add`."
            )
        if len(self._by_id) < sum(map(len, self._keys.values())):
            raise DataError(
                "Two of the shops have the same key, which can belong to one only. Revoke it in "
                "the copy with `penchant key revoke`."
            )


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _check_names(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what a page of another site could have a browser on this machine send."""
    origin = headers.get(b"origin", b"//localhost").decode("latin-1").rpartition("//")[2]
    for sent in (headers.get(b"host", b"localhost").decode("latin-1"), origin):
        name = sent if sent.endswith("]") else sent.rpartition(":")[0] or sent
        if not is_loopback(name):
            raise ProblemError(
                403,
                f"Without keys, only requests by this machine's own name are answered, and from "
                f"its own pages, not '{sent}'. Make a key with `penchant key add`.",
            )


def _unauthorized(detail: str, challenge: bytes) -> ProblemError:
    return ProblemError(401, detail, headers=((b"www-authenticate", challenge),))


def _stamp(keys: KeyFile) -> Stamp:
    try:
        found = keys.path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
