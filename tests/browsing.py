"""A real Chromium for the tests of pages."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

CHROMIUM = os.environ.get("CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STORAGE = """async () => ({
  local: Object.keys(localStorage), session: Object.keys(sessionStorage), cookies: document.cookie,
  databases: (await indexedDB.databases()).length,
})"""
"""What a page has stored in the browser."""

NOTHING_STORED = {"local": [], "session": [], "cookies": "", "databases": 0}

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on the path, nor in CHROMIUM")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Starts a browser. Playwright's event loop runs while it is open and would disturb other tests."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=60_000)
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()
