"""The public data sets, by name. Each comes with a Python package; none is downloaded."""

from collections.abc import Callable

from penchant.data.cdnow import cdnow
from penchant.data.journey import complete_journey
from penchant.data.log import Log

PUBLIC: dict[str, Callable[[], Log]] = {
    "complete_journey": complete_journey,
    "cdnow": cdnow,
}
