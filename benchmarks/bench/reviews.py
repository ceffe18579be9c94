"""Amazon reviews by the month, on topics learned from the titles of what is sold.

The data name no categories, so items are grouped by the words of their titles (latent semantic
analysis, then k-means), which are known with the item; nothing is learned from purchases.
Shapes: I items, T topics.
"""

from functools import partial
from html import unescape

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.cluster import KMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from bench.machine import ROOT
from bench.shops import Shop
from penchant import columns as c
from penchant.data.step import Step
from penchant.errors import DataError
from penchant.interest.history import History, build_history
from penchant.interest.task import Task, Window
from penchant.interest.topics import Topics

TOPICS, WORDS, WIDTH = 60, 4000, 50
USERS = 3000  # drawn of some 20,000, so that every family can be afforded
FIRST, LAST = "2010-01-01", "2014-07-01"  # earlier months are almost empty, July 2014 is cut short
MONTHS = Task(windows=(Window(0, 3), Window(3, 6), Window(6, 9)), step=Step.MONTH)


def reviews(name: str) -> History:
    """Reviews of some users by the month, each taken for a purchase; DataError without the data."""
    folder = ROOT.parent / "shared" / "data" / name
    if not folder.is_dir():
        raise DataError(
            f"'{name}' is left out: there is no ../shared/data/{name} beside the repository. "
            "Put its interactions.parquet and items.parquet there."
        )
    rows = pq.read_table(folder / "interactions.parquet")
    items = pq.read_table(folder / "items.parquet")
    users = np.unique(rows["user_id"].to_numpy())
    kept = np.sort(np.random.default_rng(0).permutation(users)[:USERS])
    time = pc.cast(rows["timestamp"], pa.timestamp("s"))
    first, last = (pc.cast(pa.scalar(day), pa.timestamp("s")) for day in (FIRST, LAST))
    inside = pc.and_(pc.greater_equal(time, first), pc.less(time, last))
    inside = pc.and_(inside, pc.is_in(rows["user_id"], pa.array(kept)))
    events = pa.table(
        {
            c.USER: pc.cast(rows["user_id"], pa.string()),
            c.ITEM: pc.cast(rows["item_id"], pa.string()),
            c.TIME: time,
            c.KIND: pa.array(["purchase"] * len(rows)),
            c.VALUE: pa.nulls(len(rows), pa.float64()),
        }
    ).filter(inside)
    topics = titled_topics(
        pc.cast(items["item_id"], pa.string()).to_pylist(), items["title"].to_pylist()
    )
    return build_history(ibis.memtable(events), topics, step=Step.MONTH)


def titled_topics(items: list[str], titles: list[str], topics: int = TOPICS) -> Topics:
    """Group items by the words of their titles; a topic is named by its two heaviest words."""
    reader = TfidfVectorizer(
        stop_words="english",
        sublinear_tf=True,
        max_features=WORDS,
        token_pattern=r"(?u)\b[a-zA-Z]{3,}\b",
    )
    word_IV = reader.fit_transform([unescape(title) for title in titles])
    width = min(WIDTH, word_IV.shape[1] - 1)
    place_IX = normalize(TruncatedSVD(width, random_state=0).fit_transform(word_IV))
    group_I = KMeans(topics, n_init=2, random_state=0).fit_predict(place_IX)
    words = reader.get_feature_names_out()
    names: list[str] = []
    for group in range(topics):
        weight_V = np.asarray(word_IV[group_I == group].sum(axis=0)).ravel()
        name = " ".join(words[np.argsort(-weight_V, kind="stable")[:2]])
        names.append(name if name not in names else f"{name} {group}")
    order_T = np.argsort(names)
    code_I = np.argsort(order_T)[group_I].astype(np.int32)
    placed = pa.table({c.ITEM: items, c.TOPIC: code_I})
    return Topics(np.array(names)[order_T], np.full(topics, "all"), placed, level=1)


def review_shop(name: str) -> Shop:
    """How a set of reviews is backtested."""
    return Shop(
        name=name,
        load=partial(reviews, name),
        cutoffs=(45,),
        headline=45,
        panel=False,
        caveats=(
            f"Steps are months from January 2010, and windows are months ahead. {USERS:,} users "
            "are drawn from about 20,000.",
            "A review stands for a purchase, and most users write a handful in all: there is "
            "little to learn from a user alone.",
            "Users and items with fewer than five reviews over all years were left out by the "
            "source. So whoever has few before the cutoff is bound to write more after it, which "
            "no shop would know.",
            f"Topics are {TOPICS} groups of items with like titles, learned without purchases. "
            "The catalog is taken as known, also of items that came later.",
            "Only users with a review before the cutoff are forecast.",
        ),
        task=MONTHS,
    )
