"""API keys: who may do what in a shop. A file of the workspace keeps their hashes.

A key is 256 random bits, so that one round of SHA-256 is as good as many.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

import msgspec

from penchant.errors import ConflictError, DataError, UnknownError, suggest

Scope = Literal["ingest", "read", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
FILE = "keys.json"
PREFIX = "penchant"  # so that a key that leaked is found by scanners


class Key(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What is kept of a key."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    sha256: str
    made: datetime
    expires: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires

    def fits(self, token: str) -> bool:
        """Whether this is the key's token; takes as long whether or not it is."""
        return hmac.compare_digest(_hash(token), self.sha256)


class KeyFile:
    """The keys of one shop."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> list[Key]:
        """Every key; none where there is no file. Raises DataError for a damaged one."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=list[Key])
        except FileNotFoundError:
            return []
        except msgspec.DecodeError as error:
            raise DataError(
                f"The keys in '{self.path}' are damaged: {error}. Restore the file, or delete it "
                "and add keys anew."
            ) from error

    def add(self, name: str, scopes: Sequence[str], days: float | None = None) -> tuple[Key, str]:
        """Make a key: what is kept of it, and its token, which is told this once only."""
        now = _now()
        unknown = [scope for scope in scopes if scope not in SCOPES]
        if unknown or not scopes:
            hint = (
                suggest(unknown[0], SCOPES)
                if unknown
                else "Name one or more of " + ", ".join(SCOPES)
            )
            raise UnknownError(f"There is no scope '{unknown[0] if unknown else ''}'. {hint}")
        with self._changed() as keys:
            if any(key.name == name and key.holds(now) for key in keys):
                raise ConflictError(
                    f"There is a key '{name}' already. Rotate or revoke it, or choose another name."
                )
            expires = now + timedelta(days=days) if days else None
            kept = tuple(scope for scope in SCOPES if scope in scopes)
            key, token = _made(name, kept, now, expires)
            keys.append(key)
        return key, token

    def rotate(self, name: str, grace: timedelta) -> tuple[Key, str]:
        """Make a key's successor; the key itself is valid for `grace` longer, and no more."""
        now = _now()
        with self._changed() as keys:
            valid = [key for key in keys if key.name == name and key.holds(now)]
            if not valid:
                raise self._unknown(name, keys)
            last = valid[-1]
            lasting = last.expires - last.made if last.expires else None
            key, token = _made(name, last.scopes, now, now + lasting if lasting else None)
            ends = {old.id: min(old.expires or now + grace, now + grace) for old in valid}
            keys[:] = [
                msgspec.structs.replace(old, expires=ends[old.id]) if old.id in ends else old
                for old in keys
                if old.name != name or old.id in ends
            ]
            keys.append(key)
        return key, token

    def revoke(self, name: str) -> int:
        """Make the keys of this name, or the one of this id, invalid; how many there were."""
        with self._changed() as keys:
            kept = [key for key in keys if name not in (key.name, key.id)]
            gone = len(keys) - len(kept)
            if not gone:
                raise self._unknown(name, keys)
            keys[:] = kept
        return gone

    def _unknown(self, name: str, keys: Sequence[Key]) -> UnknownError:
        names = {key.name for key in keys}
        hint = suggest(name, names) if names else "There is none at all: `penchant key add`."
        return UnknownError(f"There is no key '{name}'. {hint}")

    @contextmanager
    def _changed(self) -> Iterator[list[Key]]:
        """The keys, to be changed by one at a time and then written in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_suffix(".lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = self.read()
            yield keys
            partial = self.path.with_suffix(".partial")
            partial.unlink(missing_ok=True)
            handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)


def id_of(token: str) -> str:
    """The part of a token that names its key; empty for what is no token."""
    parts = token.split("_", 2)
    return parts[1] if len(parts) == 3 and parts[0] == PREFIX else ""


def _made(
    name: str, scopes: tuple[Scope, ...], now: datetime, expires: datetime | None
) -> tuple[Key, str]:
    number = secrets.token_hex(6)
    token = f"{PREFIX}_{number}_{secrets.token_urlsafe(32)}"
    key = Key(id=number, name=name, scopes=scopes, sha256=_hash(token), made=now, expires=expires)
    return key, token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
