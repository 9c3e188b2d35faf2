"""A network stage: built and trained, or built and given foreign weights."""

import numpy as np

from bsa import components, foreign, store, train
from bsa.stages._loaded import dataset


def compute(stage, needs, part, desk):
    """Build and train a network: `network.keras` and `history.npz`; with foreign weights the first alone."""
    if stage.origin:
        return imported(stage, part, desk)
    model = build(stage)
    data = dataset(stage.params["data"]["name"], "train", desk.data_dir)
    trained = stage.component
    history = train.run(
        trained["name"],
        model,
        data,
        seed=stage.params["seed"],
        folder=part,
        progress=desk.progress,
        **trained["params"],
    )
    store.write(part / "history.npz", lambda file: np.savez_compressed(file, **history))
    model.save(part / "network.keras")
    return {k: float(v[-100:].mean()) for k, v in history.items()} | {"steps": len(history["loss"])}


def imported(stage, part, desk):
    """Build a network and put foreign weights into it: `network.keras`."""
    model, sha256 = build(stage), stage.params["sha256"]
    file = foreign.locate(stage.origin, sha256, desk.weights_dir)
    components.find("weights", stage.component["name"]).load(model, file, **stage.component["params"])
    model.save(part / "network.keras")
    return {"parameters": model.count_params(), "sha256": sha256, "origin": stage.origin}


def build(stage):
    """The untrained network of a network stage; one whose weights are foreign needs no seed."""
    model, data, seed = stage.params["model"], stage.params["data"], stage.params.get("seed", 0)
    return components.find("models", model["name"]).build(
        input_shape=data["input_shape"], num_classes=data["num_classes"], seed=seed, **model["params"]
    )
