"""A headless Chromium that tests drive, and what it saw: console, network, screenshots."""

import base64
import json
import shutil

import pytest

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)


def open_browser():
    """Start Chromium, or skip and say what is missing."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed: the dev extra")
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    binary = next((path for path in found if path), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no chromium and chromedriver on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


class Page:
    """One page in the browser."""

    def __init__(self, driver):
        self.driver = driver

    def show(self, path, *, width=1280, dark=False, scripts=True):
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": [scheme]})
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        for kind in ("browser", "performance"):
            self.driver.get_log(kind)
        self.driver.get(path.as_uri())
        return self

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def text(self, css):
        return self.run("return document.querySelector(arguments[0]).textContent.trim()", css)

    def all(self, css):
        return self.run(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())", css
        )

    def put(self, css, value):
        """Set a control as a user's hand does."""
        script = (
            "const e = document.querySelector(arguments[0]); e.value = arguments[1];"
            "e.dispatchEvent(new Event('input', {bubbles: true}));"
            "e.dispatchEvent(new Event('change', {bubbles: true}));"
        )
        self.run(script, css, value)

    def press(self, css, *keys):
        for key in keys:
            event = {"key": key, "bubbles": True, "cancelable": True}
            script = (
                "const event = new KeyboardEvent('keydown', arguments[1]);"
                "document.querySelector(arguments[0]).dispatchEvent(event)"
            )
            self.run(script, css, event)

    def complaints(self):
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self):
        """URLs that were asked for, the page itself left out."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        asked = [e["params"] for e in events if e["method"] == "Network.requestWillBeSent"]
        return [a["request"]["url"] for a in asked if a.get("type") != "Document"]

    def screenshot(self, path):
        size = self.driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 9000), "scale": 1}
        shot = self.driver.execute_cdp_cmd(
            "Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip}
        )
        path.write_bytes(base64.b64decode(shot["data"]))
        return path
