"""The result in a few sentences for someone who has not read the paper: the first thing on a page."""

from collections.abc import Iterator

from bsa.checks import TOO_FEW
from bsa.engine.rates import ACCURACY, CERTIFIED_ERROR, SUCCESS, Rate, rates
from bsa.engine.results import Collected, Results
from bsa.report import _control, _searched

HIGH = 50  # percent of the images as they are that break: beyond it there is little left for a cell to add
SHORT = 4  # signs of a number that reads better than a fraction of 255


def sentences(results: Results | Collected) -> list[str]:
    """The verdict as lines: those of a collection with the name of the experiment before them."""
    if isinstance(results, Collected):
        return [f"{each.spec.name}: {said}" for each in results.experiments for said in sentences(each)]
    return [said for said, _ in verdict(results)]


def verdict(results: Results) -> list[tuple[str, bool]]:
    """Accuracy, success as the images are and in the worst cell, what is certified, and whether to trust it.

    Pairs (sentence, whether it is a warning).
    """
    found = rates(results)
    several = len(results.spec.networks) > 1
    said = [
        f"Network {network}: {sentence}" if several else sentence
        for network in results.spec.networks
        for sentence in _of_network([rate for rate in found if rate.network == network], results)
    ]
    said += _searched.sentences(results)
    return [*((sentence, False) for sentence in said), *trust(results)]


def radius(value: float) -> str:
    """A radius in [0, 1] pixels for people: 0.1, or 8/255 where that is what was meant."""
    grey = round(255 * value)
    return f"{grey}/255" if abs(255 * value - grey) < 1e-6 and len(f"{value:g}") > SHORT else f"{value:g}"


def _of_network(found, results) -> Iterator[str]:
    accuracy = {rate.cell: rate for rate in found if rate.metric == ACCURACY}
    success = _strongest(found)
    plain = next((cell for cell in accuracy if _original(cell)), None)
    if plain is not None:
        yield f"Accuracy is {_share(accuracy[plain])} of {accuracy[plain].images} images."
    original = next((rate for cell, rate in success.items() if _original(cell)), None)
    if original:
        yield (
            f"Changes of at most {radius(original.threshold)} a pixel turn {_share(original)} of {original.images} "
            f"correctly classified images into another class ({original.label})."
        )
    moved = [rate for cell, rate in success.items() if not _original(cell)]
    if moved:
        worst = max(moved, key=lambda rate: rate.percent)
        yield _worst(worst, original, accuracy)
        if _more(worst, original):  # otherwise there is nothing that a larger ball could explain
            for control in results.find(kind="control", network=worst.network, cell=worst.cell, label=worst.label):
                yield _control.sentence(control)
    for rate in found:
        if rate.metric == CERTIFIED_ERROR and _original(rate.cell) and rate.threshold == _largest(found, rate):
            kept = rate._replace(count=rate.images - rate.count)
            yield (
                f"For {_share(kept)} of {rate.images} images it is proven that no change of at most "
                f"{radius(rate.threshold)} a pixel does so ({rate.label})."
            )


def _worst(worst, original, accuracy):
    at = f", where accuracy is {accuracy[worst.cell].percent:.1f} %" if worst.cell in accuracy else ""
    said = f"The worst cell tried is {worst.cell}{at}: {_share(worst)} break there ({worst.label})"
    if _more(worst, original):
        return f"{said}."
    said = f"{said}, not clearly more than of the images as they are: no blind spot was found."
    if original.percent > HIGH:
        return f"{said} Most images break already as they are; a smaller epsilon may tell the cells apart."
    return said


def _more(worst, original) -> bool:
    """Whether clearly more images break in a cell than as they are: the intervals are apart."""
    return not original or worst.interval[0] > original.interval[1]


def _strongest(found) -> dict:
    """The success at the largest threshold of the attack that breaks most, by cell."""
    best: dict = {}
    for rate in found:
        if rate.metric == SUCCESS and rate.threshold == _largest(found, rate):
            best[rate.cell] = max(best.get(rate.cell, rate), rate, key=lambda each: each.percent)
    return best


def _largest(found, rate) -> float:
    """The largest threshold of an attack or a certificate in a cell."""
    return max(each.threshold for each in found if each[1:4] == rate[1:4])


def _original(cell) -> bool:
    """Whether a cell holds the images as they are."""
    return cell.original


def _share(rate: Rate) -> str:
    low, high = rate.interval
    return f"{rate.percent:.1f} % [{low:.1f}-{high:.1f}]"


def trust(results: Results) -> Iterator[tuple[str, bool]]:
    """Whether the attack was a sound one: what the checks found, and of each that failed what to do; as `verdict`."""
    if not results.spec.attacks:
        return
    if not results.sanity:
        yield "The attack was not checked: nothing here says whether it was strong enough.", True
        return
    every = [(result.place, check) for result, checks in results.sanity for check in checks]
    judged = sum(check["passed"] is not None for _, check in every)
    failed = [(place, check) for place, check in every if check["passed"] is False]
    few = sum(check["message"].startswith(TOO_FEW) for _, check in every)
    if failed:
        yield f"Do not trust these rates yet: {len(failed)} of {judged} checks of the evaluation failed.", True
        for place, check in failed:
            where = f", cell {place['cells'][check['cell']]}" if check["cell"] is not None else ""
            yield f"{place['label']}{where}: {check['check']}: {check['message'].rstrip('.')}.", True
    elif few or not judged:
        why = f"{few} checks had too few images; attack more of them" if few else "none of the checks could be made"
        yield f"Whether the attack can be trusted is open: {why}.", True
    else:
        found = "Success is what it found; a stronger attack may find more."
        yield f"The attack can be trusted: all {judged} checks of the evaluation passed. {found}", False
