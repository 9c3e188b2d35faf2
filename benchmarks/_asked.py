"""The worker's side of turns without matrix products: batch after batch, as the driver asks. Standard library alone."""

import json
import os
import sys
import time


class Asked:
    """Call it after every batch; it answers the driver when a turn is over, and ends with the driver's input."""

    def __init__(self, warm_up=2):
        self.answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
        self.left, self.began = warm_up, time.perf_counter()

    def __call__(self, *_, **__):
        self.left -= 1
        if self.left:
            return
        print(json.dumps({"seconds": time.perf_counter() - self.began}), file=self.answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # from within a library's loop, without what it prints at the end
        self.left, self.began = json.loads(line)["steps"], time.perf_counter()
