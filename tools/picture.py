"""The picture of README: a digit that withstands the attack as it is, and falls with less contrast.

python -m tools.picture --store STORE     # of a finished run of specs/quickstart.json
"""

from pathlib import Path

import click
import matplotlib
import numpy as np

from bsa import spec
from bsa.engine.results import Results
from bsa.engine.run import describe
from bsa.engine.store import Store

ROOT = Path(__file__).parent.parent
CELL = (0.8, 0.1)
INK = "#808080"  # is read on white and on black
FACTOR = 4  # by which the change is shown stronger, around grey


def chosen(results: Results, label: str) -> dict[str, np.ndarray]:
    """The arrays, of one image each, of the first image that falls in the cell at epsilon, and not as it is."""
    found = {tuple(result.place["cell"].given): result for result in results.find(kind="attack", label=label)}
    as_it_is, moved = found[1, 0].arrays("attack.npz"), found[CELL].arrays("attack.npz")
    epsilon = max(found[1, 0].place["thresholds"])
    safe = set(as_it_is["index"][as_it_is["distance"] > epsilon].tolist())
    originals = dict(zip(as_it_is["index"].tolist(), as_it_is["x"], strict=True))
    for at, number in enumerate(moved["index"].tolist()):
        if number in safe and moved["distance"][at] <= epsilon:
            return {name: moved[name][at] for name in ("x", "y", "adversarial", "predicted")} | {
                "original": originals[number]
            }
    raise click.ClickException("expected an image that falls in the cell alone, found none")


def draw(one: dict[str, np.ndarray], names: tuple[str, ...]) -> "matplotlib.figure.Figure":
    """Four panels: the image as it is, with less contrast, the change, and what is then taken for another class."""
    from matplotlib.figure import Figure

    change = 0.5 + FACTOR * (one["adversarial"].astype(float) - one["x"])
    own, other = (names[int(one[key])] if names else str(int(one[key])) for key in ("y", "predicted"))
    panels = [
        (one["original"], f"as it is: seen as {own},\nalso under attack"),
        (one["x"], f"less contrast:\nseen as {own}"),
        (change, f"the attack's change,\n{FACTOR} times as strong"),
        (one["adversarial"], f"less contrast, attacked:\nseen as {other}"),
    ]
    figure = Figure(figsize=(8, 2.55), layout="constrained")
    for axes, (image, title) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(np.squeeze(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, color=INK, fontsize=11)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_color(INK)
    return figure


@click.command()
@click.option("--store", type=click.Path(path_type=Path), help="By default the user's.")
@click.option("--out", type=click.Path(path_type=Path), default=ROOT / "docs" / "images" / "blind_spot.png")
def main(store, out):
    """Draw the picture of README."""
    experiment = spec.load(ROOT / "specs" / "quickstart.json")
    described = describe(experiment)
    results = Results(experiment, Store(store), described)
    figure = draw(chosen(results, "corner_descent"), tuple(described.get("class_names", ())))
    figure.savefig(out, dpi=110, transparent=True)
    click.echo(out)


if __name__ == "__main__":
    main()
