"""What a benchmark says while it works: on standard error, since its table goes to the other."""

import sys
import time


def tell(what: str) -> None:
    """Say what is being done, and when."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
