"""Tables in LaTeX, with booktabs rules."""

from bsa.report.page import Table, line

SUFFIX = ".tex"
SIGNS = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
)


def table(found: Table) -> str:
    """A `tabular`; title and notes stand before it as comments."""
    lines = [_row(" & ".join(map(escaped, row))) for row in [found.columns, *found.rows]]
    head = rf"\begin{{tabular}}{{l{'r' * (len(found.columns) - 1)}}}"
    body = [head, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]
    notes = [f"% {line(note)}" for note in [found.title, *found.notes, *found.checked]]
    return "\n".join([*notes, *body]) + "\n"


def escaped(text: str) -> str:
    """Text in LaTeX, its special characters as such."""
    return line(text).translate(SIGNS)


def _row(text):
    """A row of a `tabular`: after the row before it, a bracket or a star would be an argument of its end."""
    return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"
