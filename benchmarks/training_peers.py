"""The worker for the peers' adversarial training, in their environment: `python -m benchmarks.training_peers JOB.json`.

PyTorch: the same loop, eager, channels last, gradients of the attack to the images alone. ART: its
AdversarialTrainerMadryPGD as it is, whose attack works in batches of 32.
"""

import contextlib
import json
import os
import sys

import numpy as np
import torch
from torch.nn import functional

from benchmarks._turns import SIZES, Turns
from benchmarks.peers import _torch

EPOCHS = 10**6  # until the driver has enough


def main(job):
    torch.set_num_threads(os.cpu_count())
    torch.manual_seed(job["seed"])
    np.random.seed(job["seed"])
    network = _torch.load(job).network
    network = network.train().requires_grad_(True)
    with np.load(job["images"]) as file:
        x, y = file["x"].transpose(0, 3, 1, 2).copy(), file["y"].astype(np.int64)
    turns = Turns(products(job["precision"]), job["warm_up"])
    {"torch": train_torch, "art": train_art}[job["library"]](network, x, y, job, turns)


def train_torch(network, x, y, job, turns):
    """PGD training with Adam, as bsa/train/adversarial.py; bfloat16 by autocast, which keeps float32 weights."""
    train, low = job["train"], job["precision"] == "mixed_bfloat16"
    epsilon, step, last = train["epsilon"], train["step_size"], torch.channels_last
    network = network.to(memory_format=last)
    rule = torch.optim.Adam(network.parameters(), lr=train["learning_rate"], eps=1e-7)
    x, y = torch.from_numpy(x).contiguous(memory_format=last), torch.from_numpy(y)

    def loss(z, labels):
        with torch.autocast("cpu", torch.bfloat16) if low else contextlib.nullcontext():
            logits = network(z)
        return functional.cross_entropy(logits.float(), labels)

    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(train["batch_size"]):
            image, label = x[rows], y[rows]
            lowest, highest = (image - epsilon).clamp(min=0), (image + epsilon).clamp(max=1)
            z = torch.clamp(image + epsilon * (2 * torch.rand_like(image) - 1), lowest, highest)
            for _ in range(train["attack_steps"]):
                z.requires_grad_(True)
                slope = torch.autograd.grad(loss(z, label), z)[0]
                z = torch.clamp(z.detach() + step * slope.sign(), lowest, highest)
            value = loss(z, label)
            rule.zero_grad()
            value.backward()
            rule.step()
            turns()


def train_art(network, x, y, job, turns):
    """ART's own trainer; a step is its fit of the classifier on a batch of adversarial images."""
    from art.defences.trainer import AdversarialTrainerMadryPGD
    from art.estimators.classification import PyTorchClassifier

    class Classifier(PyTorchClassifier):
        def fit(self, *args, **kwargs):
            super().fit(*args, **kwargs)
            turns()

    train = job["train"]
    rule = torch.optim.Adam(network.parameters(), lr=train["learning_rate"], eps=1e-7)
    classifier = Classifier(
        network, torch.nn.CrossEntropyLoss(), x.shape[1:], 10, optimizer=rule, clip_values=(0.0, 1.0), device_type="cpu"
    )
    trainer = AdversarialTrainerMadryPGD(
        classifier, EPOCHS, train["batch_size"], train["epsilon"], train["step_size"], train["attack_steps"]
    )
    trainer.fit(x, np.eye(10, dtype=np.float32)[y])


def products(precision):
    """Functions that multiply float32 or bfloat16 matrices of the sizes to try."""
    dtype = torch.float32 if precision == "float32" else torch.bfloat16

    def product(rows, inner, columns):
        a, b = torch.randn(rows, inner).to(dtype), torch.randn(inner, columns).to(dtype)
        return lambda: (a @ b)[0, 0].item()

    return [product(*size) for size in SIZES]


if __name__ == "__main__":
    with open(sys.argv[1]) as opened:
        main(json.load(opened))
