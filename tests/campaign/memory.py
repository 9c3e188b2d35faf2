"""Memory over many attacks that are built, used once and let go."""

import gc
import os

from campaign.tally import Tally

NAMES = ("pgd", "corner_descent", "apgd", "fmn", "square")
PARAMETERS = {
    "pgd": {"steps": 1},
    "corner_descent": {"effort": "quick", "leg": {"steps": 1, "targets": 0}},
    "apgd": {"steps": 2},
    "fmn": {"steps": 1},
    "square": {"queries": 2},
}
UNIT = 1 << 20


def resident():
    """Bytes of this process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def variables():
    """How many elements the live variables of TensorFlow have."""
    import tensorflow as tf

    gc.collect()
    kind = type(tf.Variable(0.0))
    return sum(int(v.shape.num_elements() or 0) for v in gc.get_objects() if issubclass(type(v), kind))


def attacks_built(count, network="madry_mnist"):
    """Build and use `count` attacks on one network: what stays is to be less than a tenth of a network for each.

    The first of each kind are not counted: graphs and kernels that are kept once and for all.
    """
    import numpy as np

    import bsa

    tally = Tally("memory")
    model = bsa.build(network, input_shape=(28, 28, 1), num_classes=10, seed=1)
    x = np.full((1, 28, 28, 1), 0.5, np.float32)
    y = np.asarray(model(x)).argmax(-1)
    size = model.count_params()

    def build(number):
        name = NAMES[number % len(NAMES)]
        bsa.attack(name, model, epsilon=0.1, batch_size=1, **PARAMETERS[name])(x, y)

    for number in range(2 * len(NAMES)):
        build(number)
    held, taken = variables(), resident()
    for number in range(count):
        build(number)
    more, grown = variables() - held, resident() - taken
    what = f"{network}, of {size * 4 / UNIT:.1f} MB: {grown / UNIT:.0f} MB more, variables of {more} numbers"
    for _ in range(count):
        if more > size or grown > count * size * 4 / 4:
            tally.fell(what, "kept")
        else:
            tally.survived("let go")
    return tally.row() | {"what": what}
