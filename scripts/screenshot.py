"""Takes the picture of the playground for docs/SERVE.md, with Chromium and its driver: python scripts/screenshot.py"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

PORT = 8798


def main() -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu"):
        options.add_argument(argument)
    server = subprocess.Popen([sys.executable, "-m", "nlpkit", "serve", "--port", str(PORT)])
    browser = webdriver.Chrome(options=options, service=Service(str(shutil.which("chromedriver"))))
    try:
        time.sleep(5)
        size = {"width": 1000, "height": 1130, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(f"http://127.0.0.1:{PORT}/#sentiment")
        wait = WebDriverWait(browser, 20)
        wait.until(lambda page: page.find_elements("css selector", "input:checked"))
        text = "I wanted to like it, and the beginning is slow, but the acting is good and the ending is wonderful."
        browser.find_element("id", "given").send_keys(text)
        wait.until(lambda page: page.find_elements("css selector", ".row"))
        browser.find_element("id", "inspect").click()
        wait.until(lambda page: page.find_element("id", "inside").is_displayed())
        time.sleep(2)  # the view inside draws itself
        browser.execute_script("scrollTo(0, 0); document.activeElement.blur()")
        picture = Path(__file__).parents[1] / "docs" / "serve.png"
        browser.save_screenshot(str(picture))
        print(f"wrote {picture}")
    finally:
        browser.quit()
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
