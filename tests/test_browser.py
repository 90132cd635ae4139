"""The page at `/` in a real browser: what it shows, what it runs, and what it never lets happen."""

import shutil
import signal

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from tests.support import serving

pytestmark = pytest.mark.thorough

SECONDS = 15
"""How long a test waits for the page to show something before it fails."""
HOSTILE = '<img src=x onerror="document.title=1"><script>document.title=2</script>'
TOKEN = "an-open-sesame-of-32-characters!"
HELLO = "Echo: hello"


class Page:
    """The page of one server, as a person sees it."""

    def __init__(self, driver, url):
        self.driver = driver
        driver.get(url)

    def until(self, seen):
        return WebDriverWait(self.driver, SECONDS).until(lambda _: seen())

    def text(self, selector):
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def shows(self, selector, text):
        self.until(lambda: text in self.text(selector))

    def entry(self, name):
        """Open the entry of a tool, resource or prompt."""
        found = By.XPATH, f"//details[summary/code[.='{name}']]"
        entry = self.until(lambda: next(iter(self.driver.find_elements(*found)), None))
        entry.find_element(By.TAG_NAME, "summary").click()
        self.until(lambda: entry.find_elements(By.TAG_NAME, "form"))
        return entry

    def run(self, name, *values):
        """Fill in the form of an entry, in order, and press its button."""
        entry = self.entry(name)
        for control, value in zip(entry.find_elements(By.CSS_SELECTOR, "textarea, input"), values, strict=True):
            control.send_keys(value)
        return self.press(entry)

    def press(self, entry):
        """Return the output of an entry as soon as it has a heading."""
        entry.find_element(By.CSS_SELECTOR, "button.main").click()
        output = entry.find_element(By.CLASS_NAME, "output")
        self.until(lambda: output.find_elements(By.CLASS_NAME, "label"))
        return output

    def complaints(self):
        """What the browser has to say: refused by the policy, thrown by the script, not found."""
        return [line["message"] for line in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def driver():
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    chromedriver = shutil.which("chromedriver")
    assert browser, "chromium is not on PATH (Debian: apt-get install chromium)"
    assert chromedriver, "chromedriver is not on PATH (Debian: apt-get install chromium-driver)"
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(chromedriver))
    yield driver
    driver.quit()


@pytest.fixture
def open_page(driver):
    def open_page(server):
        return Page(driver, f"{server.base}/")

    yield open_page
    driver.get("about:blank")
    driver.get_log("browser")


@pytest.fixture
def page(open_page):
    with serving() as server:
        yield open_page(server)


def test_the_page_says_what_the_server_is_and_that_it_is_ready(page, tmp_path):
    page.shows("#status", "Healthy and ready")
    assert page.text("h1") == "sample"
    assert "version 1.2.3" in page.text("#facts")
    assert "claude mcp add --transport http sample http://127.0.0.1" in page.text("#snippet")
    page.entry("echo")
    assert page.driver.save_screenshot(str(tmp_path / "page.png"))
    assert page.complaints() == []


def test_tools_resources_and_prompts_can_be_tried(page):
    assert HELLO in page.run("echo", "hello").text
    assert "data" in page.run("sample://data").text
    assert "data of Ada" in page.run("sample://{name}/data", "Ada").text
    assert "Describe a pear" in page.run("describe", "a pear").text
    assert page.complaints() == []


def test_a_tool_that_fails_looks_different_from_a_request_that_is_refused(page):
    failed = page.run("refuse")
    assert (failed.get_attribute("data-kind"), "not today" in failed.text) == ("tool-error", True)
    refused = page.run("broken_prompt", "x")
    assert refused.get_attribute("data-kind") == "refusal"


def test_whatever_the_server_says_is_shown_as_text(page):
    output = page.run("echo", HOSTILE)
    assert HOSTILE in output.text
    assert not output.find_elements(By.CSS_SELECTOR, "img, script")
    assert page.driver.title == "sample"
    assert page.complaints() == []


def test_progress_is_shown_and_a_call_can_be_cancelled(page):
    assert "done" in page.run("steps", "3").text
    hang, seen = page.entry("hang"), page.entry("seen")
    hang.find_element(By.TAG_NAME, "textarea").send_keys("browser", Keys.ENTER)
    seen.find_element(By.TAG_NAME, "textarea").send_keys("browser")
    page.until(lambda: "started" in page.press(seen).text)
    hang.find_element(By.XPATH, ".//button[.='Cancel']").click()
    page.until(lambda: "Cancelled" in hang.text)
    page.until(lambda: "cancelled" in page.press(seen).text)


def test_a_tool_that_asks_gets_its_answer(page):
    output = page.run("ask_in_rounds")
    assert "What is your name?" in output.text
    output.find_element(By.TAG_NAME, "textarea").send_keys("Ada", Keys.ENTER)
    page.until(lambda: "accept Ada after round 1" in output.text)


def test_a_tool_can_be_called_by_keyboard_alone(page):
    page.until(lambda: page.driver.find_elements(By.CSS_SELECTOR, "#tools summary"))

    def press(*keys):
        webdriver.ActionChains(page.driver).send_keys(*keys).perform()

    def focused():
        return page.driver.switch_to.active_element

    for _ in range(30):
        press(Keys.TAB)
        if focused().tag_name == "summary":
            break
    assert "echo" in focused().text
    press(Keys.ENTER)
    page.until(lambda: page.driver.find_elements(By.CSS_SELECTOR, "#tools form"))
    press(Keys.TAB, "hello", Keys.TAB)
    assert focused().text == "Run"
    press(Keys.ENTER)
    page.shows("#tools .output", HELLO)


def test_the_page_says_when_the_server_is_leaving_and_when_it_has_gone(open_page):
    with serving(MCP_DRAIN_DELAY="7") as server:  # longer than the page waits between two looks
        page = open_page(server)
        page.shows("#status", "Healthy and ready")
        server.process.send_signal(signal.SIGTERM)
        page.shows("#status", "Healthy, not ready: ")
        page.shows("#status", "No answer from the server")


def test_a_server_with_tokens_shows_nothing_before_it_has_one(open_page):
    with serving(MCP_AUTH="token", MCP_AUTH_TOKENS=TOKEN) as server:
        page = open_page(server)
        page.shows("#token", "Bearer token")
        assert "YOUR_TOKEN" in page.text("#snippet")
        assert not page.driver.find_elements(By.CSS_SELECTOR, "#tools summary")
        field = page.driver.find_element(By.ID, "token-value")
        field.send_keys("wrong", Keys.ENTER)
        page.shows("#token", "does not accept")
        field.send_keys(TOKEN, Keys.ENTER)
        assert HELLO in page.run("echo", "hello").text
        assert TOKEN not in page.driver.page_source


def test_over_sse_the_page_says_why_nothing_can_be_tried(open_page):
    with serving("--transport", "sse") as server:
        page = open_page(server)
        page.shows("#problem", "deprecated SSE transport")
        assert "--transport sse" in page.text("#snippet")
        assert page.complaints() == []
