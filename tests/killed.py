"""`python -P tests/killed.py KIND AT WORDS...`: `bsa WORDS`, killed by SIGKILL once a stage of that kind reports AT.

Training saves at every step; with AT 0 nothing is killed.
"""

import os
import signal
import sys

from bsa import cli
from bsa.engine import display
from bsa.train import _checkpoint

kind, at = sys.argv.pop(1), int(sys.argv.pop(1))
_checkpoint.SECONDS_BETWEEN = 0.0
began = display.Display.began


def kill_in_time(self, stage):
    report = began(self, stage)

    def progressed(done, total, **metrics):
        report(done, total, **metrics)
        if stage.kind == kind and 0 < at <= done:
            os.kill(os.getpid(), signal.SIGKILL)

    return progressed


display.Display.began = kill_in_time
cli.main()
