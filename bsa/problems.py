"""What is wrong with a spec: every problem at once, each with its place, what was expected and what was found.

`of_schema` translates the errors of jsonschema; `of_meaning` checks what a schema cannot say. No TensorFlow.
"""

import json
from typing import NamedTuple

import jsonschema

from bsa import cells, components
from bsa.schema import combined


class Problem(NamedTuple):
    """One mistake: `pointer` is its JSON pointer (RFC 6901), "" for the whole document."""

    pointer: str
    expected: str
    found: str
    hint: str = ""

    def __str__(self):
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.pointer or '/'}: expected {self.expected}, found {self.found}{hint}"


def pointer(path):
    """The JSON pointer of a path of keys and indices."""
    return "".join("/" + str(p).replace("~", "~0").replace("/", "~1") for p in path)


def show(value):
    """A JSON value short enough for a message."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 60 else text[:57] + "..."


def of_schema(spec):
    """The problems that the combined schema finds in a parsed spec, in document order."""
    return of_part(spec, combined())


def of_part(value, part):
    """The problems of a value under one schema."""
    errors = jsonschema.Draft202012Validator(part).iter_errors(value)
    return sorted({p for error in errors for p in _translate(error)}, key=lambda p: p.pointer)


TYPES = {"object": "an object", "array": "a list", "string": "a string", "integer": "a whole number",
         "number": "a number", "boolean": "true or false"}  # fmt: skip


def _translate(error):
    path, value, limit, keyword = list(error.absolute_path), error.instance, error.validator_value, error.validator
    if keyword == "additionalProperties":
        known = sorted(error.schema["properties"])
        for key in value:
            if key not in known:
                shared = key in error.schema.get("shared", ())
                hint = "the ensemble states it once for all" if shared else components.suggest(key, known)
                yield Problem(pointer([*path, key]), f"one of the keys {', '.join(known)}", f'"{key}"', hint)
        return
    if keyword == "required":
        for key in limit:
            if key not in value:
                yield Problem(pointer([*path, key]), f'a key "{key}"', "none", _similar_key(key, value))
        return
    yield Problem(pointer(path), _expectation(keyword, limit), _finding(keyword, value), _hint(keyword, value, limit))


def _similar_key(missing, value):
    near = components.suggest(missing, value)
    return f'"{missing}" is missing; {near}' if near else ""


def _expectation(keyword, limit):
    if keyword == "type":
        limit = limit if isinstance(limit, list) else [limit]
        return " or ".join(TYPES[t] for t in limit)
    sentences = {
        "minimum": f"a number of at least {limit}",
        "maximum": f"a number of at most {limit}",
        "exclusiveMinimum": f"a number above {limit}",
        "exclusiveMaximum": f"a number below {limit}",
        "minItems": f"at least {limit} items",
        "maxItems": f"at most {limit} items",
        "minLength": "a string that is not empty",
        "minProperties": "at least one entry",
        "uniqueItems": "no repeated items",
        "const": show(limit),
        "pattern": f"a string that matches {limit}",
    }
    if keyword == "enum":
        return f"one of {', '.join(str(v) for v in limit)}"
    return sentences.get(keyword, f"{keyword} {show(limit)}")


def _finding(keyword, value):
    if keyword in ("minItems", "maxItems"):
        return f"{len(value)}: {show(value)}"
    return show(value)


def _hint(keyword, value, limit):
    if keyword == "enum" and isinstance(value, str):
        return components.suggest(value, limit)
    if keyword == "maximum" and limit == 1:
        return f"pixels are in [0, 1]: for {value:g} of 255 write {value / 255:.6g}"
    if (
        keyword == "type"
        and isinstance(value, str)
        and {"number", "integer"} & {*([limit] if isinstance(limit, str) else limit)}
    ):
        return "write it without quotes"
    return ""


def of_meaning(spec, broken=()):
    """The problems of a parsed spec, defaults filled in, that a schema cannot see.

    `broken` names the top-level keys that failed the schema: checks that need those are left out.
    """
    checks = {
        _networks: {"networks", "model", "train", "weights", "attack", "certify", "measures"},
        _weights: {"networks", "weights"},
        _reported: {"networks", "model", "reported"},
        _cells: {"blind_spot"},
        _training: {"networks", "train"},
        _rendering: {"attack", "certify", "measures", "report"},
    }
    return [p for check, needs in checks.items() if not needs & set(broken) for p in check(spec)]


def _networks(spec):
    if "networks" not in spec and "model" not in spec:
        yield Problem("/model", 'a "model" (with "train" or "weights") or "networks"', "neither")
        return
    for key in ("model", "train", "weights"):
        if "networks" in spec and key in spec:
            expected = '"networks" alone, or "model" with "train" or "weights"'
            yield Problem(f"/{key}", expected, f'"networks" and "{key}"')
    alone = {} if "networks" in spec else {"": spec}
    for place, network in (alone | {f"/networks/{k}": n for k, n in spec.get("networks", {}).items()}).items():
        if "train" not in network and "weights" not in network:
            yield Problem(f"{place}/train", '"train" or "weights" beside "model"', "neither")
        elif "train" in network and "weights" in network:
            yield Problem(f"{place}/weights", 'either "train" or "weights" beside "model"', "both")
    known = list(spec.get("networks", {"main": None}))
    users = [user for key in ("attack", "certify", "measures") for user in _entries(spec, key)]
    for place, user in users:
        if "network" not in user and len(known) > 1:
            yield Problem(f"{place}/network", f"one of the networks {', '.join(known)}, or a list of them", "none")
        named = user.get("network", [])
        for name in [named] if isinstance(named, str) else named:
            if name not in known:
                near = components.suggest(name, known)
                yield Problem(f"{place}/network", f"one of the networks {', '.join(known)}", show(name), near)


def _weights(spec):
    given = {f"/networks/{k}/weights": n.get("weights") for k, n in spec.get("networks", {}).items()}
    for place, weights in (given | {"/weights": spec.get("weights")}).items():
        if weights and not {"file", "url"} & set(weights):
            yield Problem(f"{place}/file", 'a "file", or a "url" with its "sha256"', "neither")
        elif weights and "url" in weights and "sha256" not in weights:
            yield Problem(f"{place}/sha256", 'a "sha256" of what the "url" gives', "none")


def _entries(spec, key):
    """Pairs (pointer, component) of a key that holds one component or a list."""
    value = spec.get(key, [])
    return [(f"/{key}/{i}", v) for i, v in enumerate(value)] if isinstance(value, list) else [(f"/{key}", value)]


def attacks(spec):
    """The attacks of a spec as a list: one, several or none."""
    return [attack for _, attack in _entries(spec, "attack")]


def certificates(spec):
    """The certificates of a spec as a list: one, several or none."""
    return [certificate for _, certificate in _entries(spec, "certify")]


def _reported(spec):
    known = list(spec.get("networks", {"main": None}))
    reported = spec.get("reported", {"network": known[0]})
    name = reported.get("network", known[0] if len(known) == 1 else None)
    if name not in known:
        expected = f"the network that was reported, one of {', '.join(known)}"
        yield Problem("/reported/network", expected, show(name) if name else "none")


def _cells(spec):
    where = spec["blind_spot"]
    low, high = where["pixel_range"]
    if not low < high:
        yield Problem("/blind_spot/pixel_range", "[low, high] with low < high", show(where["pixel_range"]))
        return
    for i, (scale, shift) in enumerate(where["cells"]):
        wrong = cells.problem(scale, shift, (low, high))
        if wrong:
            expected, found = wrong.removeprefix("expected ").split(", found ", 1)
            yield Problem(f"/blind_spot/cells/{i}", expected, found)
        elif scale == 0:
            yield Problem(f"/blind_spot/cells/{i}", "a scale that leaves an image to see", "0")


def _training(spec):
    trained = {f"/networks/{k}/train": n.get("train") for k, n in spec.get("networks", {}).items()}
    trained["/train"] = spec.get("train")
    for place, train in trained.items():
        if not train:
            continue
        rate = train["learning_rate"]
        if isinstance(rate, list):
            starts = [start for start, _ in rate]
            if starts[0] != 0 or starts != sorted(set(starts)):
                yield Problem(f"{place}/learning_rate", "steps that begin at 0 and grow", show(rate))
        if train.get("epsilon_warmup", 0) > train["steps"]:
            found = f"{train['epsilon_warmup']}"
            yield Problem(f"{place}/epsilon_warmup", f"at most the {train['steps']} training steps", found)


def _rendering(spec):
    names = [m["name"] for m in spec["measures"]]
    for i, name in enumerate(names):
        if name in names[:i]:
            yield Problem(f"/measures/{i}", "each measure once", f'"{name}" twice')
    for key, kind in (("attack", "attack"), ("certify", "certificate")):
        entries = [(place, e.get("label", e["name"])) for place, e in _entries(spec, key)]
        labels = [label for _, label in entries]
        for i, (place, label) in enumerate(entries):
            if label in labels[:i]:
                yield Problem(f"{place}/label", f"a label of its own for each {kind}", f'"{label}" twice')
    for i, report in enumerate(spec["report"]):
        if report["name"] in [r["name"] for r in spec["report"][:i]]:
            yield Problem(f"/report/{i}", "each report once", f'"{report["name"]}" twice')
        if report["name"] == "examples" and not attacks(spec):
            yield Problem(f"/report/{i}", 'an "attack" whose examples can be shown', "none")
