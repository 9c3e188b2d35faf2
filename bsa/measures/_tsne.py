"""t-SNE (van der Maaten and Hinton 2008), scikit-learn's Barnes-Hut: several at once, each on one thread."""

import functools
import os
import threading
import time

import joblib
import numpy as np
import threadpoolctl

FEW = 5000  # points in all, below which starting processes takes longer than it saves
LARGE = 40  # a power of 2, whose square and sums of it float32 holds, and that of its inverse


def embed(features, *, components, perplexity, seed):
    """Features (n, m) in `components` dimensions: (n, components) float32.

    It starts from random points drawn by `seed`, not from principal components, from which every seed would end at
    almost the same place. t-SNE has no scale: features whose squares do not fit into float32 are scaled to 1.
    `perplexity` is lowered to (n - 1) / 3 for few points. It runs on one thread, so that equal inputs give equal bits
    on any number of processors: sums in another order act like another seed.
    """
    from sklearn.manifold import TSNE

    features = np.asarray(features, np.float32)
    exponent = np.frexp(np.abs(features).max())[1]
    if abs(exponent) > LARGE:
        features = np.ldexp(features, -exponent)
    perplexity = min(perplexity, (len(features) - 1) / 3)
    method = TSNE(components, perplexity=perplexity, init="random", learning_rate="auto", random_state=seed)
    with threadpoolctl.threadpool_limits(1):
        return method.fit_transform(features)


def several(tasks, points):
    """`embed(features, **settings)` for each of `tasks`, in their order, yielded as they are done.

    In as many processes as this one has processors, if `points`, in all, are worth it; `tasks` may be a generator. The
    processes end with this one, however it ends. Features are sent through pipes: files in /dev/shm would outlive a
    kill.
    """
    jobs = joblib.cpu_count() if points > FEW else 1
    work = joblib.Parallel(n_jobs=jobs, return_as="generator", max_nbytes=None)
    one = functools.partial(_embed, os.getpid())
    return work(joblib.delayed(one)(features, **settings) for features, settings in tasks)


def _embed(parent, features, **settings):
    if os.getpid() != parent:
        end_with(parent)
    return embed(features, **settings)


@functools.cache
def end_with(parent):
    """End this process, a child of that number, within a second of its parent, which may be killed at any moment."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
