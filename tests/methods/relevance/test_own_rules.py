"""The examples of docs/relevance.md run and hold."""

import re
from pathlib import Path

import pytest

from taylorattr.methods.relevance.rule import Rule

DOCUMENT = Path(__file__).parents[3] / "docs" / "relevance.md"


def test_the_examples_of_the_document_run():
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 3
    names = {}
    for block in blocks:
        exec(compile(block, str(DOCUMENT), "exec"), names)
    assert names["mine"].gap.abs().max() > 1e-3


def test_a_rule_without_pull_is_no_rule():
    with pytest.raises(TypeError, match="abstract"):
        type("Empty", (Rule,), {})()
