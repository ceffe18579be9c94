"""Make the example shop's files: orders.csv and products.csv, as a web shop would export them.

The customers are those of a planted world, so nobody's data are in here: python make.py
"""

import csv
from pathlib import Path

import penchant
from penchant import columns as c
from penchant.data.worlds import Shop

HERE = Path(__file__).parent
CATEGORIES = {
    "Tea": ("Green tea", "Black tea", "Herbal tea", "Chai"),
    "Coffee": ("Espresso", "Filter coffee", "Decaf"),
    "Pantry": ("Chocolate", "Biscuits", "Honey"),
    "Kitchen": ("Mugs", "Teapots"),
}
SHOP = Shop(users=140, topics=12, steps=60, items_per_topic=6, purchases=0.85, seed=7)
SPOILED = {  # by line: what real exports hold now and then
    500: {"customer": ""},  # a guest
    2500: {"customer": ""},
    4000: {"day": "31/02/2021"},
}


def main() -> None:
    """Write both files beside this script; the same bytes every time."""
    log = penchant.WORLDS["mixed"](SHOP).log
    path = [(branch, leaf) for branch, leaves in CATEGORIES.items() for leaf in leaves]
    topics = list(dict.fromkeys(row[c.PATH][-1] for row in log.catalog.to_pylist()))
    place = dict(zip(topics, path, strict=True))
    _write(
        "products.csv",
        [
            {
                "sku": row[c.ITEM],
                "department": place[row[c.PATH][-1]][0],
                "category": place[row[c.PATH][-1]][1],
                "price": row[c.PRICE],
            }
            for row in log.catalog.to_pylist()
        ],
    )
    _write(
        "orders.csv",
        [
            {
                "line": line,
                "customer": row[c.USER].replace("u", "C"),
                "day": row[c.TIME].strftime("%d/%m/%Y"),
                "sku": row[c.ITEM],
                "amount": row[c.VALUE],
            }
            | SPOILED.get(line, {})
            for line, row in enumerate(log.events.to_pylist(), start=1)
        ],
    )


def _write(name: str, rows: list[dict[str, object]]) -> None:
    with (HERE / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
