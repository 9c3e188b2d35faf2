"""Settings of the environment that affect computation: Keras's backend and settings, the choice of kernels.

No Keras and no TensorFlow here: another backend may not even be importable.
"""

import json
import os
import sys
from pathlib import Path

from bsa.errors import UsageError
from bsa.rewrites import timing

CHOICES = {  # what Keras takes from keras.json, and what it stops at otherwise, as it is imported
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}


def check():
    """Raise UsageError unless Keras computes on TensorFlow, or will once it is imported, and all settings are sound.

    Call it before whatever imports Keras.
    """
    try:
        timing.setting()
    except ValueError as error:
        raise UsageError(str(error)) from None
    keras = sys.modules.get("keras")
    if hasattr(keras, "config"):  # imported whole: its backend is settled
        _tensorflow(keras.config.backend(), "the keras that is imported")
        return
    file = _home() / "keras.json"
    settings = _settings(file)
    named = os.environ.get("KERAS_BACKEND")
    _tensorflow(named or settings.get("backend", "tensorflow"), "KERAS_BACKEND" if named else file)


def _tensorflow(found, where):
    if found != "tensorflow":
        raise UsageError(
            f'expected Keras\'s backend "tensorflow", the only one that bsa computes with, found "{found}" in {where}: '
            "set KERAS_BACKEND=tensorflow"
        )


def _home():
    """The folder of Keras's settings, as Keras finds it."""
    base = Path("~").expanduser()
    base = base if os.access(base, os.W_OK) else Path("/tmp")
    return Path(os.environ.get("KERAS_HOME", base / ".keras")).expanduser()


def _settings(file):
    """What keras.json says; {} where there is none or it is no JSON, which Keras passes over."""
    try:
        settings = json.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}. Keras needs it: repair or delete it") from None
    if not isinstance(settings, dict):
        raise UsageError(f"{file}: expected a JSON object, found {settings!r:.40}. Repair or delete it")
    for name, choices in CHOICES.items():
        if settings.get(name, choices[0]) not in choices:
            raise UsageError(f"{file}: expected {name} to be one of {', '.join(choices)}, found {settings[name]!r:.40}")
    if not isinstance(settings.get("epsilon", 1e-7), float):
        raise UsageError(f"{file}: expected epsilon to be a number like 1e-07, found {settings['epsilon']!r:.40}")
    return settings
