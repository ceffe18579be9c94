"""What a shop holds of events that were acknowledged: prints how many are lost, and held twice."""

import json
import sys
from collections import Counter
from pathlib import Path

from penchant import columns as c
from penchant.serving.ledger import Ledger
from penchant.workspace import Workspace


def held(folder: Path) -> Counter[str]:
    """How often each event id is in the store or the journal."""
    workspace = Workspace.open(folder / "penchant.toml")
    store = workspace.store()
    names = store.logged().select(c.EVENT).to_pyarrow()[c.EVENT].to_pylist()
    ledger = Ledger(workspace.folder / "serving", store.path, "UTC")
    try:
        names += [row.event for _, rows in ledger.fresh() for row in rows]
    finally:
        ledger.journal.close()
    return Counter(names)


if __name__ == "__main__":
    found = held(Path(sys.argv[1]))
    acknowledged = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    lost = sum(name not in found for name in acknowledged)
    print(
        f"acknowledged={len(acknowledged)} lost={lost} twice={sum(n > 1 for n in found.values())}"
    )
