"""What searches for blind spots found, in sentences."""

import json
from collections.abc import Iterator

from bsa.engine.results import Results
from bsa.report._map import written
from bsa.report._rates import exact


def sentences(results: Results) -> Iterator[str]:
    """Of each search: the point that breaks most, and the mildest that breaks half, on images that it did not see."""
    found = results.find(kind="explore")
    for result in found:
        value = json.loads((result.folder / "explore.json").read_text(encoding="utf-8"))
        label, network = result.place["label"], result.place["network"]
        name = f"The search {label} of network {network}" if len(found) > 1 else "The search"
        if value["most"] is None:
            kept = f"{value['keep_accuracy']:g} points"
            advice = 'try more "probes", narrower "ranges" or a larger "keep_accuracy"'
            yield f"{name} found no point that keeps accuracy within {kept}: {advice}."
            continue
        original = value["original"]
        most = value["most"]
        yield (
            f"{name} found {written(most['point'], value['space'])}: on images that it did not see, accuracy is "
            f"{_share(most['unseen'], 'accuracy')} there and {_share(original, 'accuracy')} as they are, and "
            f"{_share(most['unseen'])} break there, {_share(original)} as they are."
        )
        if value["mildest"]:
            yield (
                f"The mildest point at which half of its own images broke is "
                f"{written(value['mildest']['point'], value['space'])}; of others {_share(value['mildest']['unseen'])}."
            )


def _share(found, what="success"):
    if what == "accuracy":
        return f"{100 * found['correct'] / found['images']:.1f} %"
    percent, low, high = exact(found["broken"][0]["count"], found["attacked"])
    return f"{percent:.1f} % ({low:.1f} to {high:.1f})"
