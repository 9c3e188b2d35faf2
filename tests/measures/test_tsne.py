"""Processes of t-SNE end with the one that began them."""

import subprocess
import sys

WORKER = """
import os, time
from bsa.measures._tsne import end_with
end_with(os.getppid())
print("at work", flush=True)
time.sleep(30)
print("survived", flush=True)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"


def test_a_worker_whose_parent_is_killed_ends():
    parent = subprocess.Popen([sys.executable, "-c", PARENT, WORKER], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout.readline() == "at work\n"
        parent.kill()
        assert parent.stdout.read() == ""  # its end: the worker held it open
