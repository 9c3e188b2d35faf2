"""Custom layers: what plug-ins register with Keras, so that networks in files can be opened.

A package offers modules by entry points in the group `bsa.layers`; a folder of plug-ins has them as `layers/*.py`. They
are imported before a network is opened, and register their classes by `keras.saving.register_keras_serializable`.
Nothing here imports TensorFlow.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
from pathlib import Path

from bsa import catalog, files
from bsa.errors import UsageError, one_line

GROUP = "bsa.layers"


def identity() -> list[list[str]]:
    """What of these modules belongs into the keys of networks in files: name and version, or name and sha256, each."""
    packages = [[point.value, str(point.dist.version) if point.dist else "?"] for point in _installed()]
    return sorted([*packages, *([file.stem, files.sha256(file)] for file in _in_folders())])


def register() -> None:
    """Import all of these modules, each once. UsageError where one cannot be imported."""
    for point in _installed():
        _imported(point.value, lambda name=point.value: importlib.import_module(name))
    for file in _in_folders():
        name = f"bsa_plugin_{files.sha256(file)[:16]}_{file.stem}"
        if name not in sys.modules:
            _imported(str(file), lambda name=name, file=file: _from_file(name, file))


def _installed():
    return sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.value)


def _in_folders() -> list[Path]:
    return [file for folder in catalog.folders() for file in sorted((folder / "layers").glob("[!_]*.py"))]


def _from_file(name, file):
    spec = importlib.util.spec_from_file_location(name, file)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # half a module is none
        raise


def _imported(what, load):
    try:
        load()
    except (Exception, SystemExit) as error:  # whatever somebody's module raises
        found = f"{type(error).__name__}: {one_line(error)}"
        raise UsageError(f"layers of {what}: expected a module to import, found {found}") from error
