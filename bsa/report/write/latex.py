"""Tables in LaTeX, with booktabs rules: they compile by pdfLaTeX, with no package but booktabs, whatever they hold."""

import unicodedata

from bsa.report.page import Table, line

SUFFIX = ".tex"
SIGNS = str.maketrans(
    {sign: f"\\{sign}" for sign in "&%$#_{}"}
    | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "\t": " ", "\u00a0": "~"}
    | {"±": r"$\pm$", "×": r"$\times$", "→": r"$\to$", "≤": r"$\le$", "≥": r"$\ge$"}  # noqa: RUF001
    | {"·": r"$\cdot$", "°": r"$^\circ$"}
    | {"–": "--", "—": "---", "…": r"\ldots{}", "‘": "`", "’": "'", "“": "``", "”": "''"}  # noqa: RUF001
    | {"ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}"}
    | {"å": r"\aa{}", "Å": r"\AA{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}"}  # noqa: RUF001
)
# the accents of plain LaTeX, by the characters that Unicode combines with a letter
ACCENTS = {"\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0304": "=", "\u0306": "u",
           "\u0307": ".", "\u030b": "H", "\u030c": "v", "\u0327": "c"}  # fmt: skip
DOTLESS = {"i": r"\i", "j": r"\j"}  # under an accent


def table(found: Table) -> str:
    """A `tabular`; title and notes stand before it as comments."""
    lines = [_row(" & ".join(map(escaped, row))) for row in [found.columns, *found.rows]]
    head = rf"\begin{{tabular}}{{l{'r' * (len(found.columns) - 1)}}}"
    body = [head, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]
    notes = [f"% {line(note)}" for note in [found.title, *found.notes, *found.checked]]
    return "\n".join([*notes, *body]) + "\n"


def escaped(text: str) -> str:
    """Text in LaTeX, its special characters as such; one that plain LaTeX does not know by its number, as U+4E2D."""
    return "".join(map(_sign, line(text)))


def _sign(sign):
    if ord(sign) in SIGNS:
        return SIGNS[ord(sign)]
    if sign.isascii() and sign.isprintable():
        return sign
    letter, *accents = unicodedata.normalize("NFD", sign)
    if len(accents) == 1 and accents[0] in ACCENTS and letter.isascii() and letter.isalpha():
        return rf"\{ACCENTS[accents[0]]}{{{DOTLESS.get(letter, letter)}}}"
    return f"U+{ord(sign):04X}"


def _row(text):
    """A row of a `tabular`: after the row before it, a bracket or a star would be an argument of its end."""
    return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"
