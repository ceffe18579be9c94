"""A writer that gets itself killed: each line it is told is done in a process of its own.

A line is JSON of `path`, of `source` (a file, or "compact"), of the `step` that is counted ("sync",
"rename", or "delay" in milliseconds) and of the count `at` which the process is killed. It answers
with the exit status. One parent for all of them saves most of the time that starting takes.
"""

import json
import os
import signal
import sys
import time

from penchant.data import manifest
from penchant.data.store import Store


def killed_at(real, at):
    left = [at]

    def call(*arguments):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)

    return call


def write(path, source, step, at):
    if step == "sync":
        manifest.sync = killed_at(manifest.sync, at)
    if step == "rename":
        os.replace = killed_at(os.replace, at)
    store = Store.open(path)
    if source == "compact":
        store.compact()
    else:
        store.append(source)


for line in sys.stdin:
    told = json.loads(line)
    child = os.fork()
    if not child:
        write(**told)
        os._exit(0)
    if told["step"] == "delay":
        time.sleep(told["at"] / 1000)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
    sys.stdout.flush()
