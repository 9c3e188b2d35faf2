"""t-SNE (van der Maaten and Hinton 2008), scikit-learn's Barnes-Hut."""

import numpy as np


def embed(features, *, components, perplexity, seed):
    """Features (n, m) in `components` dimensions: (n, components) float32.

    It begins at random points drawn by `seed`, not at principal components, from which every seed would end at almost
    the same place. `perplexity` is lowered to (n - 1) / 3 for few points. Equal inputs on the same machine with as many
    threads give equal bits; another number of threads sums in another order, and is another seed, so to speak.
    """
    from sklearn.manifold import TSNE

    perplexity = min(perplexity, (len(features) - 1) / 3)
    method = TSNE(components, perplexity=perplexity, init="random", learning_rate="auto", random_state=seed)
    return method.fit_transform(np.asarray(features, np.float32))
