"""Memory of a ground of many generated customers: prints GiB of what it holds, and maps.

    python -m bench.groundmemory FOLDER CUSTOMERS

FOLDER is a workspace with a release. The first run makes the customers' store beside it; the second
measures, in a process that did nothing else.
"""

import ctypes
import gc
import random
import shutil
import sys
import time
from datetime import timedelta
from pathlib import Path

from bench.servedshop import DAYS, FIRST, generated
from penchant.releases import best_release
from penchant.serving.commit import Row, microseconds
from penchant.serving.ground import lay_ground
from penchant.serving.live import Bedrock, Live
from penchant.serving.plain import plain_lists
from penchant.workspace import Workspace

EACH, FRESH, GIB = 10, 0.1, 1 << 30


def resident() -> float:
    """GiB of memory that is the process's own, not mapped from a file."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found["RssAnon"].split()[0]) / (1 << 20)


def settled() -> float:
    """The same, once what isn't needed any more is given back."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    return resident()


def beside(folder: Path, users: int) -> Workspace:
    """A workspace with the same release and many more customers."""
    target = folder.parent / "many"
    if not target.exists():
        shutil.copytree(folder, target)
        shutil.rmtree(target / ".penchant" / "store")
        shutil.rmtree(target / ".penchant" / "serving", ignore_errors=True)
        store = Workspace.open(target / "penchant.toml").store(create=True)
        events, catalog = generated(users, 20_000, EACH, seed=1)
        store.append(events, now=FIRST + timedelta(days=DAYS))
        store.replace_catalog(catalog)
    return Workspace.open(target / "penchant.toml")


def laid(workspace: Workspace) -> Live:
    """Live state on a ground, without lists, which are mapped as well."""
    loaded, _ = best_release(workspace)
    ground = lay_ground(workspace, loaded, lambda what: None)
    live = Live()
    live.stand_on(Bedrock(ground, None, plain_lists(ground.past, {}, 20), {}, 0))
    return live


def told(live: Live, users: int) -> None:
    """Give a share of the customers a fresh event."""
    chance, when = random.Random(2), microseconds(FIRST)
    for number in range(int(users * FRESH)):
        user, item = f"u{chance.randrange(users):07d}", f"i{chance.randrange(20_000):06d}"
        row = Row(user, item, when, "purchase", 9.5, None, None, None, None, f"fresh-{number}")
        live.learn([row], number + 1)


def main() -> None:
    """Measure, and tell in GiB per million customers."""
    folder, users = Path(sys.argv[1]), int(sys.argv[2])
    if not (folder.parent / "many").exists():
        beside(folder, users)
        return
    workspace = beside(folder, users)
    before, start = resident(), time.perf_counter()
    live = laid(workspace)
    after, seconds = settled(), time.perf_counter() - start
    told(live, users)
    end = settled()
    size = sum(path.stat().st_size for path in (workspace.folder / "serving").rglob("*.npy")) / GIB
    scale = 1_000_000 / users
    print(
        f"ground={(after - before) * scale:.3f} fresh={(end - after) * scale:.3f} "
        f"mapped={size * scale:.3f} seconds={seconds:.0f}"
    )


if __name__ == "__main__":
    main()
