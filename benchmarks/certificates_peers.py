"""The worker for `convex_adversarial`, in its environment: `python -m benchmarks.certificates_peers JOB.json`."""

import itertools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from convex_adversarial import RobustBounds, robust_loss

from benchmarks._asked import Asked
from benchmarks.peers import _torch


def main(job):
    torch.set_num_threads(job["threads"])
    asked, folder = Asked(), Path(job["folder"])
    network = _torch.load(job).network.requires_grad_(True)
    split = {"certify": "test", "train": "train"}[job["work"]]
    with np.load(folder / f"{split}.npz") as file:
        x, y = torch.from_numpy(file["x"].transpose(0, 3, 1, 2).copy()), torch.from_numpy(file["y"].astype(np.int64))
    {"certify": certify, "train": train}[job["work"]](network, x, y, job, asked)


def certify(network, x, y, job, asked):
    """The bounds, and those of the first images into a file."""
    bounds, batch = RobustBounds(network, job["epsilon"], bounded_input=job["bounded"]), job["batch"]
    with torch.no_grad():
        parts = [-bounds(x[at : at + batch], y[at : at + batch]) for at in range(0, job["images"], batch)]
        np.save(Path(job["folder"]) / "convex_adversarial.npy", torch.cat(parts)[: job["images"]].numpy())
        for at in itertools.cycle(range(0, job["images"], batch)):
            bounds(x[at : at + batch], y[at : at + batch])
            asked()


def train(network, x, y, job, asked):
    """A step as in the authors' trainer: robust loss, Adam."""
    rule = torch.optim.Adam(network.parameters(), lr=1e-4)
    while True:
        for rows in torch.randperm(len(x)).split(job["batch"]):
            loss, _ = robust_loss(network, job["epsilon"], x[rows], y[rows], bounded_input=job["bounded"])
            rule.zero_grad()
            loss.backward()
            rule.step()
            asked()


if __name__ == "__main__":
    with open(sys.argv[1]) as opened:
        main(json.load(opened))
