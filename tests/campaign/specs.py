"""Specs that somebody got wrong: mutants of those that ship, each valid or an error with a place, and soon told."""

import copy
import json
import random
import time
from collections import OrderedDict

from click.testing import CliRunner

from bsa import catalog
from bsa.cli import commands

SLOW = 1.0  # seconds of the processor
HUGE = (2**31, 2**32 + 3, 2**53, 2**53 + 1, 2**64, 10**400, -(2**63))
NUMBERS = (0, -1, 1, 0.5, -0.0, 1e-13, 1e-300, 5e-324, 1e308, 1e-6, 3.0000000001, *HUGE[:4])
TEXTS = ("", " ", "\n", "epsilon\n", "é", "\u202e", "\ud800", "a" * 300, "../x", "|", "<b>", "=1+1", "{}", "null", "\0",
         "scale*epsilon", "pgd", "main", "name", "comment", "$schema", "__class__", "%s", "\\", "nan", "inf",
         "file:///dev/zero", "https://[", "0" * 64)  # fmt: skip
WORDS = (None, True, False, [], {}, [[]], [None], {"name": None}, {"": {}}, [[1, 0], [1, 0]], {"a": {"b": {"c": []}}})
DEEP = [text for n in (100, 300, 600, 5000) for text in ("[" * n + "]" * n, '{"a":' * n + "1" + "}" * n)]
RAW = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 5000, '"\\ud800"', "'x'", "01", "1.", "//", "\x01", *DEEP)
SET = ("", "=", ".", "..", "a=", "=1", "train", "attack.0", "attack.-1=1", "attack.99.epsilon=1",
       "attack.0.epsilon=NaN", "attack.¹.epsilon=1", "train..steps=1", "name.x=1", "seed.0=1", "data=3",
       "blind_spot.cells.0.0=[]", "\ud800=1", "seed=" + "9" * 5000, "seed=" + "[" * 3000,
       "x" * 5000 + "=1", "a" + ".a" * 3000 + "=1")  # fmt: skip
HOLE = "\ue000hole\ue000"  # where raw text is put that json would not write


def shipped():
    """The specs that ship, by name, and experiments of them made small."""
    files = sorted(catalog.shipped("specs").glob("*.json"))
    return OrderedDict((file.stem, json.loads(file.read_text(encoding="utf-8"))) for file in files)


def mutant(rng, spec):
    """The text of a spec, changed in one to three places."""
    spec, raw = copy.deepcopy(spec), None
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        parent, key = rng.choice(_places(spec))
        change = rng.randrange(8)
        if change == 0 and key is not None:
            del parent[key]
        elif change == 1 and isinstance(parent, dict):
            parent[rng.choice((*TEXTS, *parent))] = _value(rng, spec)
        elif change == 2 and isinstance(parent, list):
            parent.insert(rng.randrange(len(parent) + 1), _value(rng, spec))
        elif change == 3 and isinstance(parent, list) and parent:
            parent *= rng.choice((2, 50))
        elif change == 4 and isinstance(parent, dict) and key in parent:
            parent[_renamed(rng, key)] = parent.pop(key)
        elif change == 5 and key is not None and raw is None:
            parent[key], raw = HOLE, rng.choice(RAW)
        elif key is not None:
            parent[key] = _value(rng, spec)
        if not _places(spec):
            break
    text = json.dumps(spec, ensure_ascii=rng.random() < 0.5)
    if raw is not None:
        text = text.replace(json.dumps(HOLE), raw).replace(f'"{HOLE}"', raw)
    return _torn(rng, text) if rng.random() < 0.05 else text


def _places(value, found=None):
    """All pairs (container, key) in it."""
    found = [] if found is None else found
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found.append((value, key))
        _places(child, found)
    return found


def _value(rng, spec):
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice(TEXTS)
    if kind == 1:
        return copy.deepcopy(rng.choice(WORDS))
    if kind == 2:  # something that belongs elsewhere
        parent, key = rng.choice(_places(spec))
        return copy.deepcopy(parent[key])
    if kind == 3:
        value = rng.choice(NUMBERS)
        for _ in range(rng.choice((1, 5, 30))):
            value = [value] if rng.random() < 0.5 else {"a": value}
        return value
    return rng.choice((*NUMBERS, *HUGE))


def _renamed(rng, key):
    at = rng.randrange(len(key) + 1)
    return rng.choice((key[:at] + key[at + 1 :], key + "\n", key.upper(), key[:at] + rng.choice("sx\u00e9") + key[at:]))


def _torn(rng, text):
    at = rng.randrange(len(text))
    return rng.choice((text[:at], text[:at] + rng.choice('{}[],:"\\\x00') + text[at:]))


def mutate(tally, folder, count, seed=0, changes=False):
    """`count` mutants through `bsa plan`, or with `changes` that many odd --set arguments."""
    rng, specs = random.Random(seed), shipped()
    for name in ("quickstart", "mnist_table2"):  # imports what plans need, which is nobody's fault
        CliRunner().invoke(commands.main, ["plan", name, "--store", str(folder / "store")])
    for number in range(count):
        name = rng.choice(list(specs))
        if changes:
            words, text = ["plan", name, "--set", _change(rng, specs[name])], ""
        else:
            text = mutant(rng, specs[name])
            file = folder / "mutant.json"
            file.write_bytes(text.encode("utf-8", "surrogatepass"))
            words = ["plan", str(file)]
        began = time.process_time()
        done = CliRunner().invoke(commands.main, [*words, "--store", str(folder / "store")])
        trouble, how = judge(done, time.process_time() - began)
        what = f"mutant {number} of {name} (seed {seed})" if not changes else f"--set {words[-1][:60]!r} on {name}"
        if trouble:
            tally.fell(what, trouble)
            (folder / f"lost_{number}.txt").write_bytes((text or words[-1]).encode("utf-8", "surrogatepass"))
        else:
            tally.survived(how)


def _change(rng, spec):
    if rng.random() < 0.2:
        return rng.choice(SET)
    places, here, path = rng.randrange(1, 5), spec, []
    while places and isinstance(here, (dict, list)) and here:
        key = rng.choice(list(here) if isinstance(here, dict) else range(len(here)))
        path.append(str(key) if rng.random() < 0.95 else _renamed(rng, str(key)))
        here, places = here[key], places - 1
    value = rng.choice(RAW) if rng.random() < 0.2 else json.dumps(_value(rng, spec), ensure_ascii=False)
    return ".".join(path) + "=" + value


def judge(done, seconds):
    """(what is wrong, or None; how it ended) for a command's result."""
    error = done.exception
    if error is not None and not isinstance(error, SystemExit):
        return f"a traceback, {type(error).__name__}: {str(error)[:100]}", None
    if seconds > SLOW:
        return f"{seconds:.1f} s", None
    if done.exit_code == 0:
        return None, "valid"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    if done.exit_code not in (1, 2, 3) or not lines:
        return f"exit code {done.exit_code} with {done.stderr[:100]!r}", None
    if done.exit_code == 3 and ": expected " not in done.stderr:
        return f"no place, {lines[0][:100]!r}", None
    if done.exit_code == 1 and "weights" not in done.stderr and "prepare" not in done.stderr:
        return f"exit code 1, {lines[0][:100]!r}", None
    return None, {1: "a file that is not there", 2: "refused with exit code 2", 3: "refused with its place"}[
        done.exit_code
    ]
