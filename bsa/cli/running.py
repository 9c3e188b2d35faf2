"""What `bsa run`, `show` and `evaluate` share: a resolved spec is computed, rendered and held against limits."""

import functools
import sys

import click

from bsa import evaluation, foreign
from bsa.cli.telling import OPTIONS, telling
from bsa.cli.terminal import again
from bsa.devices import cluster
from bsa.errors import UsageError
from bsa.execution import Execution
from bsa.spec import load as load_spec

tell = functools.partial(click.echo, err=True)


def spec_of(path, overrides, seed, weights_dir, strict=False, tell=None):
    """The resolved spec in a file, its foreign weights by their content."""
    return checked(load_spec(path, told(overrides, seed)), weights_dir, strict, tell)


def meant(text, weights_dir):
    """The resolved spec that a user means, and the keys of its results where these stand in a folder, else None.

    `text` is a results folder, the name of one in results/, a spec's file, or the name of a spec that ships with bsa.
    """
    from bsa.report import finished

    if run := finished(text):
        return run.spec, run.keys
    return spec_of(text, (), None, weights_dir), None


def checked(spec, weights_dir, strict=False, tell=None):
    """A resolved spec, its foreign weights by their content; UsageError where `strict` and nothing is checked."""
    unchecked = [each.name for each in spec.experiments if not each.sanity]
    if strict and unchecked:
        found = f'"sanity": false in {", ".join(unchecked)}, so that none is made'
        raise UsageError(f"--strict: expected sanity checks, found {found}")
    return foreign.pinned(spec, weights_dir, tell)


def told(overrides, seed):
    """What --set and --seed say, as overrides."""
    return [*overrides, *([] if seed is None else [f"seed={seed}"])]


def limits(spec, over, under):
    """The limits that --fail-over and --fail-under state."""
    return [
        evaluation.limit(text, spec, over=wrong) for wrong, texts in ((True, over), (False, under)) for text in texts
    ]


def run(
    spec,
    overrides,
    *,
    data_dir,
    weights_dir,
    root,
    out,
    overwrite,
    strict,
    strategy,
    devices,
    executor,
    batch_size,
    jit_compile,
    fail_over,
    fail_under,
    **how,
):
    """Compute what the store lacks of a resolved spec, then render its results; exits as `render` does."""
    from bsa.engine import run as runner
    from bsa.engine.store import Store
    from bsa.report import Folder

    told = {name: how.pop(name) for name in OPTIONS}
    ray = {name: value for name, value in how.items() if value is not None}
    if ray and not executor:
        given = ", ".join("--" + name.replace("_", "-") for name in ray)
        raise UsageError(f"expected --executor ray with {given}, found no executor")
    held = limits(spec, fail_over, fail_under)
    store = Store(root)
    number, workers = cluster.place(strategy or spec.strategy)
    folder = Folder(out, spec, data_dir, overwrite)
    folder.check()
    places = {"data_dir": data_dir, "weights_dir": weights_dir, "execution": Execution(batch_size, jit_compile)}
    with telling(**told, several=bool(executor)) as tell:
        if executor:
            _on_ray(spec, store, places, tell.seen, strategy or spec.strategy, devices, **ray)
        else:
            runner.run(spec, store, **places, strategy=strategy, devices=devices, seen=tell.seen)
        if number:
            tell.say(f"worker {number} of {workers} has trained what there was; worker 0 goes on to the results")
            return
        tell.seen.close()
        render(spec, store, data_dir, folder, overrides, strict, held, tell=tell)


def _on_ray(spec, store, places, seen, strategy, devices, **size):
    from bsa.engine import ray

    for what, found in {"strategy": strategy, "--devices": devices}.items():
        if found is not None:
            raise UsageError(f"--executor ray: expected no {what}, as each stage is computed alone, found {found}")
    ray.execute(spec, store, **places, seen=seen, **size)


def render(spec, store, data_dir, folder, overrides, strict, held=(), *, tell, command=None, anew=True):
    """Write and show the results, and last what they come to. Exits with 4 or 5 where they are not good.

    `tell` is a `Telling`; `command` computes them again, by default this one; what is there already is written only if
    `anew`.
    """
    from bsa import report
    from bsa.engine.results import gather
    from bsa.engine.run import describe

    results = gather(spec, store, lambda experiment: describe(experiment, data_dir))
    if not anew and folder.holds(results):
        shown = list(report.shown(results, folder.out))
    else:  # all is written, even where nobody reads on
        command = command or again(click.get_current_context())
        shown = list(folder.render(results, report.render, overrides, command))
    beyond = evaluation.passed(held, results)
    code = 4 if strict and results.failed else 5 if beyond else 0
    found = {"rates": rated(results), "failed_checks": results.failed, "beyond": beyond, "exit_code": code}
    tell.results(shown, report.sentences(results), folder.out, found)
    for said in beyond:
        click.echo(f"bsa: {said}", err=True)
    if code == 4:
        click.echo(f"bsa: --strict: sanity checks failed: {results.failed}", err=True)
    if code:
        sys.exit(code)


def rated(results):
    """All rates of results as JSON, those of a collection with their experiment."""
    from bsa.engine.rates import rates

    several = len(results.experiments) > 1
    return [
        ({"experiment": each.spec.name} if several else {})
        | {"network": rate.network, "cell": str(rate.cell), "metric": rate.metric, "label": rate.label}
        | {"threshold": rate.threshold, "count": rate.count, "images": rate.images}
        | ({"percent": rate.percent, "interval": list(rate.interval)} if rate.images else {})
        for each in results.experiments
        for rate in rates(each)
    ]
