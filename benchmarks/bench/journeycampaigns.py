"""Complete Journey's campaigns: what was sent to whom, what it covered, and what was redeemed.

Shapes: U users, C campaigns, M households sent a campaign.
"""

import ibis
import numpy as np
import pyarrow as pa

from bench.shops import JOURNEY, SHOPS
from penchant import columns as c
from penchant.data.events import PURCHASE, REDEEM
from penchant.data.journey import journey_campaigns, journey_coupons, journey_redemptions
from penchant.data.public import PUBLIC
from penchant.decisions.campaigns import Campaigns, Offers, Responses, offers_of
from penchant.decisions.record import Record
from penchant.interest.interactions import build_interactions


def texts(table: pa.Table, name: str) -> np.ndarray:
    """A column of text."""
    return np.array(table[name].to_pylist(), dtype=np.str_)


def seconds(table: pa.Table, name: str) -> np.ndarray:
    """A column of moments, in seconds since 1970."""
    return table[name].cast(pa.timestamp("s"), safe=False).cast(pa.int64()).to_numpy()


def journey_record() -> Record:
    """Everything that households bought, and every campaign and coupon; DataError without it."""
    log = PUBLIC[JOURNEY]()
    events = ibis.memtable(log.events)
    past = build_interactions(events, [PURCHASE])
    redeemed = build_interactions(events, [REDEEM]).among(past.items_I).of(past.users_U)
    return Record(
        history=SHOPS[JOURNEY].load(),
        past=past,
        redeemed=redeemed,
        promotions=log.promotions,
        campaigns=_campaigns(journey_campaigns()),
        offers=_offers(journey_coupons()),
        responses=_responses(journey_redemptions()),
    )


def _campaigns(sent: pa.Table) -> Campaigns:
    rows = sorted(
        zip(
            seconds(sent, c.START).tolist(),
            sent[c.NAME].to_pylist(),
            sent[c.KIND].to_pylist(),
            seconds(sent, c.END).tolist(),
            sent[c.USER].to_pylist(),
            strict=True,
        )
    )
    names = list(dict.fromkeys(row[1] for row in rows))
    first = {row[1]: row for row in reversed(rows)}
    return Campaigns(
        names_C=np.array(names),
        kind_C=np.array([first[name][2] for name in names]),
        start_C=np.array([first[name][0] for name in names]),
        end_C=np.array([first[name][3] for name in names]),
        campaign_M=np.array([names.index(row[1]) for row in rows], dtype=np.int32),
        user_M=np.array([row[4] for row in rows]),
        treated_M=np.ones(len(rows), dtype=bool),
        cost_M=np.full(len(rows), np.nan, dtype=np.float32),
    )


def _offers(coupons: pa.Table) -> Offers:
    return offers_of(*(texts(coupons, name) for name in (c.NAME, c.COUPON, c.ITEM)))


def _responses(taken: pa.Table) -> Responses:
    parts = (texts(taken, name) for name in (c.USER, c.NAME, c.COUPON))
    return Responses(*parts, seconds(taken, c.TIME))
