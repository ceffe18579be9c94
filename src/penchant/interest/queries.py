"""Queries: what people search for, matched to the topic that it is about.

Each word is evidence: how likely it means each topic, by the share of the topic's items whose text
holds it, so that a big topic wins no words by its size. What people turned to right after searching
for the word corrects that. A query's words are combined as in naive Bayes, and its best topic
counts if it is likely enough: a query about nothing we sell, or about many topics, has none.
A word nobody knows, misspelt or inflected, stands for the known words that are spelt most alike.
Shapes: T topics, V known words, W words asked, F letters in a row, Q queries,
N entries.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import ibis
import ibis.expr.types as ir
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_array, csr_array, diags_array, vstack
from sklearn.feature_extraction.text import TfidfVectorizer

from penchant import columns as c
from penchant.data.events import KIND_WEIGHTS
from penchant.data.sessions import GAP_MINUTES

WORD_SCHEMA = pa.schema(
    [
        pa.field(c.WORD, pa.string(), nullable=False),
        pa.field(c.TOPIC, pa.int32(), nullable=False),  # code
        pa.field(c.CHANCE, pa.float64(), nullable=False),  # that the word means the topic
    ]
)
MATCH_SCHEMA = pa.schema(
    [
        pa.field(c.QUERY, pa.string(), nullable=False),
        pa.field(c.TOPIC, pa.int32(), nullable=False),  # code
        pa.field(c.CHANCE, pa.float64(), nullable=False),  # that the query means the topic
    ]
)
Text = tuple[str, int, float]  # a text, the code of its topic, and how many of it there are
Doubles = npt.NDArray[np.float64]
Entries = tuple[list[int], list[int], list[float]]

NO_ACTS = [kind for kind, weight in KIND_WEIGHTS.items() if weight == 0]
DOUBT = 1.0  # items or searches with a word at which it is believed by half
TEXT_SEARCHES = 10.0  # searches that weigh as much as the texts of many items
LEAST_SEARCHES = 3  # of a word in no item's text; a rarer one may be a customer's secret
STRAY = 0.2  # chance that a word of a query has nothing to do with its topic
LEAST_TOPICS = 100  # a shop with fewer is taken for a part of one with so many
ENOUGH = 0.5  # chance of the best topic: it is likelier than all others together
MOST_WORDS = 20  # of a query
ALIKE = 0.5  # cosine of two words' letters
LETTERS = (2, 4)  # in a row, compared
SHARPNESS = 4  # power of the cosine: the words most alike count for most
BLOCK = 2000  # queries at a time
WORD_BLOCK = 200  # words at a time, each beside all known ones

# Chinese, Japanese and Korean put no spaces between words: read in pairs of characters.
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"[{_UNSPACED}]+|[^\W_{_UNSPACED}]+")
_UNSPACED_WORD = re.compile(f"[{_UNSPACED}]{{2,}}")


def split_words(text: str) -> list[str]:
    """Different words of a text, without case, accents, punctuation and an ending in `s`."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    bare = unicodedata.normalize("NFC", "".join(x for x in plain if not unicodedata.combining(x)))
    return list(dict.fromkeys(part for word in _WORD.findall(bare) for part in _parts(word)))


@lru_cache(maxsize=100_000)
def _parts(word: str) -> tuple[str, ...]:
    if _UNSPACED_WORD.fullmatch(word):
        return tuple(word[i : i + 2] for i in range(len(word) - 1))
    return (word[:-1],) if len(word) > 3 and word[-1] == "s" != word[-2] else (word,)


def followed_searches(events: ir.Table, items: ir.Table) -> pa.Table:
    """Count the topics of what customers turned to right after a search: query, topic, count.

    It counts if it is the customer's next act, within a session's pause, and on an item with a
    topic; what a customer was merely shown is no act. `items` has the columns item and topic. Sorts
    the events of those who search.
    """
    asked = events[c.QUERY].notnull() & events[c.ITEM].isnull()
    mine = events.semi_join(events.filter(asked).select(c.USER).distinct(), c.USER)
    mine = mine.filter(mine[c.KIND].notin(NO_ACTS))
    ahead = ibis.window(
        group_by=mine[c.USER],
        order_by=[mine[c.TIME], mine[c.KIND], mine[c.ITEM], mine[c.QUERY]],
    )
    pause = mine[c.TIME].lead().over(ahead).epoch_seconds() - mine[c.TIME].epoch_seconds()
    followed = mine.select(
        mine[c.QUERY], mine[c.ITEM].lead().over(ahead).name(c.ITEM), pause=pause, seen=mine[c.ITEM]
    )
    asked = followed[c.QUERY].notnull() & followed["seen"].isnull()
    near = followed.filter(asked & (followed["pause"] <= 60 * GAP_MINUTES))
    counted = near.inner_join(items, c.ITEM).group_by(c.QUERY, c.TOPIC)
    return counted.agg(count=lambda rows: rows.count()).order_by(c.QUERY, c.TOPIC).to_pyarrow()


def learn_words(topics: int, texts: Sequence[Text], searches: Sequence[Text] = ()) -> pa.Table:
    """Learn which topics words mean, as `WORD_SCHEMA`, sorted.

    `texts` are those of the topics' items, and `searches` are queries with the topics of what
    customers turned to next.
    """
    code: dict[str, int] = {}
    entries = [_entries(some, code) for some in (texts, searches)]
    told_VT, found_VT = (
        coo_array((count_N, (word_N, topic_N)), shape=(len(code), topics)).tocsr()
        for word_N, topic_N, count_N in entries
    )
    items_T, searches_T = _sizes(texts, topics), _sizes(searches, topics)
    items_V, searches_V = told_VT.sum(axis=1), found_VT.sum(axis=1)
    told_VT = _shares(told_VT, items_T)
    # A share of few searches is mostly luck: each topic is taken to have had an average more.
    found_VT = _shares(found_VT, searches_T + searches_T.mean())
    # Searches count as far as two of them agree, so that those followed by anything teach nothing.
    found_V = searches_V * found_VT.power(2).sum(axis=1)
    found_V[(items_V == 0) & (searches_V < LEAST_SEARCHES)] = 0
    told_V = TEXT_SEARCHES * items_V / (TEXT_SEARCHES + items_V)
    weight_VT = diags_array(told_V) @ told_VT + diags_array(found_V) @ found_VT
    chance_VT = coo_array(diags_array(1 / (told_V + found_V + DOUBT)) @ weight_VT)
    chance_VT.eliminate_zeros()
    words = pa.array(list(code), pa.string()).take(pa.array(chance_VT.row))
    table = pa.table([words, chance_VT.col, chance_VT.data], schema=WORD_SCHEMA)
    return table.sort_by([(c.WORD, "ascending"), (c.TOPIC, "ascending")])


def _sizes(texts: Iterable[Text], topics: int) -> Doubles:
    """How many texts each topic has."""
    size_T = np.zeros(topics)
    for _, topic, count in texts:
        size_T[topic] += count
    return size_T


def _shares(count_VT: csr_array, size_T: Doubles) -> csr_array:
    """Share of each topic's size that a word has, scaled to sum to 1 over the topics."""
    share_VT = count_VT @ diags_array(1 / np.maximum(size_T, 1))
    return csr_array(diags_array(1 / np.maximum(share_VT.sum(axis=1), 1e-300)) @ share_VT)


def _entries(texts: Iterable[Text], code: dict[str, int]) -> Entries:
    """Word, topic and count of each word of each text; new words are given a code."""
    word_N, topic_N, count_N = [], [], []
    for text, topic, count in texts:
        for word in split_words(text):
            word_N.append(code.setdefault(word, len(code)))
            topic_N.append(topic)
            count_N.append(count)
    return word_N, topic_N, count_N


def match_queries(queries: Sequence[str], words: pa.Table, topics: int) -> pa.Table:
    """Match different queries to topics, as `MATCH_SCHEMA`; those that match none are left out.

    Each is matched on its own: the others don't matter, nor does their order. A few seconds for
    100,000 queries and 400 topics; memory grows with the queries.
    """
    part_Q = [split_words(query)[:MOST_WORDS] for query in queries]
    asked_W = sorted({word for parts in part_Q for word in parts})
    if not len(words) or not asked_W:
        return MATCH_SCHEMA.empty_table()
    evidence_WT = _meanings(asked_W, words, topics)
    classes = max(topics, LEAST_TOPICS)
    evidence_WT.data = np.log1p(evidence_WT.data * classes * (1 - STRAY) / STRAY)
    code = {word: w for w, word in enumerate(asked_W)}
    place_N = [code[word] for parts in part_Q for word in parts]
    offset_Q = np.cumsum([0, *map(len, part_Q)])
    holds_QW = csr_array(
        (np.ones(len(place_N)), place_N, offset_Q), shape=(len(part_Q), len(asked_W))
    )
    best_Q = np.zeros(len(part_Q), dtype=np.int32)
    chance_Q = np.zeros(len(part_Q))
    for start in range(0, len(part_Q), BLOCK):
        block = slice(start, start + BLOCK)
        odds_QT = np.exp((holds_QW[block] @ evidence_WT).toarray())
        best_Q[block] = odds_QT.argmax(axis=1)
        chance_Q[block] = odds_QT.max(axis=1) / (odds_QT.sum(axis=1) + classes - topics)
    enough_Q = np.flatnonzero(chance_Q >= ENOUGH)
    text = pa.array(queries, pa.string()).take(pa.array(enough_Q))
    return pa.table([text, best_Q[enough_Q], chance_Q[enough_Q]], schema=MATCH_SCHEMA)


def _meanings(asked_W: Sequence[str], words: pa.Table, topics: int) -> csr_array:
    """Chance of each topic for each word asked; an unknown word's is that of the words like it."""
    known = words[c.WORD].combine_chunks().dictionary_encode()
    names = known.dictionary.to_pylist()
    word_N, topic_N = known.indices.to_numpy(), words[c.TOPIC].to_numpy()
    chance_VT = coo_array(
        (words[c.CHANCE].to_numpy(), (word_N, topic_N)), shape=(len(names), topics)
    ).tocsr()
    code = {word: v for v, word in enumerate(names)}
    found = [(w, code[word]) for w, word in enumerate(asked_W) if word in code]
    strange = [w for w, word in enumerate(asked_W) if word not in code]
    row, column = np.array(found, dtype=np.int64).reshape(-1, 2).T
    weight = np.ones(len(found))
    if strange:
        like = _alike([asked_W[w] for w in strange], names)
        row = np.concatenate([row, np.array(strange)[like.row]])
        column, weight = np.concatenate([column, like.col]), np.concatenate([weight, like.data])
    same_WV = coo_array((weight, (row, column)), shape=(len(asked_W), len(names)))
    return csr_array(same_WV.tocsr() @ chance_VT)


def _alike(strange_W: Sequence[str], known_V: Sequence[str]) -> coo_array:
    """Weights of the known words that stand for strange ones; they sum to the best's cosine."""
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=LETTERS, sublinear_tf=True)
    feature_FV = csr_array(letters.fit_transform(known_V).T)
    blocks = []
    for start in range(0, len(strange_W), WORD_BLOCK):
        asked = csr_array(letters.transform(strange_W[start : start + WORD_BLOCK]))
        cosine_WV = csr_array(asked @ feature_FV)
        cosine_WV.data[cosine_WV.data < ALIKE] = 0
        cosine_WV.eliminate_zeros()
        weight_WV = cosine_WV.power(SHARPNESS)
        best_W, sum_W = cosine_WV.max(axis=1).toarray(), weight_WV.sum(axis=1)
        blocks.append(diags_array(best_W / np.maximum(sum_W, 1e-300)) @ weight_WV)
    return coo_array(vstack(blocks))
