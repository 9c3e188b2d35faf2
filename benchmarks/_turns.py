"""A training loop that works in turns with others, each beside plain matrix products. Standard library alone.

On a machine that others use, speeds drift from minute to minute. So every loop (a worker process) trains a few steps
at a time, with matrix products of its library before and after; the driver gives the turns. One line of JSON answers
each line on standard input, and the end of the input ends the worker.
"""

import json
import os
import subprocess
import sys
import time

SIZES = ((2048, 2048, 2048), (4096, 1024, 1024), (1024, 4096, 4096))  # rows, inner, columns: the fastest is taken
SECONDS_OF_PRODUCTS = 0.4  # before and again after the steps of a turn


class Turns:
    """The worker's side. Call it after every training step; it answers the driver whenever a turn is over."""

    def __init__(self, products, warm_up):
        """`products` are functions of no arguments, one for each of SIZES, that return when the product is there."""
        self.answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
        self.left, self.warm, self.products, self.product = warm_up, True, products, None

    def __call__(self, *_, **__):
        self.left -= 1
        if self.left:
            return
        if self.warm:
            self.warm, self.product = False, max(zip(self.products, SIZES, strict=True), key=lambda p: max(_rates(*p)))
            self._answer({"product": self.product[1]})
        else:
            seconds = time.perf_counter() - self.began
            self._answer({"seconds": seconds, "products": [*self.before, *_rates(*self.product)]})
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # from within a library's loop, without what it prints at the end
        self.left = json.loads(line)["steps"]
        self.before = _rates(*self.product)
        self.began = time.perf_counter()

    def _answer(self, record):
        print(json.dumps(record), file=self.answers, flush=True)


def _rates(product, size):
    """The floating-point operations a second of each product within a while."""
    operations, found = 2 * size[0] * size[1] * size[2], []
    product()
    end = time.perf_counter() + SECONDS_OF_PRODUCTS
    while not found or time.perf_counter() < end:
        began = time.perf_counter()
        product()
        found.append(operations / (time.perf_counter() - began))
    return found


class Worker:
    """The driver's side: a process of `command`, whose standard error goes to the file `log`."""

    def __init__(self, command, log):
        self.log = log
        with open(log, "w") as errors:
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=errors, text=True)
        self.ready = self._read()

    def turn(self, steps):
        """Train `steps` steps: {"seconds": of them, "products": operations a second of each product around them}."""
        self.process.stdin.write(json.dumps({"steps": steps}) + "\n")
        self.process.stdin.flush()
        return self._read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"expected a line of JSON from the worker, but it ended: {self.log.read_text()[-600:]}")
        return json.loads(line)


def publish(name, text, report, out):
    """Print a report as text and JSON; where `out` is a folder, also write NAME.md and NAME.json there."""
    print(text + "\n" + json.dumps(report, indent=1))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.md").write_text(text)
        (out / f"{name}.json").write_text(json.dumps(report, indent=1))
