"""What MkDocs runs as it builds the site: README becomes its first page, and the reference is generated.

Components, their parameters and the fields of a spec are read off the schemas, the Python functions off `bsa`. No file
is written into docs/.
"""

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

from bsa import catalog
from bsa.catalog import shipped
from bsa.listing import Component, components

ROOT = Path(__file__).parent.parent
BESIDE = {"index.md": "README.md", "contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
BESIDE |= {"plugin.md": "examples/plugin/README.md"}
TITLES = {
    "attacks": "Attacks",
    "certify": "Certificates",
    "checks": "Checks",
    "data": "Data sets",
    "exploration": "Searches",
    "measures": "Measures",
    "models": "Networks",
    "report": "Reports",
    "train": "Objectives",
    "transforms": "Transformations",
    "weights": "Weights",
}


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are not in docs/."""
    for page, text in pages():
        files.append(File.generated(config, page, content=text))
    return files


def pages() -> Iterator[tuple[str, str]]:
    """Pairs (file, Markdown) of all generated pages."""
    for page, source in BESIDE.items():
        yield page, linked((ROOT / source).read_text(encoding="utf-8"))
    for kind in catalog.KINDS:
        yield f"reference/{kind}.md", of_kind(kind)
    yield "reference/spec.md", of_spec(json.loads((shipped("schemas") / "experiment.json").read_text(encoding="utf-8")))
    yield "reference/api.md", of_python("bsa", "What `import bsa` gives. Importing it does not import TensorFlow.")
    said = "The checks that components must pass: ours do, and so should those of a plug-in."
    yield "reference/testing.md", of_python("bsa.testing", said)


def linked(text: str) -> str:
    """A file's text whose links to docs/ and to other files of the repository lead to pages of the site."""
    text = text.replace("](docs/", "](")
    for page, source in BESIDE.items():
        text = text.replace(f"]({source})", f"]({page})")
    return re.sub(r"\[([^]]*)\]\((?:\.\./)*(?:bsa|benchmarks|specs|tests|tools|weights)/[^)]*\)", r"\1", text)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Pages of docs/ that link to files beside it."""
    for page, source in BESIDE.items():
        markdown = markdown.replace(f"](../{source})", f"]({page})")
    return markdown


def of_kind(kind: str) -> str:
    """The page of a kind of components, each with its parameters."""
    return f"# {TITLES[kind]}\n\n" + "\n".join(map(_component, components(kind)))


def _component(found: Component) -> str:
    lines = [f"## {found.name}", "", _text(found.description), ""]
    if found.parameters:
        lines += ["| parameter | what it takes | default | |", "|---|---|---|---|"]
    for each in found.parameters:
        default = "required" if each.required else f"`{json.dumps(each.default)}`" if each.default is not None else ""
        lines.append(f"| `{each.name}` | {_text(each.type)} | {default} | {_text(each.description)} |")
    return "\n".join([*lines, ""])


def of_spec(schema: dict[str, Any]) -> str:
    """The page of the fields of a spec, from its schema."""
    lines = ["# Fields of a spec", "", _text(schema["description"]), "", 'A component is `{"name": ..., parameters}`.']
    for name, field in schema["properties"].items():
        lines += ["", f"## `{name}`", "", *_field(field)]
    return "\n".join([*lines, ""])


def _field(field):
    """What a field is, what it takes, its default, and its own fields in a table."""
    if "description" in field:
        yield from (_text(field["description"]), "")
    told = [f"Takes: {_takes(field)}."]
    told += ["Default: `" + json.dumps(field["default"]) + "`."] if "default" in field else []
    yield from (" ".join(told), "")
    for part in (field, field.get("additionalProperties"), field.get("items"), *field.get("oneOf", ())):
        if isinstance(part, dict) and part.get("properties"):
            yield from ("| field | what it takes | default | |", "|---|---|---|---|")
            for name, own in part["properties"].items():
                default = f"`{json.dumps(own['default'])}`" if isinstance(own, dict) and "default" in own else ""
                described = _text(own.get("description", "")) if isinstance(own, dict) else ""
                yield f"| `{name}` | {_takes(own)} | {default} | {described} |"
            yield ""


def _takes(part):
    """What a schema takes, in a few words; a component links to the page of its kind."""
    if not isinstance(part, dict):
        return "any value"
    if "$ref" in part:
        kind = part["$ref"].rpartition("/")[2]
        return f"[{TITLES[kind].lower()}]({kind}.md)" if kind in TITLES else f"`{kind}`"
    if "enum" in part:
        return "one of " + ", ".join(f"`{json.dumps(each)}`" for each in part["enum"])
    options = [each for key in ("oneOf", "anyOf") for each in part.get(key, ())]
    if options:
        return " or ".join(dict.fromkeys(map(_takes, options)))
    types = part.get("type", "any value")
    return " or ".join("list of " + _takes(part["items"]) if each == "array" and "items" in part else each
                       for each in ([types] if isinstance(types, str) else types))  # fmt: skip


def of_python(module: str, said: str) -> str:
    """The page of a module's public names, those that its `__init__.py` hands on."""
    text = (ROOT / module.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"^from \S+ import ([a-zA-Z]\w*) as \1$", text, re.MULTILINE)), key=str.lower)
    return "\n".join([f"# {module}", "", said, "", *(f"::: {module}.{name}\n" for name in names)])


def _text(text):
    """Text of a schema in a cell of a table or a paragraph."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
