"""Devices: what a user does before logging in carries the device's id.

Shapes: U users, D devices, Y days, N rows.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from penchant import columns as c
from penchant.data.identity import IDENTITY_SCHEMA
from penchant.data.rows import KINDS, Rows
from penchant.data.shopping import DAY, START
from penchant.data.truth import Devices, Flags, Names

MOST_DEVICES = 3  # a user's
ANONYMOUS = 0.3  # share of the visits
LOGGED_IN = 0.9  # share of the devices on which the user ever logged in
# One logs in to buy, and to say that one likes a thing.
BEFORE_LOGIN = np.array([kind in ("search", "impression", "view") for kind in KINDS])


@dataclass(frozen=True)
class Screens:
    """Which device each user is on each day, counted in the block, and whether logged in."""

    device_UY: npt.NDArray[np.int32]
    anonymous_UY: Flags


def draw_devices(
    span: range, most_users: int, days: int, rng: np.random.Generator
) -> tuple[Devices, Screens]:
    """One to three devices a user of the block, and their use; ids tell nothing of the user."""
    users = len(span)
    count_U = rng.integers(1, MOST_DEVICES + 1, size=users)
    first_U = count_U.cumsum() - count_U
    devices = int(count_U.sum())
    number_D = span.start * MOST_DEVICES + rng.permutation(devices)
    digits = len(str(most_users * MOST_DEVICES - 1))
    offset_UY = rng.random((users, days), dtype=np.float32) * count_U[:, None]
    return Devices(
        device_D=np.array([f"device {number:0{digits}d}" for number in number_D]),
        user_D=np.repeat(np.arange(span.start, span.stop, dtype=np.int32), count_U),
        known_D=rng.random(devices) < LOGGED_IN,
    ), Screens(
        device_UY=(
            first_U[:, None] + np.minimum(offset_UY.astype(np.int32), count_U[:, None] - 1)
        ).astype(np.int32),
        anonymous_UY=rng.random((users, days), dtype=np.float32) < ANONYMOUS,
    )


def hide(rows: Rows, screens: Screens) -> Rows:
    """Put the device in the place of the user who hasn't logged in yet."""
    day_N = (rows.time_N - START) // DAY
    hidden_N = BEFORE_LOGIN[rows.kind_N] & screens.anonymous_UY[rows.user_N, day_N]
    users = len(screens.device_UY)
    device_N = users + screens.device_UY[rows.user_N, day_N]
    return replace(rows, user_N=np.where(hidden_N, device_N, rows.user_N).astype(np.int32))


def identity_table(devices: Devices, users_U: Names, first_user: int) -> pa.Table:
    """What the shop knows: alias and user of devices with a login."""
    known_D = np.flatnonzero(devices.known_D)
    return pa.table(
        {
            c.ALIAS: devices.device_D[known_D].tolist(),
            c.USER: users_U[devices.user_D[known_D] - first_user].tolist(),
        },
        schema=IDENTITY_SCHEMA,
    )
