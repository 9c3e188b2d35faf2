"""Three runs at once into one store and one folder of results."""

RUNS = 3


def at_once(bench, tally, count, seed=0):
    """`count` runs, three at a time; some rounds begin with an empty store, others with half of one."""
    for turn in range(count // RUNS):
        titles = list(bench.stages)
        folder = bench.fresh(titles[turn % 4 :: 4])
        jobs = []
        for number in range(RUNS):
            job = bench.job(folder)
            job |= {"folder": str(folder / f"run_{number}")}
            job["watch"] |= {"log": str(folder / f"run_{number}" / "moments")}
            jobs.append(job)
        for ended in bench.server.run(*jobs):
            if ended.traceback:
                tally.fell(f"turn {turn}", f"a traceback, {ended.says}")
            elif ended.code:
                tally.fell(f"turn {turn}", f"exit code {ended.code}, {ended.says}")
            elif wrong := bench.differs(folder) + bench.lacks(folder):
                tally.fell(f"turn {turn}", f"not equal: {wrong[:3]}")
            else:
                tally.survived("equal")
