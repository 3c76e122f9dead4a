"""The tree in the README is the tree on disk, and the order in which imports point."""

import re
from pathlib import Path

from tests.test_architecture import LAYERS

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "taylorattr"
MADE = {"build", "dist", "taylorattr-demo"}
"""Folders that commands make, and that are no part of the tree."""

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.search(r"## The tree\n\n```\n(.*?)```", README, re.S)[1]


def entries(block):
    """Depth, from 0, and name of each entry; a line may list several, and a line of text alone lists none."""
    for line in block.splitlines():
        indent = len(line) - len(line.lstrip())
        if indent <= 4:
            listed = re.split(r" {2,}", line.strip())[0]
            yield from ((indent // 2, name) for name in re.split(r",? ", listed))


def tree(block):
    """The folders of the repository, and of the package: each entry with the folders listed below it."""
    top, rooms, room = [], {}, ""
    for depth, name in entries(block):
        if depth == 0:
            top.append(name)
        elif depth == 1:
            room, rooms[name] = name, []
        else:
            rooms[room].append(name)
    return top, rooms


def folders(folder):
    return {f"{path.name}/" for path in folder.iterdir() if (path / "__init__.py").is_file()}


def test_the_folders_of_the_repository():
    top, _ = tree(BLOCK)
    visible = [p for p in ROOT.iterdir() if p.is_dir() and p.name[0] not in "._" and p.name not in MADE]
    assert sorted(top) == sorted(f"{path.name}/" for path in visible if not path.name.endswith(".egg-info"))


def test_the_rooms_of_the_package():
    _, rooms = tree(BLOCK)
    modules = {path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__")}
    assert set(rooms) == folders(PACKAGE) | modules
    for room, listed in rooms.items():
        if listed:
            assert set(listed) == folders(PACKAGE / room), room


def test_imports_point_down_the_list():
    rank = {name: number for number, names in enumerate(LAYERS) for name in names}
    order = [rank[name.rstrip("/")] for name in tree(BLOCK)[1]]
    assert order == sorted(order)


def test_another_tree_is_read_as_such():
    block = "a/   words\n  one, two\n             about both\n  b/   words, words\n    c/ d/   words\n"
    assert tree(block) == (["a/"], {"one": [], "two": [], "b/": ["c/", "d/"]})
