"""The code of docs/neighbours.md, in turn."""

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason='PyTorch is not installed: pip install "bsa[torch]"')
PAGE = Path(__file__).parents[2] / "docs" / "neighbours.md"
CODE = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_code_of_the_page_runs(trained_in_torch, attacked_images):
    for library in ("foolbox", "art"):
        pytest.importorskip(library, reason=f"{library} is not installed: tox -e torch")
    x, y, _ = (part[:8] for part in attacked_images)
    names = {"net": trained_in_torch, "x": x, "y": y}
    # the attack's default legs are many, for networks that are harder to break than this: the same, in fewer steps
    for code in CODE:
        exec(code.replace('"corner_descent"', '"pgd"'), names)
    success = names["judged"].rates[1]
    assert success.count == names["found"].success.sum()
    assert names["is_adv"][0].sum() == success.count
    assert (names["adversarial"][names["found"].success] != names["images"].numpy()[names["found"].success]).any()
