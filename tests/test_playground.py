"""The page of a server in a browser: models answer while one types, and what goes wrong is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import nlpkit as package
from tests.browsing import needs_browser, requests, waited
from tests.browsing import opened as browsing_opened
from tests.serving import Running, relabelled, running

pytestmark = needs_browser
READY = "return document.querySelectorAll('#models input:checked').length === 1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("server"), "--max-characters", "3000") as found:
        yield found


def opened(browser: Any, server: Running, model: str, width: int = 1280, theme: str = "light") -> None:
    browsing_opened(browser, f"http://127.0.0.1:{server.port}/#{model}", READY, width, theme)


def typed(browser: Any, text: str) -> Any:
    field = browser.find_element("id", "given")
    field.clear()
    field.send_keys(text)
    return field


def told(browser: Any) -> str:
    return str(browser.find_element("id", "told").text)


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
@pytest.mark.parametrize("model", ["sentiment", "python-docs", "dates"])
def test_it_fits_and_asks_this_server_alone(browser: Any, server: Running, model: str, width: int, theme: str) -> None:
    opened(browser, server, model, width, theme)
    typed(browser, "5 mars 2024")
    if model == "python-docs":
        browser.find_element("id", "write").click()
    waited(browser, "return document.querySelector('#told').textContent.length > 5")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(251, 251, 250)", "dark": "rgb(21, 24, 28)"}[theme]
    assert {url.split("/")[2] for url in requests(browser)} == {f"127.0.0.1:{server.port}"}
    assert browser.get_log("browser") == []


def test_labels_move_while_one_types(browser: Any, server: Running) -> None:
    opened(browser, server, "sentiment")
    classifier: Any = package.load("sentiment")
    for text in ("I loved it", "I loved it. No: it was awful and dull"):
        best = classifier.predict([text])[0]
        share = classifier.predict_proba([text]).max()
        typed(browser, text)
        waited(browser, f"return document.querySelector('#told .best')?.textContent === '{best}{100 * share:.1f} %'")
    typed(browser, " ")
    waited(browser, "return document.getElementById('answer').hidden")
    typed(browser, "<img src=x onerror=alert(1)>")
    waited(browser, "return !document.getElementById('answer').hidden")
    command = browser.find_element("id", "curl").get_attribute("textContent")
    assert command.startswith(f"curl http://127.0.0.1:{server.port}/v1/models/sentiment:predict")
    assert browser.find_elements("css selector", "main img") == []


def test_a_text_appears_as_it_is_written_and_stops(browser: Any, server: Running) -> None:
    opened(browser, server, "python-docs")
    field = typed(browser, "The ")
    for name, value in (("length", "60"), ("seed", "7")):
        browser.find_element("id", name).clear()
        browser.find_element("id", name).send_keys(value)
    from selenium.webdriver import Keys

    field.send_keys(Keys.CONTROL, Keys.ENTER)
    waited(browser, "return document.getElementById('took').textContent.length > 0")
    generator: Any = package.load("python-docs")
    written = browser.execute_script("return document.querySelector('#told p').textContent")
    assert written == "The " + generator.generate("The ", length=60, seed=7)
    browser.find_element("id", "length").clear()
    browser.find_element("id", "length").send_keys("20000")
    browser.find_element("id", "write").click()
    stop = browser.find_element("id", "stop")
    waited(browser, "return document.querySelector('#told p').textContent.length > 100")
    stop.click()
    waited(browser, "return document.getElementById('stop').disabled")
    length = browser.execute_script("return document.querySelector('#told p').textContent.length")
    assert 100 < length < 20_000
    assert (
        browser.execute_async_script(
            "setTimeout(() => arguments[0](document.querySelector('#told p').textContent.length), 300)"
        )
        == length
    )


def test_where_a_translation_came_from(browser: Any, server: Running) -> None:
    opened(browser, server, "dates")
    typed(browser, "5 mars 2024")
    waited(browser, "return document.querySelectorAll('#told button').length > 5")
    assert told(browser).split() == ["2024-03-05", "from", "5", "mars", "2024"]
    model: Any = package.load("dates")
    aligned = model.align("5 mars 2024", "2024-03-05")
    pieces = browser.find_elements("css selector", "#told button")
    place = len(pieces) - 1
    browser.execute_script("arguments[0].focus()", pieces[place])
    shares = browser.execute_script(
        "return [...document.querySelectorAll('#told span.piece')].map(one => +one.style.getPropertyValue('--share'))"
    )
    assert max(range(len(shares)), key=shares.__getitem__) == aligned.shares[place].argmax()
    assert "from" in pieces[place].get_attribute("aria-label")


def test_what_goes_on_inside_is_shown(browser: Any, server: Running) -> None:
    opened(browser, server, "sentiment")
    typed(browser, "I loved it")
    browser.find_element("id", "inspect").click()
    waited(browser, "return !document.getElementById('inside').hidden")
    browser.switch_to.frame("insideFrame")
    waited(browser, "return document.querySelectorAll('#text span').length === 3")
    browser.switch_to.default_content()
    browser.find_element("id", "insideClose").click()
    assert not browser.find_element("id", "inside").is_displayed()
    assert browser.get_log("browser") == []


def test_what_goes_wrong_is_told_and_passes(browser: Any, server: Running) -> None:
    opened(browser, server, "sentiment")
    browser.execute_script(
        "const g = document.getElementById('given'); g.value = 'a'.repeat(3001); g.dispatchEvent(new Event('input'))"
    )
    waited(browser, "return !document.getElementById('problem').hidden")
    assert browser.find_element("id", "problem").text == "text 0 has 3,001 characters; 3,000 are the most"
    typed(browser, "fine")
    waited(browser, "return document.getElementById('problem').hidden")
    assert "positive" in told(browser)


def test_the_likeliest_label_comes_first_whatever_it_is_called(browser: Any, tmp_path: Path) -> None:
    relabelled(tmp_path / "stars", ["1", "5"], label_type="int")
    with running(tmp_path, "stars") as server:
        opened(browser, server, "stars")
        typed(browser, "I loved it")
        waited(browser, "return document.querySelectorAll('#told .row').length === 2")
        shown = [row.text.split()[0] for row in browser.find_elements("css selector", "#told .row")]
        assert shown == ["5", "1"]
        assert browser.find_element("css selector", "#told .best").text.startswith("5")


def test_another_model_is_chosen_while_one_answers(browser: Any, server: Running) -> None:
    opened(browser, server, "%")  # no model: the first is taken
    typed(browser, "The ")
    browser.find_element("css selector", "input[value=python-docs]").click()
    browser.find_element("id", "length").clear()
    browser.find_element("id", "length").send_keys("20000")
    browser.find_element("id", "write").click()
    waited(browser, "return !document.getElementById('stop').disabled")
    browser.find_element("id", "inspect").click()
    browser.find_element("css selector", "input[value=dates]").click()
    waited(browser, "return document.querySelectorAll('#told button').length > 0")
    assert browser.find_element("id", "told").get_attribute("aria-busy") is None
    assert not browser.find_element("id", "stop").is_enabled()
    waited(browser, "return !document.getElementById('inspect').disabled")
    assert not browser.find_element("id", "inside").is_displayed()
    assert not browser.find_element("id", "problem").is_displayed()
    assert browser.get_log("browser") == []


def test_a_server_that_is_gone_is_told(browser: Any, tmp_path: Path) -> None:
    with running(tmp_path, "python-docs") as server:
        opened(browser, server, "python-docs")
        browser.find_element("id", "length").clear()
        browser.find_element("id", "length").send_keys("20000")
        browser.find_element("id", "write").click()
        waited(browser, "return document.querySelector('#told p')?.textContent.length > 20")
        server.process.kill()
        waited(browser, "return !document.getElementById('problem').hidden")
        told = browser.find_element("id", "problem").text
        assert told == "The server does not answer. Is it still running? The text is not whole."


def test_models_are_chosen_by_keyboard(browser: Any, server: Running) -> None:
    from selenium.webdriver import Keys

    opened(browser, server, "sentiment")
    browser.find_element("css selector", "input:checked").send_keys(Keys.ARROW_RIGHT)
    assert browser.find_element("id", "askTitle").text == "python-docs: writing"
    roles = {one.tag_name for one in browser.find_elements("css selector", "header, nav, main, h1")}
    assert roles == {"header", "nav", "main", "h1"}
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('input, textarea')].filter(one => !one.labels.length).map(one => one.id)"
    )
    assert unnamed == []


def test_a_key_is_asked_for_and_used(browser: Any, tmp_path: Path) -> None:
    with running(tmp_path, "sentiment", "--api-key", key="of-mine") as server:
        browser.get(f"http://127.0.0.1:{server.port}/")
        waited(browser, "return !document.getElementById('keyForm').hidden")
        field = browser.find_element("id", "key")
        field.send_keys("of-mine")
        field.submit()
        waited(browser, "return document.querySelectorAll('#models input').length === 1")
        assert not browser.find_element("id", "keyForm").is_displayed()
        typed(browser, "I loved it")
        waited(browser, "return document.querySelectorAll('#told .row').length === 2")
        assert "of-mine" not in browser.find_element("id", "curl").get_attribute("textContent")
        server.stop()
        typed(browser, "and now?")
        waited(browser, "return !document.getElementById('problem').hidden")
        assert browser.find_element("id", "problem").text == "The server does not answer. Is it still running?"
