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
    schemas = (shipped("schemas") / f"{name}.json" for name in ("experiment", "collection"))
    yield "reference/spec.md", of_spec(*(json.loads(file.read_text(encoding="utf-8")) for file in schemas))
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


def of_spec(experiment: dict[str, Any], collection: dict[str, Any]) -> str:
    """The page of the fields of a spec, from its schema and from that of a collection."""
    lines = ["# Fields of a spec", "", _text(experiment["description"])]
    for name, field in experiment["properties"].items():
        lines += ["", f"## `{name}`", "", *_field(field)]
    lines += ["", "## Parts", "", 'A component is `{"name": ..., parameters}`; some have fields beside its parameters.']
    for name, part in experiment["$defs"].items():
        if "properties" not in part or len(part["properties"]) > 1:  # one is the name alone
            lines += ["", f"### {TITLES.get(name, name)} {{ #{name} }}", "", *_field(part)]
    lines += ["", "## Collections", "", _text(collection["description"]), "", *_fields(collection)]
    return "\n".join([*lines, ""])


def _field(field):
    """What a field is, what it takes, its default, and its own fields in a table."""
    if "description" in field:
        yield from (_text(field["description"]), "")
    told = [f"Takes: {_takes(field)}."]
    told += ["Default: `" + json.dumps(field["default"]) + "`."] if "default" in field else []
    yield from (" ".join(told), "")
    for part in (field, field.get("additionalProperties"), field.get("items")):
        if isinstance(part, dict) and part.get("properties"):
            yield from _fields(part)


def _fields(part):
    """The fields of an object in a table."""
    yield from ("| field | what it takes | default | |", "|---|---|---|---|")
    for name, own in part["properties"].items():
        default = f"`{json.dumps(own['default'])}`" if "default" in own else ""
        yield f"| `{name}` | {_takes(own)} | {default} | {_text(own.get('description', ''))} |"
    yield ""


def _takes(part):
    """What a schema takes, in a few words; a component links to the page of its kind."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        if name in TITLES:
            return f"[one of {TITLES[name].lower()}]({name}.md)"
        if name in catalog.names("checks"):
            return f"[{name}](checks.md#{name})"
        return "[one of reports](report.md)" if name == "collected" else f"[{name}](#{name})"
    if "if" in part:  # one form or another
        forms = ({**part["if"], **part.get("then", {})}, part.get("else", {}))
        return " or ".join(dict.fromkeys(map(_takes, forms)))
    if "const" in part:
        return f"`{json.dumps(part['const'])}`"
    if "enum" in part:
        return "one of " + ", ".join(f"`{json.dumps(each)}`" for each in part["enum"])
    types = part.get("type", "any value")
    listed = f"list ({_takes(part['items'])})" if part.get("items") else "list"
    return " or ".join(listed if each == "array" else each for each in ([types] if isinstance(types, str) else types))


def of_python(module: str, said: str) -> str:
    """The page of a module's public names, those that its `__init__.py` hands on."""
    text = (ROOT / module.replace(".", "/") / "__init__.py").read_text(encoding="utf-8")
    names = sorted(set(re.findall(r"^from \S+ import ([a-zA-Z]\w*) as \1$", text, re.MULTILINE)), key=str.lower)
    return "\n".join([f"# {module}", "", said, "", *(f"::: {module}.{name}\n" for name in names)])


def _text(text):
    """Text of a schema in a cell of a table or a paragraph."""
    return html.escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("*", "\\*").replace("_", "\\_")
