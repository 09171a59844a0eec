"""`make pictures`: the pictures of README and docs/sidebar.md, and the tour, as they are in a real JupyterLab.

What is shown is asserted first: a picture of something that is not there any more fails here.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.panel.browser import ROOT, Lab, notebook, ready
from tests.services.lab import chromium, off_machine

PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 200_000
TOUR_BYTES = 1_500_000
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
DELAYS = """%%pluto sql delays
SELECT month, origin, round(avg(dep_delay), 1) AS delay
FROM flights
WHERE dep_delay IS NOT NULL
GROUP BY month, origin
ORDER BY delay DESC
LIMIT 6"""

pytestmark = pytest.mark.pictures


@pytest.fixture(scope="module")
def page(lab_address: str, lab_folder: Path) -> Iterator[Any]:
    """Small, and sharp on good screens."""
    (lab_folder / "delays.ipynb").write_text(notebook("%load_ext pluto_duck", DELAYS), encoding="utf-8")
    (lab_folder / "tour.ipynb").write_text(notebook("%load_ext pluto_duck"), encoding="utf-8")
    with chromium("--force-prefers-reduced-motion", "--force-color-profile=srgb") as browser:
        made = browser.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1.5)
        made.set_default_timeout(120_000)
        yield made
        made.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def _opened(page: Any, address: str, name: str) -> Lab:
    lab = Lab(page, address)
    lab.open(name)
    ready(page)
    lab.command("pluto-duck:show-chat")
    lab.command("pluto-duck:show-data")
    return lab


def _keep(name: str, png: bytes) -> None:
    from PIL import Image

    PICTURES.mkdir(exist_ok=True)
    file = PICTURES / f"{name}.webp"
    Image.open(io.BytesIO(png)).convert("RGB").save(file, quality=82, method=6)
    assert file.stat().st_size < MOST_BYTES, f"{file.name} has {file.stat().st_size:,} bytes"


def _in_both_themes(lab: Lab, take: Callable[[str], None]) -> None:
    for short, theme in THEMES.items():
        lab.command("apputils:change-theme", theme=theme)
        lab.page.locator(f"body[data-jp-theme-name='{theme}']").wait_for(state="attached")
        lab.page.mouse.move(640, 5)  # away from what shows more while it is under the pointer
        lab.page.evaluate("() => document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
        take(short)
    lab.command("apputils:change-theme", theme=THEMES["light"])


def test_pictures(page: Any, lab_address: str) -> None:
    lab = _opened(page, lab_address, "delays.ipynb")
    lab.run_cell(0)
    lab.run_cell(1)
    data, chat = page.locator("#pluto-duck-data"), page.locator("#pluto-duck-chat")
    tree = data.get_by_role("treegrid")
    tree.get_by_text("flights", exact=True).click()
    data.locator("[data-pd-profile=done]").wait_for()
    tree.get_by_text("dep_delay", exact=True).click()
    data.locator(".pd-detail").wait_for()
    turn = lab.ask("average departure delay by carrier")
    if turn.locator(".pd-opt").count():
        turn.locator(".pd-opt").first.click()
        page.locator(".pd-log[aria-busy=false]").wait_for()
        turn = page.locator(".pd-turn").last
    turn.get_by_role("grid").wait_for()

    def take(short: str) -> None:
        for name, part in {"sidebar": page, "answer": chat, "columns": data}.items():
            _keep(f"{name}-{short}", part.screenshot())

    _in_both_themes(lab, take)

    lab.command("pluto-duck:new-conversation")
    turn = lab.ask("churn by carrier")
    assert turn.locator(".pd-unknown").inner_text() == "churn"
    _in_both_themes(lab, lambda short: _keep(f"declined-{short}", turn.screenshot()))
    assert off_machine(lab.asked) == set()


def test_tour(page: Any, lab_address: str) -> None:
    """From the extension that is loaded to a cell of one's own, in one animated picture."""
    from PIL import Image

    lab = _opened(page, lab_address, "tour.ipynb")
    frames: list[tuple[Any, int]] = []

    def frame(ms: int) -> None:
        page.evaluate("() => new Promise(requestAnimationFrame)")
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        frames.append((shot.resize((1120, 700), Image.Resampling.LANCZOS), ms))

    data = page.locator("#pluto-duck-data")
    tree = data.get_by_role("treegrid")
    data.get_by_role("button", name="Run %load_ext pluto_duck").wait_for()
    page.mouse.move(640, 5)
    frame(1200)
    lab.run_cell(0)
    tree.get_by_text("flights", exact=True).wait_for()
    lab.command("pluto-duck:new-conversation")
    frame(1300)
    tree.get_by_text("flights", exact=True).click()
    data.locator("[data-pd-profile=done]").wait_for()
    frame(1700)
    box = page.get_by_label("Ask about your data")
    box.click()
    question = "number of flights by carrier"
    for at in range(4, len(question) + 4, 4):
        page.keyboard.type(question[at - 4:at])
        frame(140)
    frame(500)
    page.keyboard.press("Enter")
    turn = page.locator(".pd-turn").last
    page.locator(".pd-log[aria-busy=false]").wait_for()
    turn.get_by_role("grid").wait_for()
    page.mouse.move(640, 5)
    frame(2600)
    turn.get_by_role("button", name="SQL", exact=False).first.click()
    turn.locator("pre").wait_for()
    frame(1800)
    before = len(lab.cells())
    turn.get_by_role("button", name="Insert as SQL cell").click()
    page.wait_for_function("n => window.jupyterapp.shell.currentWidget.content.widgets.length === n", arg=before + 1)
    page.mouse.move(640, 5)
    frame(1500)
    inserted = next(at for at, cell in enumerate(lab.cells()) if cell["source"].startswith("%%pluto sql"))
    lab.run_cell(inserted)
    page.locator(".jp-OutputArea table").last.wait_for()
    frame(2800)
    assert off_machine(lab.asked) == set()

    first, *rest = [one for one, _ms in frames]
    file = PICTURES / "tour.webp"
    first.save(file, save_all=True, append_images=rest, duration=[ms for _one, ms in frames], loop=0, quality=76,
               method=6, minimize_size=True)
    assert file.stat().st_size < TOUR_BYTES
