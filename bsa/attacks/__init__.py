"""L-inf attacks on Keras classifiers, one module each: `make(model, *, epsilon, ...) -> attack`.

`attack(x, y, seed=0, index=None, thresholds=...)` gives an `Attacked`; `index` numbers the images, so that a random
start does not depend on the batch, and `thresholds` are those of `make` unless a call names others. An attack
searches; what it found is judged here, on the returned float32 images, by a float32 pass of the model it was handed,
so that it cannot claim what the model does not confirm. Success is that of a paper's tables: among the images that the
model classifies correctly as they are. The others are not searched.
"""

from bsa.search.ledger import Attacked as Attacked
