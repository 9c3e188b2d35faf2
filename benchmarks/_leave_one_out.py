"""Settings of an attack for networks that they were not chosen on: for each network, the best on all the others.

Results are `{network: {cell: {"n", "thresholds", "entries": {entry: {"found", "passes"}}}}}`: of n images, how many an
entry breaks at each threshold, and the mean passes of an image.
"""

from benchmarks._entries import AUTOATTACKS

CANDIDATE = "candidate_"
QUICK = 60  # passes that an image may take by "quick"
SHARE = 10  # "standard" may take one in so many of the passes of the best AutoAttack


def best_autoattack(cell):
    """The name of the AutoAttack that finds the most, summed over thresholds; None where none has run."""
    ran = [name for name in AUTOATTACKS if name in cell["entries"]]
    return max(
        ran, key=lambda name: (sum(cell["entries"][name]["found"]), -cell["entries"][name]["passes"]), default=None
    )


def limit(level, cell):
    """The passes that an image may take in a cell by an effort."""
    if level == "quick":
        return QUICK
    if level == "standard":
        return cell["entries"][best_autoattack(cell)]["passes"] / SHARE
    return float("inf")


LEVELS = ("quick", "standard", "thorough")


def whole(results, names):
    """The results of the networks that have those of every candidate and of an AutoAttack in each of their cells."""
    wanted = {CANDIDATE + name for name in names}
    return {
        network: there
        for network, there in results.items()
        if there and all(best_autoattack(c) and wanted <= set(c["entries"]) for c in there.values())
    }


def missed(level, cell, entry):
    """How often an entry misses what is asked of an effort in a cell: its passes and, of "standard", each threshold."""
    over = entry["passes"] > limit(level, cell)
    if level != "standard":
        return int(over)
    best = cell["entries"][best_autoattack(cell)]["found"]
    return over + sum(own < other for own, other in zip(entry["found"], best, strict=True))


def chosen(results, level, names, without):
    """The candidate for the network `without`, by the cells of all the others.

    Of those that miss the least of what is asked of the level, the one that finds the most images, in percent, summed
    over cells and thresholds; of equals the one with the fewest passes. None where there is no other network.
    """
    cells = [cell for network, there in results.items() if network != without for cell in there.values()]

    def cost(name):
        entries = [(cell, cell["entries"][name]) for cell in cells]
        misses = sum(missed(level, cell, entry) for cell, entry in entries)
        found = sum(100 * sum(entry["found"]) / cell["n"] for cell, entry in entries)
        return misses, -round(found, 6), sum(entry["passes"] for _, entry in entries)

    return min((CANDIDATE + name for name in names), key=cost) if cells and names else None


def choices(results, names):
    """For each whole network and level the candidate that was chosen without it: {network: {level: entry}}."""
    sound = whole(results, names)
    return {network: {level: chosen(sound, level, names, network) for level in LEVELS} for network in sound}
