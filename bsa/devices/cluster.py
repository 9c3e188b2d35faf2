"""The processes that train together, as the environment variable TF_CONFIG names them. No TensorFlow."""

import json
import os

from bsa.errors import UsageError

STRATEGIES = ("mirrored", "multi_worker")
EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'


def place(strategy):
    """This process's number and how many there are: (0, 1) but for the strategy multi_worker. Raises UsageError."""
    if strategy != "multi_worker":
        return 0, 1
    found = os.environ.get("TF_CONFIG", "")
    try:
        config = json.loads(found)
        (kind,), workers = config["cluster"], config["cluster"]["worker"]
        index = config["task"]["index"]
        if (config["task"]["type"], kind) == ("worker", "worker") and index in range(len(workers)):
            return index, len(workers)
    except (KeyError, TypeError, ValueError):
        pass
    raise UsageError(
        f"multi_worker: expected the environment variable TF_CONFIG to be such as {EXAMPLE}, with another index in "
        f"each process, found {found or 'none'}"
    )
