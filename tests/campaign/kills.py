"""Kills: at random moments of every kind of stage, and at every file primitive of a run; then it is run again."""

import random

from campaign.moments import RENDERING

SIGNALS = ("KILL", "KILL", "KILL", "KILL", "TERM", "INT")
IN_A_ROW = 3  # kills of a run before it may end
ENDED = {"KILL": -9, "TERM": -15, "PROF": -27}


def at_random(bench, tally, count, seed=0):
    """`count` kills, each in one of the stages or in the rendering, in turn."""
    rng, lengths = random.Random(seed), _lengths(bench.ended.moments)
    titles = [*bench.stages, RENDERING]
    done = turn = 0
    while done < count:
        title = titles[turn % len(titles)]
        turn += 1
        folder, kills = bench.fresh(() if title == RENDERING else [title]), []
        for _ in range(min(IN_A_ROW, count - done)):
            what = {"stage": title, "number": rng.randint(1, lengths[title]), "signal": rng.choice(SIGNALS)}
            # some strike in the midst of what is computed
            what["cpu"] = rng.uniform(0.01, 0.2) if what["signal"] == "KILL" and rng.random() < 0.4 else 0
            (ended,) = bench.server.run(bench.job(folder, at=what))
            if ended.code == 0:  # it had less to do than at first
                break
            kills.append(f"{what['signal']} in {title}, {ended.at or what['number']}")
            if trouble := _wrong(ended):
                kills.append(trouble)
                break
        done += _settled(bench, tally, folder, kills) if kills else 0


def _wrong(ended):
    """What a killed run may not do, or None."""
    if ended.traceback:
        return f"a traceback, {ended.says}"
    if ended.code not in (-9, -15, -27, 1, 130, 143):
        return f"exit code {ended.code}, {ended.says}"
    return None


def _settled(bench, tally, folder, kills):
    """Run to the end after `kills`, and compare; gives how many tries that were."""
    (ended,) = bench.server.run(bench.job(folder))
    wrong = bench.differs(folder) if ended.code == 0 else [f"exit code {ended.code}, {ended.says}"]
    wrong += bench.lacks(folder) if ended.code == 0 else []
    trouble = [each for each in kills if each.startswith(("a traceback", "exit code"))]
    kills = [each for each in kills if each not in trouble]
    for kill in kills:
        if wrong or trouble:
            tally.fell(kill, "; ".join([*trouble, *wrong[:2]]))
        else:
            tally.survived("equal")
    return len(kills)


def _lengths(moments):
    """How many moments each stage has."""
    lengths = {}
    for label in moments:
        stage = label.rsplit(": ", 1)[0]
        lengths[stage] = lengths.get(stage, 0) + 1
    return lengths


def at_every_primitive(bench, tally, count):
    """A run that is killed at one primitive, goes on to the next, and so on to its end; `count` of them at most."""
    _one_by_one(bench, tally, "kill", count)


def at_every_write(bench, tally, count):
    """The same with a disk that is full from there on: exit code 1 and a sentence; with room again it goes on."""
    _one_by_one(bench, tally, "full", count)


def _one_by_one(bench, tally, what, count):
    labels = list(dict.fromkeys(label for label in bench.ended.moments if ": progress " not in label))
    chosen = {labels[at * len(labels) // count] for at in range(count)}  # all, where there are no more
    folder, skip, last = bench.fresh(None), [label for label in labels if label not in chosen], "nothing"
    while True:
        fault = {"skip": skip, "do": what} if tally.tried < count else {}
        (ended,) = bench.server.run(bench.job(folder, **fault))
        if ended.at is not None:
            skip.append(last := ended.at)
            _noted(bench, tally, what, folder, ended)
            continue
        wrong = bench.differs(folder) + bench.lacks(folder)
        if ended.code == 0 and not wrong:
            return
        tally.lost.append(f"{last}: afterwards {wrong[:2] if ended.code == 0 else ended.says}")
        if ended.code == 0:
            return
        folder = bench.fresh(None)  # what happened before has spoiled it


def _noted(bench, tally, what, folder, ended):
    """What came of one."""
    differs = bench.differs(folder)
    if differs:
        tally.fell(ended.at, f"wrong: {differs[:2]}")
    elif what == "kill" and ended.code != -9:
        tally.fell(ended.at, f"exit code {ended.code}, {ended.says}")
    elif what == "full" and ended.traceback:
        tally.fell(ended.at, f"a traceback, {ended.says}")
    elif what == "full" and ended.code not in (0, 1, 2):  # 2: where the folder for results cannot be made
        tally.fell(ended.at, f"exit code {ended.code}, {ended.says}")
    elif what == "full" and ended.code and sum(line.startswith("bsa: ") for line in ended.err.splitlines()) != 1:
        tally.fell(ended.at, f"no sentence, {ended.says}")
    else:
        tally.survived("equal" if what == "kill" else "one sentence, then equal")


def with_small_files(bench, tally, sizes):
    """Runs in which no file may grow beyond a size, which C++ meets, too; then one without a bound."""
    for size in sizes:
        folder = bench.fresh(None)
        (ended,) = bench.server.run(bench.job(folder) | {"limits": {"FSIZE": size}})
        what = f"files of at most {size} bytes"
        if ended.traceback or ended.code not in (0, 1):
            tally.fell(what, f"exit code {ended.code}, {ended.says}")
            continue
        (again,) = bench.server.run(bench.job(folder))
        wrong = bench.differs(folder) + bench.lacks(folder)
        if again.code or wrong:
            tally.fell(what, f"not equal: {wrong[:2]} {again.says}")
        else:
            tally.survived("one sentence, then equal")
