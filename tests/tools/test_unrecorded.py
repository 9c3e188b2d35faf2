"""A measured number in README or the docs is in a record."""

import pytest

from tools import record, render, unrecorded

RECORD = {
    "rows": [{"cell": "0.9, 0", "quantity": "success", "threshold": 0.1} | record.rate(500, 261)],
    "spent": [{"by": "pgd", "passes": 54.2, "seconds": 123.4}],
    "facts": [
        {"what": "training", "value": 31, "unit": "min"},
        {"what": "against ours", "value": 16.6, "unit": "times"},
    ],
    "tables": {"own": {"columns": ["a"], "rows": [["0.928 [0.924-0.932]"]]}},
}
THERE = [
    "It breaks 52.2 % of them.",
    "It breaks 52 % of them.",
    "success 52.2 [47.8-56.5]",
    "261 of 500 images",
    "54 passes an image, in 123 s, or 2 min",
    "training takes 31 minutes, 16.6 times as long",
    "AUROC 0.928 [0.924-0.932]",
    "rates with 95 % Wilson intervals",
    "about 9.70 %<!-- cited --> in the paper, at most 40 %<!-- chosen --> here",
    "`--fail-over 'success>40 %'` and [a link](page.md#40-%)",
    "```\n99 % of it\n```",
    "| code | |\n|---|---|\n| 4 | a check failed |\n",
    "epsilon 0.3, 28 x 28 pixels, Table 2, in 2019, (0.9, 0), 2,000 images, 8/255",
]
PLANTED = [
    ("It breaks 53.2 % of them.", "53.2 %"),
    ("It breaks 52.2 and 26.6 % of them.", "52.2 and 26.6 %"),
    ("success 52.2 [47.8-57.5]", "52.2 [47.8-57.5]"),
    ("262 of 500 images", "262 of 500"),
    ("55 passes an image", "55 passes"),
    ("31 s", "31 s"),  # a record has 31 minutes
    ("31 %", "31 %"),
    ("17.6 times as fast", "17.6 times"),
    ("| a | b |\n|---|---:|\n| x | 1,234 |\n", "1,234"),
    ("17 GB of memory", "17 GB"),
    ("It is 0.5 points better.", "0.5 points"),
]


@pytest.mark.parametrize("page", render.pages(), ids=lambda page: page.stem)
def test_no_page_has_a_number_that_no_record_has(page):
    assert unrecorded.of_page(page) == []


def test_no_spec_tells_of_a_number_that_no_record_has():
    assert unrecorded.of_specs() == []


@pytest.mark.parametrize("text", THERE)
def test_what_is_recorded_marked_or_no_measurement_is_left_alone(text):
    assert unrecorded.unrecorded(text, [RECORD]) == []


@pytest.mark.parametrize(("text", "said"), PLANTED)
def test_a_planted_number_is_found(text, said):
    assert [each.text for each in unrecorded.unrecorded(f"First.\n\n{text}", [RECORD])] == [said]


def test_it_is_found_on_a_real_page_too():
    page = render.ROOT / "docs" / "certificates.md"
    text = page.read_text(encoding="utf-8")
    records = [record.load(name) for name in unrecorded.records_of(text)]
    line = text[: text.index("\n## Table 5")].count("\n") + 1
    planted = text.replace("\n## Table 5", "Planted: 43.21 %.\n## Table 5", 1)
    assert unrecorded.unrecorded(planted, records) == [unrecorded.Found("", line, "43.21 %")]


def test_numbers_within_a_block_are_the_records():
    text = "<!-- record: quickstart short -->\n| a | 99.99 |\n<!-- end -->\n"
    assert unrecorded.unrecorded(text, []) == []
    assert unrecorded.records_of(text) == ["quickstart"]
