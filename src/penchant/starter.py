"""The settings file to start from."""

from pathlib import Path

from penchant.errors import SettingsError
from penchant.settings import FILE

STARTER = """\
# penchant.toml: every setting is optional; these are the defaults or examples.
name = "my shop"
timezone = "UTC"            # the shop's, e.g. "Europe/Berlin"

[sources]                   # CSV, JSON Lines, Parquet (a file, glob or folder), shop.duckdb::table
events = ["orders.csv"]
# format = "ga4"            # of the events; known ones are recognised (docs/sources.md)
# catalog = "products.csv"
# people = "customers.csv"
# identities = "logins.csv"  # which cookies, devices, addresses are whose: alias, user
# promotions = "promotions.csv"
# holidays = "holidays.csv"

[mapping.events]            # our name = "your column"; "=purchase" is a constant
# user = "customer_id"
# item = "product_id"
# time = "ordered_at"
# kind = "event_type"       # without one, every row is a purchase
# value = "line_total"
# order = "order_id"

[mapping.catalog]
# item = "product_id"
# path = ["department", "category"]

[mapping.identities]
# alias = "anonymous_id"
# user = "customer_id"

[topics]
# level = 2                 # depth in the category tree; chosen by itself when absent
floor = 20                  # customers below which a topic is folded into `other`

[forecast]
step = "week"               # day, week or month
windows = ["1-4", "5-8", "9-12"]
target = ["purchase"]       # kinds of event that count
model = "boosted"           # or gamma_poisson, decayed_share, …

[backtest]
cutoffs = 3

[recommend]                 # what each customer is shown (docs/recommend.md)
slots = 10                  # items of a list
steps = 4                   # ahead, whose engagements the chances are of

[recommend.rules]
# exclude = ["gift card"]   # items never shown
# in_stock = ["sku1"]       # the only items shown; without it, all
# most_price = 50.0
# most_per_topic = 3
# diversity = "calibrated"  # or mmr, dpp
"""


def write_starter(folder: Path) -> Path:
    """Write the starter into a folder; SettingsError when there is a settings file already."""
    path = folder / FILE
    if path.exists():
        raise SettingsError(f"{path} exists already, and is left as it is.")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(STARTER, encoding="utf-8")
    return path
