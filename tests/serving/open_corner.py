"""Serves corner shops as a process; the words: port, host, then folders, named as their shops."""

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace

from cornershop import CornerShop

from penchant.console import refusing
from penchant.errors import DataError
from penchant.serving.server import Place, serve


class SlowShop(CornerShop):
    async def interests(self, user):
        sys.stdout.write("asked\n")
        sys.stdout.flush()
        await asyncio.sleep(1)
        return await super().interests(user)

    async def close(self):
        sys.stdout.write(f"closed {self.name}\n")


def open_shop(workspace):
    if workspace.settings.name == "broken":
        raise DataError("The store is damaged. Restore it.")
    return SlowShop(workspace.settings.name)


port, host, *paths = sys.argv[1:]
workspaces = [
    SimpleNamespace(settings=SimpleNamespace(name=path.name), folder=path)
    for path in map(Path, paths)
]
with refusing(False):
    serve(workspaces, open_shop, Place(host=host, port=int(port)))
