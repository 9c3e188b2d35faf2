"""L-inf attacks on Keras classifiers, one module each: `make(model, **params) -> attack`.

`attack(x, y, *, thresholds, seed=0, index=None, journal=None)` gives an `Attacked`: `thresholds` are radii in [0, 1]
pixels, largest first; `index` numbers the images, so that a random start does not depend on the batch; a `journal`
(`bsa.search.journal`) keeps what is done and is told how far it is. `passes(**params)` says what
an image costs at most, `variants(params)` what can be asked of the attack otherwise (`bsa.search.variants`).

`epsilon` is a parameter of every attack: the radius that a table is about, and that step sizes are stated for.

An attack searches; what it found is judged here, on the returned float32 images, by a float32 pass of the model it was
handed, so that it cannot claim what the model does not confirm. Success is that of a paper's tables: among the images
that the model classifies correctly as they are. The others are not searched.
"""

from bsa.search.ledger import Attacked as Attacked
