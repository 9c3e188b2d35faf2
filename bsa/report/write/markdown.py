"""Tables in GitHub-flavoured Markdown."""

from bsa.report.page import Table, line

SUFFIX = ".md"


def table(found: Table) -> str:
    """The title as a heading, the table, and a paragraph for each note."""
    heads, *rows = [[_cell(text) for text in row] for row in [found.columns, *found.rows]]
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return "\n\n".join([f"### {escaped(found.title)}", body, *map(escaped, [*found.notes, *found.checked])]) + "\n"


def escaped(text: str) -> str:
    """Text in Markdown without HTML."""
    return line(text).translate({ord("&"): "&amp;", ord("<"): "&lt;", ord(">"): "&gt;"})


def _cell(text):
    """Text in a cell of a table."""
    return escaped(text.replace("\\", "\\\\").replace("|", "\\|"))
