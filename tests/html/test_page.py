"""The vendored script is the published one, under its licence, and fits into a page."""

import hashlib
import re
from importlib import resources

from taylorattr.html.page import CYTOSCAPE, CYTOSCAPE_VERSION, SCRIPTS, STYLES, asset, cytoscape

FOLDER = resources.files("taylorattr.html") / "vendor"


def test_the_script_is_the_published_one():
    stated, name = (FOLDER / f"{CYTOSCAPE}.sha256").read_text(encoding="utf-8").split()
    assert name == CYTOSCAPE
    assert hashlib.sha256((FOLDER / CYTOSCAPE).read_bytes()).hexdigest() == stated
    assert stated == "081591ab735b2b6a3b31a3c60f8f3a3e2fee8c92939e0c7820ad1208571b6cd8"  # npm, 3.34.4


def test_its_version_and_licence_are_with_it():
    assert f'"{CYTOSCAPE_VERSION}"' in cytoscape()
    licence = (FOLDER / "cytoscape.LICENSE").read_text(encoding="utf-8")
    assert "The Cytoscape Consortium" in licence and "without restriction" in licence
    assert "The Cytoscape Consortium" in cytoscape()[:200]


def test_no_script_or_style_can_end_its_element():
    for text in (cytoscape(), *map(asset, SCRIPTS)):
        assert not re.search(r"</script|<!--", text, re.I)
    for text in map(asset, STYLES):
        assert "<" not in text
        assert "url(" not in text and "@import" not in text
