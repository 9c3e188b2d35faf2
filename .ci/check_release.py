"""Check what is about to be released: `python .ci/check_release.py v0.1.0 dist`, after `python -m build`.

The tag must be the version, the changelog must have it with a date, and the wheel and the sdist must hold every schema
and spec as it stands in the tree.
"""

import re
import runpy
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]


def problems(tag, folder, root=ROOT):
    """What is wrong with the release of the tree `root` as `tag`, built in `folder`: a list of sentences."""
    version = runpy.run_path(str(root / "bsa" / "version.py"))["__version__"]
    found = []
    if tag != f"v{version}":
        found.append(f"expected the tag v{version}, as bsa/version.py says, found {tag}")
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", (root / "CHANGELOG.md").read_text(), re.M):
        found.append(f"CHANGELOG.md: expected a heading ## {version} (YYYY-MM-DD), found none")
    wheel, sdist = folder / f"bsa-{version}-py3-none-any.whl", folder / f"bsa-{version}.tar.gz"
    for file, top, read in ((wheel, "bsa/", _zipped), (sdist, f"bsa-{version}/", _tarred)):
        if not file.is_file():
            found.append(f"expected {file}, found none: run python -m build")
            continue
        held = read(file)
        wanted = [path for part in ("schemas", "specs") for path in sorted((root / part).rglob("*.json"))]
        names = [path.relative_to(root).as_posix() for path in wanted]
        lost = [name for name, path in zip(names, wanted, strict=True) if held.get(top + name) != path.read_bytes()]
        found += [f"{file.name}: expected {top}{name} as it is in the tree, found none or another" for name in lost]
    return found


def _zipped(file):
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _tarred(file):
    with tarfile.open(file) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}


if __name__ == "__main__":
    tag, folder = sys.argv[1:]
    sys.exit("\n".join(problems(tag, Path(folder))) or 0)
