"""The page of a run in a real browser: it asks for nothing, text stays text, and everybody can use it."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from bsa.catalog import find
from bsa.report import render
from bsa.report._index import index
from bsa.report.write import html

NAMES = ["stop", "<b>yield</b>", "speed 30", "ahead"]
CHANGE = {
    "description": "A description.",
    "blind_spot": {"cells": [[1, 0], [0.9, 0.05], [0.8, 0]]},
    "attack": [
        {"name": "pgd", "network": "robust", "epsilon": 0.1, "thresholds": ["epsilon", "scale*epsilon"]},
        {"name": "pgd", "network": "natural", "epsilon": 0.1, "label": "other, one", "steps": 9},
    ],
    "measures": [
        {"name": "accuracy", "network": ["natural", "robust"]},
        {"name": "nearest", "network": "robust", "k": [5]},
    ],
    "report": [{"name": "success_table"}, {"name": "distance_shift", "resamples": 1000}],
    "sanity": {},
    "control": {},
}
ABOUT = {
    "date": "2024-05-01T10:00:00+00:00", "versions": {"bsa": "0.1.0"}, "processor": "one", "seconds": 3.25,
    "command": "bsa run made", "stages": [{"title": "attack", "seconds": 1.25, "key": "0123456789abcdef"}],
}  # fmt: skip
HOSTILE = (
    "<img src=x onerror=alert(1)></script></style><script>alert(2)</script>\"'`{{7*7}}&lt;\u202etxt\u2066\x1b[2J\ud800"
)
SHOWN = HOSTILE.replace("\u202e", "\\u202e").replace("\u2066", "\\u2066").replace("\x1b", "\\x1b").replace(
    "\ud800", "\\ud800"
)  # fmt: skip


def content(place):
    rng = np.random.default_rng(0)
    if place["kind"] == "sanity":
        failed = {"check": "converged", "passed": False, "found": 0.2, "cell": None, "expected": "", "message": "no."}
        return {"checks": [failed], "failed": 1}
    if place["kind"] == "control":
        first, *others = place["thresholds"]
        ball = {"threshold": first, "radius": first + 0.05, "both": 10, "cell": 2, "ball": 5, "neither": 3}
        balls = [ball, *({"threshold": other, "radius": None} for other in others)]
        return {
            "rho": {"mean": 0.04, "largest": 0.05},
            "images": 20,
            "balls": balls,
            "notes": [],
            "index": np.arange(20),
        }
    if place["kind"] == "attack":
        x = rng.uniform(0, 1, (20, 6, 8, 3)).astype(np.float32)
        away = rng.choice([-0.05, 0.05], x.shape).astype(np.float32)
        found = {"index": np.arange(20), "y": np.arange(20) % 4, "distance": np.where(np.arange(20) % 3, 0.05, np.inf)}
        found |= {"x": x, "adversarial": np.clip(x + away, 0, 1)}
        # what an older store holds has no predicted classes
        return found | ({"predicted": (np.arange(20) + 1) % 4} if place["network"] == "robust" else {})
    if place.get("measure") == "accuracy":
        return {"accuracy": 0.95 if place["cell"].original else 0.5, "images": 200}
    return {"distance": np.arange(40) + 1.0} if place.get("measure") == "nearest" else {}


@pytest.fixture(scope="module")
def results(filled, tmp_path_factory):
    """Results in colour, with names of classes."""
    return filled(tmp_path_factory.mktemp("store"), CHANGE, content, num_classes=4, class_names=NAMES)


@pytest.fixture(scope="module")
def file(results, tmp_path_factory):
    """Their page; the other files lie beside it."""
    out = tmp_path_factory.mktemp("out")
    list(render(results, out, ABOUT))
    return out / html.FILE


@pytest.fixture
def page(browser, file):
    """That page, opened from disk; what was logged before is gone."""
    return opened(browser, file)


def opened(browser, file):
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get("about:blank")
    for kind in ("browser", "performance"):
        browser.get_log(kind)
    browser.get(file.as_uri())
    return browser


def asked(browser):
    """The addresses that were asked for since the page was opened."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def test_it_asks_for_nothing_and_says_nothing_to_the_console(page, file):
    addresses = asked(page)
    assert file.as_uri() in addresses
    assert [address for address in addresses if address != file.as_uri() and not address.startswith("data:")] == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert page.get_log("browser") == []
    broken = "return [...document.images].filter((each) => !each.complete || !each.naturalWidth).length"
    assert page.execute_script(broken) == 0


def test_its_policy_lets_nothing_in(page):
    violated = page.execute_async_script("""
        const done = arguments[0], found = [];
        addEventListener("securitypolicyviolation", (event) => {
            found.push(event.effectiveDirective);
            if (found.length === 3) done(found.sort());
        });
        const made = (tag, what) => document.body.append(Object.assign(document.createElement(tag), what));
        made("img", {src: "https://example.invalid/x.png"});
        made("script", {textContent: "window.ran = true"});
        document.body.setAttribute("onclick", "window.ran = true");
        document.body.click();
        fetch("https://example.invalid/").catch(() => {});
    """)
    assert set(violated) <= {"img-src", "script-src-elem", "script-src-attr", "connect-src"}
    assert len(violated) == 3
    assert page.execute_script("return window.ran") is None


def column(page, number):
    cells = f"return [...document.querySelector('table').tBodies[0].rows].map((row) => row.cells[{number}].textContent)"
    return page.execute_script(cells)


def test_a_click_or_a_key_on_a_head_sorts_the_table(page):
    from selenium.webdriver.common.keys import Keys

    heads = page.find_elements("css selector", "table:first-of-type thead th")
    before = column(page, 1)
    assert before == sorted(before, key=lambda text: -float(text.split()[0]))  # so that sorting changes something
    assert "" not in before  # each row is whole, which sorting tears apart
    button = heads[1].find_element("tag name", "button")
    button.click()
    assert heads[1].get_attribute("aria-sort") == "ascending"
    assert column(page, 1) == sorted(before, key=lambda text: float(text.split()[0]))
    assert page.find_element("id", "said").get_attribute("textContent") == "sorted by accuracy, ascending"
    button.send_keys(Keys.ENTER)
    assert heads[1].get_attribute("aria-sort") == "descending"
    assert column(page, 1) == before
    heads[0].find_element("tag name", "button").send_keys(Keys.SPACE)
    assert (heads[0].get_attribute("aria-sort"), heads[1].get_attribute("aria-sort")) == ("ascending", None)
    assert [float(text.split(",")[0]) for text in column(page, 0)] == sorted(
        float(t.split(",")[0]) for t in column(page, 0)
    )


def test_the_slider_goes_from_the_image_to_its_adversarial_example(page):
    from selenium.webdriver.common.keys import Keys

    slider = page.find_element("css selector", "input[type=range]")
    over = page.find_element("css selector", ".over")
    assert over.value_of_css_property("opacity") == "1"
    slider.send_keys(Keys.HOME)
    assert over.value_of_css_property("opacity") == "0"
    slider.send_keys(Keys.ARROW_RIGHT)
    assert float(over.value_of_css_property("opacity")) == pytest.approx(0.01)


def test_what_came_out_is_told_in_sentences_with_the_warnings_first(page):
    first, *others = [each.text for each in page.find_elements("css selector", ".verdict li")]
    assert first.startswith("Take care. Do not trust these rates yet")
    assert page.find_element("css selector", ".verdict li").get_attribute("class") == "warning"
    assert any("Accuracy is 95.0 %" in each for each in others)
    assert any(each.startswith("In 4 of 4 attacked cells") for each in others)


def test_the_chart_shows_every_rate_and_the_control_beside_them(page):
    titles = "return [...document.querySelectorAll('.plot title')].map((each) => each.textContent)"
    said = page.execute_script(titles)
    assert "accuracy, (1, 0): 95.00 [91.0-97.3] %" in said
    assert "success of pgd, (0.9, 0.05), within 0.09: 65.00 [43.3-81.9] %" in said
    assert "success of pgd, (0.9, 0.05), around the originals, within 0.15: 75.00 [53.1-88.8] %" in said
    assert "control" in page.find_element("css selector", ".legend").text


def test_pictures_say_what_the_network_takes_them_for(page):
    said = [each.get_attribute("textContent").strip() for each in page.find_elements("css selector", ".examples p")]
    assert {"stop: none found", "<b>yield</b> is seen as speed 30"} <= set(said)
    assert "<b>yield</b> is seen as ?" in said  # of the network whose results lack the classes


def hostile(value):
    """The page with every text of it replaced, but for names of files, kinds of marks and keys."""
    if isinstance(value, str):
        return HOSTILE
    if dataclasses.is_dataclass(value):
        found = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **{key: hostile(found[key]) for key in found.keys() - {"stem"}})
    if hasattr(value, "_asdict"):
        return value._replace(**{key: hostile(each) for key, each in value._asdict().items() if key != "kind"})
    if isinstance(value, dict):
        return {key: hostile(each) for key, each in value.items()}
    return type(value)(map(hostile, value)) if isinstance(value, list | tuple) else value


@pytest.fixture
def attacked(browser, results, file):
    """The page with a hostile text for each of its texts, opened from disk."""
    pages = [(report.name, file.parent, find("report", report.name).pages(results, **report.params))
             for report in results.spec.reports]  # fmt: skip
    found = hostile(index(results, pages, ABOUT))
    found = found._replace(spec={HOSTILE: HOSTILE}, about=found.about | {"versions": {HOSTILE: HOSTILE}})
    written = file.with_name("hostile.html")
    written.write_text(html.page(found), encoding="utf-8")
    return opened(browser, written)


def test_text_stays_text_whatever_it_holds(attacked):
    assert attacked.title == f"{SHOWN}: evaluation of robustness"  # an alert would have been an error
    assert attacked.find_element("tag name", "h1").text == SHOWN
    of = "return document.querySelectorAll(arguments[0]).length"
    assert [attacked.execute_script(of, each) for each in ("script", "style", "img[onerror]", "img[src=x]")] == [
        1,
        1,
        0,
        0,
    ]
    assert attacked.get_log("browser") == []
    assert {url.split(":")[0] for url in asked(attacked)} == {"file", "data"}
    text = attacked.execute_script("return document.body.textContent")
    assert not set(text) & html.TURNING
    for place in (".lead", ".verdict li", ".facts dt", ".facts dd", ".legend li", ".place p", ".plot title",
                  "thead th", "tbody th", "td", ".notes li", ".drawn figcaption", ".examples bdi", ".command",
                  "summary"):  # fmt: skip
        said = attacked.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)", place
        )
        assert any(SHOWN in each for each in said), place
    alternatives = attacked.execute_script("return [...document.images].map((each) => each.alt)")
    assert any(SHOWN in each for each in alternatives)


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_it_fits_every_width(page, width):
    assert _wider(page, width) == 0


def test_words_without_an_end_fit_as_well(attacked):
    assert _wider(attacked, 360) == 0


def _wider(browser, width):
    """By how many pixels the page is wider than a window of that width."""
    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    return browser.execute_script("return document.scrollingElement.scrollWidth - innerWidth")


def test_headings_language_and_title_are_in_order(page):
    levels = page.execute_script("return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((e) => +e.tagName[1])")
    assert (levels[0], levels.count(1)) == (1, 1)
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert page.execute_script("return document.documentElement.lang") == "en"
    assert page.title == "made: evaluation of robustness"
    ids = page.execute_script("return [...document.querySelectorAll('[id]')].map((each) => each.id)")
    assert len(ids) == len(set(ids))


def test_everything_that_is_operated_or_looked_at_has_a_name(page):
    page.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    nodes = page.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    names = {}
    for node in nodes:
        if not node["ignored"]:
            names.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    for role in ("heading", "button", "slider", "link", "image", "region", "table", "DisclosureTriangle"):
        assert names[role], role
        assert all(name.strip() for name in names[role]), role
    assert len(set(names["slider"])) == len(names["slider"])
    assert names["columnheader"]
    assert names["rowheader"]


CONTRASTS = """
    const canvas = Object.assign(document.createElement("canvas"), {width: 1, height: 1});
    const context = canvas.getContext("2d", {willReadFrequently: true});
    const layered = (colors) => {  // from the ground up, as bytes
        context.clearRect(0, 0, 1, 1);
        for (const color of colors) { context.fillStyle = color; context.fillRect(0, 0, 1, 1); }
        return [...context.getImageData(0, 0, 1, 1).data];
    };
    const light = (color) => {
        const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = color.slice(0, 3).map((byte) => linear(byte / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    for (const each of document.querySelectorAll("details")) each.open = true;
    const found = [];
    for (const element of document.body.querySelectorAll("*")) {
        const text = [...element.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
        if (!text || !element.checkVisibility() || element.closest("title, .hidden, script")) continue;
        const style = getComputedStyle(element), ground = [];
        for (let each = element; each; each = each.parentElement) {
            ground.unshift(getComputedStyle(each).backgroundColor);
        }
        const ink = element.namespaceURI.endsWith("svg") ? style.fill : style.color;
        const [a, b] = [layered(ground), layered([...ground, ink])].map(light).sort().reverse();
        found.push([(a + 0.05) / (b + 0.05), element.tagName + ": " + element.textContent.slice(0, 40)]);
    }
    return found;
"""


@pytest.mark.parametrize(("media", "scheme"), [("screen", "light"), ("screen", "dark"), ("print", "dark")])
def test_text_stands_out_from_its_ground(page, media, scheme):
    """At least 4.5 to 1, WCAG 2.2, success criterion 1.4.3."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    found = page.execute_script(CONTRASTS)
    assert len(found) > 100
    assert [each for each in found if each[0] < 4.5] == []


def test_on_paper_all_is_open(page):
    page.execute_script("""
        addEventListener("beforeprint", () => {
            window.printed = [...document.querySelectorAll("details")].map((each) => each.open);
        });
    """)
    before = page.execute_script("return document.querySelectorAll('details:not([open])').length")
    page.execute_cdp_cmd("Page.printToPDF", {})
    printed = page.execute_script("return window.printed")
    assert before > 0
    assert printed
    assert all(printed)
    assert page.execute_script("return document.querySelectorAll('details:not([open])').length") == before


def test_the_first_key_leads_to_the_results(page):
    from selenium.webdriver.common.keys import Keys

    page.find_element("tag name", "body").send_keys(Keys.TAB)
    link = page.switch_to.active_element
    assert link.text == "To the results"
    assert link.rect["x"] >= 0
    link.send_keys(Keys.ENTER)
    assert page.execute_script("return location.hash") == "#main"
