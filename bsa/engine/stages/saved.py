"""Networks as artefact folders hold them."""

import json

import keras

from bsa import catalog, signatures
from bsa.errors import StoreError, WeightsError, one_line

WHOLE = "network.json"  # of a network in a file of its own: how the copy beside it is opened


def load_network(folder):
    """The network in an artefact folder; StoreError where it is none that Keras opens safely."""
    if (folder / WHOLE).is_file():
        saved = json.loads((folder / WHOLE).read_text(encoding="utf-8"))
        return catalog.find("models", saved["name"]).build(file=folder / saved["file"], **saved["params"])
    file, advice = folder / "network.keras", f"Delete the folder {folder} and run again."
    try:
        signatures.check(file, "a Keras archive", ("keras",))
        model = keras.saving.load_model(file, compile=False, safe_mode=True)
    except WeightsError as error:
        raise StoreError(f"{error}. {advice}") from None
    except MemoryError:
        raise
    except Exception as error:  # of any kind, by what the file holds
        what = f"{type(error).__name__}: {one_line(error)}"
        raise StoreError(f"{file}: expected a network that Keras opens safely, found {what}. {advice}") from None
    if not isinstance(model, keras.Model):
        raise StoreError(f"{file}: expected a network, found {type(model).__name__}. {advice}")
    return model
