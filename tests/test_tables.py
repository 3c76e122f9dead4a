"""Tables as text, markdown and LaTeX."""

from taylorattr import tables


def test_text_columns_are_aligned():
    assert tables.text(("a", "bb"), [("ccc", "d")]) == "a    bb\nccc  d"


def test_markdown_quotes_bars():
    assert tables.markdown(("x",), [("|S|",)]).splitlines()[-1] == r"| \|S\| |"


def test_latex_turns_symbols_into_math():
    assert tables.escaped("x₁²x₂ at ε = −1_000 %") == r"x$_1^2$x$_2$ at $\varepsilon $ = $-$1\_000 \%"
    assert tables.latex(("a_b", "c"), [("1", "2")], "ll") == (
        "\\begin{tabular}{ll}\na\\_b & c \\\\ \\hline\n1 & 2 \\\\\n\\end{tabular}"
    )


def test_paragraphs_are_indented():
    text = tables.paragraph("word " * 40, 4, first="- ")
    first, second, *_ = text.splitlines()
    assert first.startswith("- word") and second.startswith("    word")
    assert max(map(len, text.splitlines())) <= tables.WIDTH
