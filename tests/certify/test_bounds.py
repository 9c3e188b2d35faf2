"""The bounds against the paper's formula with whole matrices, linear programs, closed forms and float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import linprog

from bsa.certify import _bounds, _chain, _lines

EXACT = _bounds.Options(rounding=False)


def margins(model, x, y, epsilon, bounded=False, crown=False, options=EXACT, dtype=tf.float32):
    blocks, radius = _chain.chain(model, dtype), tf.fill(len(x), tf.constant(epsilon, dtype))
    return _bounds.margins(
        blocks, tf.constant(x, dtype), tf.constant(y), radius, bounded=bounded, crown=crown, options=options
    ).numpy()


@pytest.mark.parametrize("crown", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("epsilon", [0.003, 0.05, 0.4])
def test_every_kind_of_chain_against_whole_matrices(chain_model, batch, matrices, epsilon, bounded, crown):
    x, y = batch(chain_model)
    whole = matrices(chain_model)
    expected = np.stack([whole.margins(a, b, epsilon, bounded, crown) for a, b in zip(x, y, strict=True)])
    found = margins(chain_model, x, y, epsilon, bounded, crown, dtype=tf.float64)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * scale)  # sums of some hundred in float64
    single = margins(chain_model, x, y, epsilon, bounded, crown)
    np.testing.assert_allclose(single, expected, atol=1e-5 * scale)  # float32


@pytest.mark.parametrize("crown", [False, True])
def test_a_linear_network_is_certified_exactly(batch, crown):
    """Its least margin in the ball is margin - epsilon * L1 norm of the difference of two columns."""
    import keras

    model = keras.Sequential([keras.Input((3, 4, 1)), keras.layers.Flatten(), keras.layers.Dense(4)])
    x, y = batch(model)
    weights, bias = (w.astype(np.float64) for w in model.get_weights())
    difference = weights.T[y][:, None] - weights.T[None]
    logits = x.reshape(len(x), -1) @ weights + bias
    expected = logits[np.arange(len(y)), y][:, None] - logits - 0.1 * np.abs(difference).sum(-1)
    np.testing.assert_allclose(margins(model, x, y, 0.1, crown=crown), expected, atol=1e-6)  # float32, values near 1


def program(whole, x, y, other, epsilon, triangle):
    """The least margin of one image over the relaxed network, by a linear program in (inputs, z, v, z, v, ...).

    z = v m + b; v between the two lines d z and d z + s, or with `triangle` above 0 and z instead of d z.
    """
    centre, r, ends = whole.relaxed(x, epsilon, True)
    sizes = [len(centre)] + [len(low) for low, _ in ends for _ in range(2)]
    at = np.cumsum([0, *sizes])
    count, equal, values, below, limits = at[-1], [], [], [], []
    box = [(c - w, c + w) for c, w in zip(centre, r, strict=True)]
    for layer, ((low, high), (m, b)) in enumerate(zip(ends, whole.parts, strict=False)):
        v, z, out = (slice(at[i], at[i + 1]) for i in ((2 * layer if layer else 0), 2 * layer + 1, 2 * layer + 2))
        one = np.eye(len(low))
        crossing = (low < 0) & (high > 0)
        d = np.where(crossing, high / np.where(crossing, high - low, 1), low >= 0)
        s = np.where(crossing, -d * low, 0)
        rows = np.zeros((len(low), count))
        rows[:, z], rows[:, v] = one, -m.T
        equal.append(rows)
        values.append(b)
        upper, lower, zero = np.zeros((3, len(low), count))
        upper[:, out], upper[:, z] = one, -np.diag(d)
        lower[:, z], lower[:, out] = np.diag(np.where(crossing, 1, d) if triangle else d), -one
        below += [upper, lower]
        limits += [s, 0 * s]
        if triangle:
            zero[:, out] = -one
            below.append(zero)
            limits.append(0 * s)
        box += [(None, None)] * (2 * len(low))
    m, b = whole.parts[-1]
    cost = np.zeros(count)
    cost[at[-2] :] = m[:, y] - m[:, other]
    solved = linprog(
        cost, np.concatenate(below), np.concatenate(limits), np.concatenate(equal), np.concatenate(values), box
    )
    assert solved.success
    return solved.fun + b[y] - b[other]


@pytest.mark.parametrize("epsilon", [0.03, 0.15])
def test_parallel_bounds_are_the_optima_of_their_linear_programs(dense_model, batch, matrices, epsilon):
    """And never above those of the triangle, the tightest relaxation of each ReLU by itself."""
    x, y = batch(dense_model, n=3)
    whole = matrices(dense_model)
    found = margins(dense_model, x, y, epsilon, True, dtype=tf.float64)
    for i, other in others(y):
        expected = program(whole, x[i], y[i], other, epsilon, triangle=False)
        assert found[i, other] == pytest.approx(expected, abs=1e-6)  # the solver allows constraints 1e-7 each
        assert found[i, other] <= program(whole, x[i], y[i], other, epsilon, triangle=True) + 1e-6


def test_crown_is_between_parallel_slopes_and_the_triangle(shallow_model, batch, matrices):
    """With one hidden layer, whose inputs have the same bounds for all three."""
    x, y = batch(shallow_model, n=3)
    whole, better = matrices(shallow_model), 0
    parallel, crown = (margins(shallow_model, x, y, 0.15, True, crown, dtype=tf.float64) for crown in (False, True))
    for i, other in others(y):
        best = program(whole, x[i], y[i], other, 0.15, triangle=True)
        assert parallel[i, other] <= crown[i, other] <= best + 1e-6  # the solver allows constraints 1e-7 each
        better += crown[i, other] > parallel[i, other]
    assert better > 0


def others(y, classes=4):
    return [(i, other) for i in range(len(y)) for other in range(classes) if other != y[i]]


@pytest.mark.parametrize("crown", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_no_point_of_the_ball_is_below_the_bounds(chain_model, batch, bounded, crown):
    """At random points, corners, and points that signed gradients lead to."""
    x, y = batch(chain_model, n=3)
    rng = np.random.default_rng(1)
    for epsilon in (0.02, 0.2):
        bounds = margins(chain_model, x, y, epsilon, bounded, crown, _bounds.Options())
        for i in range(len(x)):
            steps = rng.uniform(-1, 1, (300, *x.shape[1:]))
            steps[100:] = np.sign(steps[100:])
            z = descended(chain_model, x[i] + epsilon * steps, x[i], y[i], epsilon)
            z = (z.clip(0, 1) if bounded else z).astype(np.float32)
            logits = chain_model(z).numpy()
            assert (logits[:, [y[i]]] - logits >= bounds[i] - 1e-6).all()  # z is rounded to float32


def descended(model, z, x, y, epsilon):
    """Some points as they are, others led to smaller margins of one class or another, in the ball."""
    others = np.arange(len(z)) % 4
    for _ in range(5):
        z = tf.constant(z, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(z)
            logits = model(z)
            margin = logits[:, y] - tf.gather(logits, others, batch_dims=1)
        slope = np.sign(tape.gradient(margin, z))
        slope[::5] = 0
        z = np.clip(z - epsilon / 2 * slope, x - epsilon, x + epsilon)
    return z


def test_an_image_does_not_depend_on_its_batch(chain_model, batch):
    x, y = batch(chain_model)
    options = _bounds.Options(projections=5)
    for given in (EXACT, options):
        whole = margins(chain_model, x, y, 0.1, crown=True, options=given)
        alone = np.concatenate(
            [margins(chain_model, x[[i]], y[[i]], 0.1, crown=True, options=given) for i in range(len(x))]
        )
        np.testing.assert_allclose(alone, whole, atol=1e-5 * np.abs(whole).max())  # sums in another order


def test_the_lines_of_an_elu_enclose_it_in_every_interval():
    """In float32, its allowance included: wide and narrow intervals, and such as lie far below 0."""
    rng = np.random.default_rng(2)
    centre = np.concatenate([rng.normal(0, s, 2000) for s in (0.1, 1, 10, 60)]).astype(np.float32)
    width = (np.abs(centre) * 10 ** rng.uniform(-6, 1, len(centre))).astype(np.float32)
    low, high = centre - width, centre + width
    d, h, p, e, f = (np.asarray(v, np.float64) for v in _lines.around("elu", tf.constant(centre), low, high, True))
    for share in np.linspace(0, 1, 41):
        z = low + share * (high.astype(np.float64) - low)
        value, parallel = np.where(z > 0, z, np.expm1(np.minimum(z, 0))), p + d * (z - centre)
        # p and the products are of this size, and rounded; the block below allows for that
        slack = 4 * np.finfo(np.float32).eps * (np.abs(centre) + width)
        assert (value <= parallel + h + slack).all()
        assert (value >= parallel - h - slack).all()
        assert (value >= parallel - h + f + e * (z - centre) - slack).all()


def test_chunks_change_nothing(chain_model, batch, monkeypatch):
    x, y = batch(chain_model)
    whole = margins(chain_model, x, y, 0.1, crown=True)
    monkeypatch.setattr(_bounds, "CHUNK", 500)
    np.testing.assert_allclose(margins(chain_model, x, y, 0.1, crown=True), whole, atol=1e-5 * np.abs(whole).max())


def test_float32_with_its_allowance_is_below_float64(trained, digits):
    """On a real network and real images; the allowance costs little."""
    x, y = digits.x[:20], digits.y[:20]
    for epsilon in (0.005, 0.03, 0.1):
        for crown in (False, True):
            exact = margins(trained, x, y, epsilon, crown=crown, dtype=tf.float64)
            found = margins(trained, x, y, epsilon, crown=crown, options=_bounds.Options())
            assert (found <= exact).all()
            assert (exact - found).max() < 1e-3 * np.abs(exact).max()


def test_the_allowance_stands_for_offsets_and_what_cancels(chain_model, batch):
    """Black images under a Rescaling that subtracts, and a bias that a later layer takes away again."""
    import keras

    shape, rng = chain_model.input_shape[1:], np.random.default_rng(5)
    x, y = np.zeros((200, 3, 4, 1), np.float32), np.tile(np.arange(10, dtype=np.int32), 20)
    first, last, bias = keras.layers.Rescaling(2, -1), keras.layers.Dense(10), keras.layers.Dense(40)
    folded = keras.Sequential(
        [
            keras.Input((3, 4, 1)),
            keras.layers.Flatten(),
            bias,
            keras.layers.Rescaling(1, -1e5),
            keras.layers.ReLU(),
            last,
        ]
    )
    kernel = rng.normal(size=(40, 10))
    last.set_weights([kernel - kernel.mean(0), np.zeros(10)])
    bias.set_weights([rng.normal(size=(12, 40)), 1e5 + rng.uniform(0, 1, 40)])
    cancels = keras.Sequential([keras.Input((3, 4, 1)), first, keras.layers.Flatten(), keras.layers.Dense(10)])
    kernel = rng.normal(size=(12, 10))
    cancels.layers[-1].set_weights([kernel - kernel.mean(0), np.zeros(10)])
    for model, images, labels in (
        (cancels, x, y),
        (folded, rng.uniform(0, 1, x.shape).astype(np.float32), y),
        (chain_model, np.zeros((6, *shape), np.float32), batch(chain_model)[1]),
    ):
        exact = margins(model, images, labels, 1e-9, dtype=tf.float64)
        logits, rows = model(images).numpy(), np.arange(len(labels))
        computed = logits[rows, labels][:, None] - logits
        found = margins(model, images, labels, 1e-9, options=_bounds.Options())
        assert (found <= exact).all()
        assert (found <= computed).all()


def test_projections_estimate_what_is_exact(same_model, batch):
    """Medians of k absolute Cauchy projections scatter by pi / (2 sqrt(k)) of the norm: 3.5 % at k = 2,000."""
    x, y = batch(same_model)
    blocks, r = _chain.chain(same_model), tf.fill(x.shape, 0.1)
    exact, found = (_bounds.relax(blocks, tf.constant(x), r, o)[1] for o in (EXACT, EXACT._replace(projections=2000)))
    crossing = (exact.low < 0) & (exact.high > 0)  # of the others an upper bound is enough, and is all there is
    ratio = ((found.high - found.low) / (exact.high - exact.low)).numpy()[crossing]
    assert len(ratio) > 50
    assert np.abs(ratio - 1).max() < 0.2  # 5.7 standard deviations
    assert abs(np.median(ratio) - 1) < 0.05
    again, other = (
        margins(same_model, x, y, 0.1, options=EXACT._replace(projections=9, seed=s)) for s in ((0, 0), (1, 0))
    )
    np.testing.assert_array_equal(again, margins(same_model, x, y, 0.1, options=EXACT._replace(projections=9)))
    assert (again != other).any()
