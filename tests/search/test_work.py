"""How far an attack says that it is: passes spent of those expected, counted by hand."""

import tensorflow as tf

from bsa.search.journal import Loop
from bsa.search.work import Cost, Work, expected


def loop(item, following, at_work, done):
    """A search of len(done) images: passes of those at work, and of those that are done, 0 for others."""
    return Loop(tf.constant(item), tf.constant(following), {"passes": tf.constant(at_work)},
                {"passes": tf.constant(done)})  # fmt: skip


def test_half_of_the_images_are_expected_in_the_next_stage_and_a_batch_is_never_small():
    stages = [{"legs": Cost(10)}, {"squares": Cost(4, 0.5), "leg": Cost(3)}]
    assert expected(stages, 64) == 64 * 10 + 32 * 5
    assert expected(stages, 16) == 16 * 10 + 16 * 5  # 8 cost as much as 16
    assert expected(stages, 1) == 16 * 10 + 8 * 5  # half an image is one every other time
    assert expected(stages, 64, tries=2) == (64 + 32) * 10 + (32 + 16) * 5


def test_what_leaves_a_search_early_is_not_expected_again():
    work = Work()
    work.begin("try", [{"legs": Cost(10)}, {"return": Cost(5)}], lambda going: 0)
    at = work.at("legs")
    n = 32
    assert at.path == "try/legs"
    done, total = at.seen(loop(list(range(n)), n, [0] * n, [0] * n))
    assert (done, total) == (0, n * 10 + 16 * 5)
    early = [2 if i < 16 else 0 for i in range(n)]  # half of them fell in two passes
    item = [-1 if i < 16 else i for i in range(n)]
    done, total = at.seen(loop(item, n, [2] * n, early))
    assert done == n * 2
    assert total == n * 2 + 16 * 8 + 16 * 5  # 8 are expected to go on, which cost as much as 16
    done, total = at.seen(loop([-1] * n, n, [10] * n, [2 if i < 16 else 10 for i in range(n)]))
    assert done == 16 * 2 + 16 * 10
    at.end()
    assert work.spent == done


def test_the_share_never_falls():
    work = Work()
    work.spent = 50.0
    assert work.share(0, 50) == (50, 100)
    done, total = work.share(10, 540)
    assert (done, total) == (60, 120)
