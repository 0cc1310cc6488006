"""The page of an inspection in a browser: nothing is asked for, nothing fails, and hands can move about in it."""

import json
from pathlib import Path
from typing import Any

import pytest

import nlpkit as package
from nlpkit.inspect.page import page
from tests.browsing import needs_browser, requests, waited
from tests.browsing import opened as browsing_opened
from tests.test_inspect import HOSTILE

pytestmark = needs_browser
READY = "return document.querySelectorAll('#text span').length > 0"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    texts = {
        "sentiment": ["I loved every minute of it, but the ending was not good.", *HOSTILE],
        "python-docs": ['def open(file): "Open a (text) file"', *HOSTILE[:4]],
        "dates": ["Dienstag, 31. Dezember 1985"],
    }
    for name, given in texts.items():
        model: Any = package.load(name)
        (folder / f"{name}.html").write_text(page([model.inspect(text) for text in given]), encoding="utf-8")
    return folder


def opened(browser: Any, path: Path, width: int = 1280, theme: str = "light") -> None:
    browsing_opened(browser, path.as_uri(), READY, width, theme)


@pytest.mark.parametrize("name", ["sentiment", "python-docs", "dates"])
@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "dark")])
def test_a_page_asks_for_nothing_and_fits(browser: Any, pages: Path, name: str, width: int, theme: str) -> None:
    path = pages / f"{name}.html"
    opened(browser, path, width, theme)
    assert requests(browser) == [path.as_uri()]
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 251, 250)", "dark": "rgb(21, 24, 28)"}[theme]
    drawn = "const c = document.getElementById('map'); return c.getContext('2d').getImageData(0, 0, c.width, c.height)"
    assert len(set(browser.execute_script(f"{drawn}.data.join().split(',').slice(0, 4000)"))) > 10


def test_texts_that_are_markup_stay_texts(browser: Any, pages: Path) -> None:
    opened(browser, pages / "sentiment.html")
    count = browser.execute_script("return document.getElementById('which').options.length")
    assert count == len(HOSTILE) + 1
    for number in range(count):
        browser.execute_script(
            "const w = document.getElementById('which'); w.value = arguments[0]; w.dispatchEvent(new Event('change'))",
            number,
        )
        shown = browser.execute_script("return document.getElementById('text').textContent.length")
        assert shown > 0
        assert browser.title == "Inside the model"
        assert browser.find_elements("css selector", "main img, main script") == []
    assert browser.get_log("browser") == []
    assert requests(browser) == [(pages / "sentiment.html").as_uri()]


def test_a_token_is_chosen_by_hand_and_by_keys(browser: Any, pages: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    opened(browser, pages / "sentiment.html")
    spans = browser.find_elements("css selector", "#text span")
    place = next(number for number, span in enumerate(spans) if span.text.strip() == "loved")
    ActionChains(browser).move_to_element(spans[place]).perform()
    title = browser.find_element("id", "tokenTitle")
    assert f"Token {place + 1} of {len(spans)}: “·loved”" == title.text
    told = browser.find_element("id", "token").text
    assert "adds" in told
    assert "if the text ended here" in told
    assert "forget" in told
    browser.find_element("tag name", "body").send_keys(Keys.ARROW_RIGHT)
    assert title.text.startswith(f"Token {place + 2} of")
    before = browser.find_element("id", "unitTitle").text
    browser.find_element("tag name", "body").send_keys(Keys.ARROW_DOWN)
    assert browser.find_element("id", "unitTitle").text == before  # the page scrolls
    browser.find_element("id", "text").send_keys(Keys.ARROW_DOWN)
    assert browser.find_element("id", "unitTitle").text != before


def test_a_click_holds_a_token(browser: Any, pages: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    opened(browser, pages / "sentiment.html")
    spans, title = browser.find_elements("css selector", "#text span"), browser.find_element("id", "tokenTitle")

    def shown() -> int:
        return int(title.text.split()[1]) - 1

    def held() -> list[int]:
        found = browser.find_elements("css selector", "#text span.held")
        return [int(span.get_attribute("data-t")) for span in found]

    def passing(number: int) -> int:
        ActionChains(browser).move_to_element(spans[number]).perform()
        return shown()

    assert [passing(2), passing(5)] == [2, 5]
    assert held() == []
    spans[2].click()
    assert [passing(5), passing(3)] == [2, 2]
    assert held() == [2]
    ActionChains(browser).move_to_element(browser.find_element("id", "map")).perform()
    assert shown() == 2
    spans[4].click()  # another is held instead
    assert (passing(5), held()) == (4, [4])
    browser.find_element("tag name", "body").send_keys(Keys.ARROW_RIGHT)
    assert (passing(3), held()) == (5, [5])
    browser.find_element("tag name", "body").send_keys(Keys.ESCAPE)
    assert (held(), passing(2)) == ([], 2)
    spans[2].click()
    spans[2].click()
    assert (held(), passing(5)) == ([], 5)
    canvas = browser.find_element("id", "map")
    canvas.click()
    before = shown(), held(), browser.find_element("id", "unitTitle").text
    ActionChains(browser).move_to_element_with_offset(canvas, 200, 50).perform()
    assert (shown(), held(), browser.find_element("id", "unitTitle").text) == before
    assert before[1] == [before[0]]
    canvas.click()
    assert held() == []


def test_a_unit_is_chosen_in_the_table_by_keys(browser: Any, pages: Path) -> None:
    from selenium.webdriver import ActionChains, Keys

    opened(browser, pages / "sentiment.html")
    numbers = [int(row.get_attribute("data-u")) for row in browser.find_elements("css selector", "#units tbody tr")]
    title = browser.find_element("id", "unitTitle")

    def focused() -> tuple[str, str | None]:
        element = browser.switch_to.active_element
        return element.tag_name, element.get_attribute("data-u")

    browser.execute_script("document.querySelector('#units th:last-child button').focus()")
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert focused() == ("tr", str(numbers[0]))
    ActionChains(browser).send_keys(Keys.ARROW_DOWN).send_keys(Keys.ARROW_DOWN).perform()
    assert focused() == ("tr", str(numbers[2]))
    assert title.text.startswith(f"Unit {numbers[2]} of")
    selected = browser.find_elements("css selector", "#units tr[aria-selected=true]")
    assert [row.get_attribute("data-u") for row in selected] == [str(numbers[2])]
    ActionChains(browser).send_keys(Keys.ARROW_UP).perform()
    assert title.text.startswith(f"Unit {numbers[1]} of")
    for _ in range(20):  # the table goes along
        ActionChains(browser).send_keys(Keys.ARROW_DOWN).perform()
    assert focused() == ("tr", str(numbers[21]))
    inside = "const r = document.activeElement.getBoundingClientRect(), b = document.getElementById('units')"
    room = browser.execute_script(f"{inside}.getBoundingClientRect(); return [r.top - b.top, b.bottom - r.bottom]")
    assert min(room) > -1  # pixels
    # the next Tab leaves it: one row is a stop
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert focused()[0] != "tr"


def test_units_are_sorted(browser: Any, pages: Path) -> None:
    from selenium.webdriver.support.ui import Select

    opened(browser, pages / "sentiment.html")

    def column(name: str) -> list[float]:
        heads = [head.text for head in browser.find_elements("css selector", "#units th")]
        cells = f"#units tbody td:nth-child({heads.index(name) + 1})"
        return [float(cell.get_attribute("textContent")) for cell in browser.find_elements("css selector", cells)]

    lives = column("half-life")
    assert lives == sorted(lives, reverse=True)
    Select(browser.find_element("id", "sort")).select_by_visible_text("weight on the answer")
    worth = [abs(value) for value in column("worth")]
    assert worth == sorted(worth, reverse=True)
    browser.find_element("css selector", "#units th button").click()
    assert column("unit") == list(range(128))


def test_the_data_comes_down_as_numbers(browser: Any, pages: Path) -> None:
    opened(browser, pages / "dates.html")
    browser.find_element("id", "download").click()
    path = browser.downloads / "inspection.json"
    waited(browser, "return true")
    for _ in range(100):
        if path.exists():
            break
        waited(browser, "return new Promise(done => setTimeout(() => done(true), 100))")
    (found,) = json.loads(path.read_text(encoding="utf-8"))
    part = found["parts"][1]
    forget = part["traces"][0]["arrays"]["forget"]
    assert len(forget) == len(part["tokens"])
    model: Any = package.load("dates")
    steps = model.inspect("Dienstag, 31. Dezember 1985").parts[1].traces[0].steps
    assert abs(steps.gates["forget"] - forget).max() < 1 / 200
