"""MovieLens: `ratings.csv` since 20M, `ratings.dat` of 1M and 10M, `u.data` of 100K, and movies.

A rating stands for a purchase: somebody chose the film; stars aren't read. Times are those of
rating, not of watching. A film's path is its first genre, of which 100K and 1M keep the order of
the alphabet.
Source: https://grouplens.org/datasets/movielens/
"""

from penchant.data.sources.format import Dialect, Format
from penchant.data.sql import identifier, literal

NUMBER = r"\d+"
STARS = r"[0-5](\.\d)?"
GENRES = (
    *("unknown", "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime"),
    *("Documentary", "Drama", "Fantasy", "Film-Noir", "Horror", "Musical", "Mystery", "Romance"),
    *("Sci-Fi", "Thriller", "War", "Western"),
)
SELECT = """
SELECT row, "userId" AS "user", "movieId" AS item, "timestamp" AS time, 'purchase' AS kind
FROM raw
"""
MOVIES_SELECT = """
SELECT row, "movieId" AS item, title,
    nullif(nullif(split_part(genres, '|', 1), '(no genres listed)'), '') AS path
FROM raw
"""
FIRST_GENRE = " ".join(f"WHEN {identifier(genre)} = '1' THEN {literal(genre)}" for genre in GENRES)

RATINGS = ("userId", "movieId", "rating", "timestamp")
RATINGS_SHAPE = {"userId": NUMBER, "movieId": NUMBER, "rating": STARS, "timestamp": r"\d{8,10}"}

EVENTS = Format(
    name="movielens",
    title="MovieLens ratings (20M and later)",
    marks=frozenset(name.lower() for name in RATINGS),
    select=SELECT,
)
EVENTS_1M = Format(
    name="movielens-1m",
    title="MovieLens ratings (1M and 10M)",
    dialect=Dialect(names=RATINGS, delimiter="::", quoted=False, shape=RATINGS_SHAPE),
    select=SELECT,
)
EVENTS_100K = Format(
    name="movielens-100k",
    title="MovieLens ratings (100K)",
    files=("u.data*",),
    dialect=Dialect(names=RATINGS, delimiter="\t", quoted=False, shape=RATINGS_SHAPE),
    select=SELECT,
)
CATALOG = Format(
    name="movielens",
    title="MovieLens movies (20M and later)",
    table="catalog",
    marks=frozenset({"movieid", "title", "genres"}),
    select=MOVIES_SELECT,
)
CATALOG_1M = Format(
    name="movielens-1m",
    title="MovieLens movies (1M and 10M)",
    table="catalog",
    dialect=Dialect(
        names=("movieId", "title", "genres"),
        delimiter="::",
        quoted=False,
        shape={"movieId": NUMBER, "genres": r"[A-Z(].*"},
    ),
    select=MOVIES_SELECT,
)
CATALOG_100K = Format(
    name="movielens-100k",
    title="MovieLens movies (100K)",
    table="catalog",
    files=("u.item*",),
    dialect=Dialect(
        names=("movieId", "title", "released", "video_released", "url", *GENRES),
        delimiter="|",
        quoted=False,
        shape={"movieId": NUMBER} | dict.fromkeys(GENRES, "[01]"),
    ),
    select=f"""
SELECT row, "movieId" AS item, title, CASE {FIRST_GENRE} END AS path FROM raw
""",
)
