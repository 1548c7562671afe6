"""A real browser for journeys: a window of somebody logged in, and everything that it complains about."""

import os
import shutil
from contextlib import contextmanager
from typing import Any
from unittest import SkipTest, mock

from django.contrib.staticfiles.testing import StaticLiveServerTestCase
from django.urls import reverse

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
PATIENCE = 20_000  #: milliseconds; the machine may be busy with other tests


def page(name, *arguments):
    return reverse(f"admin:{name}", args=arguments)


class Browser(StaticLiveServerTestCase):
    browser: Any

    @classmethod
    def setUpClass(cls):
        if not CHROMIUM:
            raise SkipTest("The browser tests were skipped: there is no Chromium. On Debian: apt-get install chromium.")
        try:
            from playwright.sync_api import sync_playwright
        except ImportError:
            raise SkipTest("The browser tests were skipped: playwright is not installed. Install requirements.lock.") from None
        super().setUpClass()
        # Playwright keeps an event loop in this thread; the tests themselves are as synchronous as ever.
        allowed = mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "yes"})
        allowed.start()
        cls.addClassCleanup(allowed.stop)
        playwright = sync_playwright().start()
        cls.addClassCleanup(playwright.stop)
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        cls.browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.complaints = []

    @contextmanager
    def visit(self, **options):
        """A window of somebody logged in; whatever the browser complains about is collected."""
        context = self.browser.new_context(viewport={"width": 1280, "height": 900}, **options)
        context.set_default_timeout(PATIENCE)
        window = context.new_page()
        window.on("console", lambda said: self.complaints.append(said.text) if said.type in ("error", "warning") else None)
        window.on("pageerror", lambda error: self.complaints.append(str(error)))
        window.on("response", lambda got: self.complaints.append(f"{got.status} {got.url}") if got.status >= 400 else None)
        window.on("request", lambda asked: self.complaints.append(asked.url) if not asked.url.startswith(self.live_server_url) else None)
        try:
            window.goto(self.live_server_url + page("index"))
            window.fill("#id_username", "ada")
            window.fill("#id_password", "x")
            window.press("#id_password", "Enter")
            window.wait_for_selector("#overview")
            yield window
        finally:
            context.close()

    def go(self, window, url):
        window.goto(self.live_server_url + url)
