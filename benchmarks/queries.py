"""Queries matched to topics, beside plain ways to do it; and what customers' next steps teach.

    python benchmarks/queries.py    the whole benchmark; writes benchmarks/results

Complete Journey has no searches, so the names of its product types stand in for them. Some
categories are kept back: their types are about nothing the shop sells. So are some types of the
others, which must be told from what is left.
"""

import shlex
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer

from bench.machine import ROOT, setting
from bench.rows import MEAN, Row, write_rows
from bench.tables import table
from penchant import columns as c
from penchant.data.journey import complete_journey
from penchant.errors import DataError
from penchant.evaluation.ledger import ALL
from penchant.interest.queries import Text, learn_words, match_queries
from penchant.interest.topics import NAME_ITEMS

RESULTS = ROOT / "benchmarks" / "results"
SHOP = "complete_journey"
NOWHERE = -1
KEPT_BACK = 0.15  # of the categories
TYPES_KEPT_BACK = 0.25  # of the types of the others
SEARCHES = 20_000  # planted, to learn slang from
SLANG = 3  # words of a category that none of its names holds
FOLLOWED, RIGHT = 0.6, 0.7  # searches followed by an item, and those of the category meant
SPEED = 100_000  # queries
TFIDF_ENOUGH = 0.15  # cosine; of 0.15, 0.2, 0.25, 0.3 and 0.4 the best for it
CAVEATS = """\
Names of product types are tidier than what people type, and many stand in several categories,
where no answer is right for all. `overlap` answers whenever a word is shared, `tfidf` from a
cosine of 0.15 on, the best for it of five tried here; penchant's 0.5 was chosen of three on these
and on other products' names. `penchant_texts` knows the texts alone, `penchant` also what customers
turned to after searches: half of them slang, half names of known types, as people repeat each
other. The slang is made up: three words for each category; who searches for one goes on to a
product of that category in 42 of 100 cases, to one of any category in 18, and to nothing in 40.
Seconds are for 100,000 different queries, half of them misspelt.
"""

Ints = npt.NDArray[np.int64]
Asked = Sequence[tuple[str, int]]  # queries, with the place of the category each is about
Matcher = Callable[[Sequence[str]], Ints]  # places, or NOWHERE


@dataclass(frozen=True)
class Shelves:
    """Categories with their texts, and queries about them."""

    names: list[str]
    texts: list[Text]
    asked: dict[str, Asked]


def shelves(rng: np.random.Generator) -> Shelves:
    """Keep back categories and types of Complete Journey, and ask for all of them."""
    paths = [path for path in complete_journey().catalog[c.PATH].to_pylist() if len(path) == 3]
    types = sorted(Counter((category, kind) for _, category, kind in paths).items())
    categories = sorted({category for (category, _), _ in types})
    gone = set(rng.choice(categories, int(KEPT_BACK * len(categories)), replace=False).tolist())
    names = [name for name in categories if name not in gone]
    code = {name: place for place, name in enumerate(names)}
    texts: list[Text] = [(name, place, NAME_ITEMS) for name, place in code.items()]
    known, unseen, nowhere = [], [], []
    for (category, kind), items in types:
        if category in gone:
            nowhere.append((kind, NOWHERE))
        elif rng.random() < TYPES_KEPT_BACK:
            unseen.append((kind, code[category]))
        else:
            known.append((kind, code[category]))
            texts.append((f"{category} {kind}", code[category], float(items)))
    wrong = [(misspelt(kind, rng), place) for kind, place in [*known, *nowhere]]
    return Shelves(
        names,
        texts,
        {"known": [*known, *nowhere], "misspelt": wrong, "unseen": [*unseen, *nowhere]},
    )


def misspelt(text: str, rng: np.random.Generator) -> str:
    """Leave out, double or swap a letter of the longest word."""
    word = max(text.split(), key=len)
    at = int(rng.integers(1, max(2, len(word) - 1)))
    before, here, after = word[:at], word[at : at + 2], word[at + 2 :]
    spelt = (here[1:], here[:1] + here, here[::-1])[rng.integers(3)]
    return text.replace(word, before + spelt + after)


def ours(shop: Shelves, searches: Sequence[Text] = ()) -> Matcher:
    """The matcher of penchant."""
    words, topics = learn_words(len(shop.names), shop.texts, searches), len(shop.names)

    def match(queries: Sequence[str]) -> Ints:
        different = list(dict.fromkeys(queries))
        found = match_queries(different, words, topics)
        place = dict(zip(found[c.QUERY].to_pylist(), found[c.TOPIC].to_pylist(), strict=True))
        return np.array([place.get(query, NOWHERE) for query in queries])

    return match


def overlap(shop: Shelves, queries: Sequence[str]) -> Ints:
    """The category that shares most words with a query; the one with fewer words wins a tie."""
    held = [set[str]() for _ in shop.names]
    for text, place, _ in shop.texts:
        held[place] |= set(text.lower().split())
    best = []
    for query in queries:
        asked = set(query.lower().split())
        score = [(len(asked & words), -len(words)) for words in held]
        place = max(range(len(held)), key=score.__getitem__)
        best.append(place if score[place][0] else NOWHERE)
    return np.array(best)


def tfidf(shop: Shelves, queries: Sequence[str]) -> Ints:
    """The category whose texts' words and letters, weighted by TF-IDF, are most like a query's."""
    texts = [""] * len(shop.names)
    for text, place, _ in shop.texts:
        texts[place] += f" {text}"
    score = np.zeros((len(queries), len(texts)))
    for settings in ({}, {"analyzer": "char_wb", "ngram_range": (3, 5)}):
        weigh = TfidfVectorizer(sublinear_tf=True, **settings)
        known = weigh.fit_transform(texts)
        score += (weigh.transform(queries) @ known.T).toarray() / 2
    return np.where(score.max(axis=1) >= TFIDF_ENOUGH, score.argmax(axis=1), NOWHERE)


def slang(shop: Shelves, count: int, rng: np.random.Generator) -> list[tuple[str, int]]:
    """Searches whose one word no name holds, beside the category that is meant."""
    place_Q = rng.integers(len(shop.names), size=count)
    word_Q = rng.integers(SLANG, size=count)
    letters = [chr(ord("a") + place % 26) * 2 for place in range(len(shop.names))]
    return [
        (f"q{letters[p]}{p}v{w}", int(p))
        for p, w in zip(place_Q.tolist(), word_Q.tolist(), strict=True)
    ]


def followed(shop: Shelves, asked: Asked, rng: np.random.Generator) -> list[Text]:
    """What customers turned to after some of the searches."""
    turned = Counter(
        (query, place if rng.random() < RIGHT else int(rng.integers(len(shop.names))))
        for query, place in asked
        if rng.random() < FOLLOWED
    )
    return [(query, place, float(count)) for (query, place), count in turned.items()]


def scored(name: str, model: str, match: Matcher, asked: Asked) -> list[Row]:
    """Precision of the answers, and recall of the queries that are about something."""
    true = np.array([place for _, place in asked])
    found = match([query for query, _ in asked])
    right = ((found == true) & (true != NOWHERE)).sum()
    values = {
        "precision": right / max(1, (found != NOWHERE).sum()),
        "recall": right / (true != NOWHERE).sum(),
        "f1": 2 * right / max(1, (found != NOWHERE).sum() + (true != NOWHERE).sum()),
    }
    return [Row(f"{SHOP} {name}", MEAN, ALL, model, key, float(v)) for key, v in values.items()]


def run() -> list[Row]:
    """Every number."""
    rng = np.random.default_rng(7)
    shop = shelves(rng)
    asked = shop.asked | {"slang": slang(shop, 2000, rng)}
    lessons = [*slang(shop, SEARCHES // 2, rng), *(shop.asked["known"] * 20)[: SEARCHES // 2]]
    searches = followed(shop, [pair for pair in lessons if pair[1] != NOWHERE], rng)
    matchers: dict[str, Matcher] = {
        "overlap": partial(overlap, shop),
        "tfidf": partial(tfidf, shop),
        "penchant_texts": ours(shop),
        "penchant": ours(shop, searches),
    }
    rows = [
        row
        for name, queries in asked.items()
        for model, match in matchers.items()
        for row in scored(name, model, match, queries)
    ]
    many = [f"{query} {n}" for n in range(SPEED) for query in [asked["known"][n % 2000][0]]]
    many[::2] = [misspelt(query, rng) for query in many[::2]]
    start = time.perf_counter()
    matchers["penchant"](many)
    spent = time.perf_counter() - start
    return [*rows, Row(f"{SHOP} speed", MEAN, ALL, "penchant", "seconds", spent)]


def page(about: Sequence[str], rows: Sequence[Row]) -> str:
    """All rows as tables."""
    parts = ["# Queries matched to topics", "\n".join(f"* {line}" for line in about)]
    for name in dict.fromkeys(row.dataset for row in rows):
        mine = [row for row in rows if row.dataset == name]
        metrics = list(dict.fromkeys(row.metric for row in mine))
        found = {(row.model, row.metric): f"{row.value:.3f}" for row in mine}
        body = [
            [model, *(found[model, metric] for metric in metrics)]
            for model in dict.fromkeys(row.model for row in mine)
        ]
        parts.append(
            f"## {name.removeprefix(SHOP).strip()}\n\n{table(['matcher', *metrics], body)}"
        )
    return "\n\n".join([*parts, f"## Caveats\n\n{CAVEATS}"])


def main() -> int:
    """Run, print and write; 2 if the data aren't there."""
    about = setting(shlex.join(["python", "benchmarks/queries.py", *sys.argv[1:]]))
    try:
        rows = run()
    except DataError as error:
        print(error, file=sys.stderr)
        return 2
    text = page(about, rows)
    print(text)
    write_rows(rows, RESULTS / "queries.json")
    (RESULTS / "queries.md").write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
