"""The site builds without a warning, has no dead link, and leaves out no public name."""

import os
import re
import subprocess
import sys

import pytest

from bsa.listing import components
from tools import render


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site."""
    for module in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(module, reason='MkDocs is not installed: pip install "bsa[docs]"')
    folder = tmp_path_factory.mktemp("site")
    done = build(render.ROOT, folder)
    assert done.returncode == 0, done.stderr
    return folder


def build(root, folder):
    """What MkDocs says of the site of a folder; not --quiet, which would leave no warning to be strict about."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    known = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=known)


def text(site, page):
    return (site / page / "index.html").read_text(encoding="utf-8")


def test_readme_is_the_first_page(site):
    first = text(site, ".")
    assert "blind-spot attacks on robust networks" in first
    assert 'href="quick_start/"' in first
    assert (site / "images" / "blind_spot.png").is_file()


def test_every_component_is_in_the_reference(site):
    for component in components():
        assert f'id="{component.name}"' in text(site, f"reference/{component.kind}"), component.name


def test_every_public_function_is_in_the_reference(site):
    import bsa

    found = set(re.findall(r'id="(bsa\.\w+)"', text(site, "reference/api")))
    public = {f"bsa.{name}" for name in vars(bsa) if name[0].islower() and callable(getattr(bsa, name))}
    assert {"bsa.attack", "bsa.evaluate", "bsa.transform"} <= public
    assert public <= found


def test_every_field_of_a_spec_is_in_the_reference(site):
    fields = text(site, "reference/spec")
    for name in ("data", "blind_spot", "transform", "attack", "control", "explore", "certify", "report"):
        assert f'<code>{name}</code><a class="headerlink"' in fields, name


def test_pages_fetch_nothing_from_elsewhere(site):
    fetched = r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]*"'
    for page in site.rglob("*.html"):
        assert [tag for tag in re.findall(fetched, page.read_text(encoding="utf-8")) if "canonical" not in tag] == [], (
            page
        )


def test_a_dead_link_fails(tmp_path):
    pytest.importorskip("material", reason='MkDocs is not installed: pip install "bsa[docs]"')
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text("[nowhere](nowhere.md)\n")
    settings = [line for line in (render.ROOT / "mkdocs.yml").read_text().splitlines() if "hooks:" not in line]
    plain = "\n".join(settings).partition("plugins:")[0]  # without the reference, and without its pages
    (tmp_path / "mkdocs.yml").write_text(plain)
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 1
    assert "nowhere.md" in done.stderr
