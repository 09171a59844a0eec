"""The sidebar in a real JupyterLab and a headless Chromium: how soon, how large, how smooth."""

from __future__ import annotations

import gzip
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pluto_duck.session import Session
from pluto_duck.workspace import create
from tests.benchmarks.table import Row, plain
from tests.panel.browser import BUNDLE, Lab, chromium, lab_server, notebook

QUESTIONS = 21
RELOADS = 5

# When Lab was restored, when the composer takes a question, when the tables are there: in ms of the page's clock.
OPENING = """(() => {
    const seen = window.benchOpening = {};
    const look = () => {
        const now = performance.now();
        if (document.querySelector('[data-pd-composer]')) seen.composer ??= now;
        if (document.querySelector('#pluto-duck-data [aria-level="1"]')) seen.tables ??= now;
        if (!seen.tables || !seen.composer) requestAnimationFrame(look);
    };
    const wait = () => {
        if (!window.jupyterapp) return setTimeout(wait, 5);
        window.jupyterapp.restored.then(() => { seen.restored = performance.now(); });
        look();
    };
    wait();
})()"""

# From Enter to the first step that the kernel told (what stands there before is the page's own).
FIRST_STEP = """() => new Promise(resolve => {
    document.querySelector('[data-pd-composer]').addEventListener('keydown', event => {
        if (event.key !== 'Enter') return;
        const began = performance.now();
        const look = () => {
            const turn = [...document.querySelectorAll('.pd-turn')].pop();
            const step = turn?.querySelector('.pd-steps li')?.textContent;
            const told = turn && (turn.getAttribute('aria-busy') === 'false' || (step && step !== 'Asking'));
            if (told) requestAnimationFrame(() => { window.benchStep = performance.now() - began; });
            else requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
    }, { capture: true, once: true });
    window.benchStep = 0;
    resolve();
})"""

# One pass over the whole height, in steps of many pages, for as many frames; then the longest of 95 of 100 frames.
SCROLL = """grid => new Promise(resolve => {
    const frames = [], rows = [];
    let at = 0, before = performance.now();
    const step = () => {
        const now = performance.now();
        frames.push(now - before);
        before = now;
        rows.push(grid.querySelectorAll('[role=row]').length);
        if (++at > 240) {
            frames.sort((a, b) => a - b);
            resolve({ p95: frames[Math.floor(frames.length * 0.95)], least: Math.min(...rows), most: Math.max(...rows) });
            return;
        }
        // Slowly, as by hand, then in leaps, as with the bar.
        grid.scrollTop = at < 120 ? at * 180 : grid.scrollHeight * (at - 120) / 120;
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""

LONG_TASKS = """() => {
    window.benchTasks = [];
    new PerformanceObserver(list => window.benchTasks.push(...list.getEntries().map(one => one.duration)))
        .observe({ entryTypes: ['longtask'] });
}"""


def sidebar_rows() -> Iterator[Row]:
    size = sum(len(gzip.compress(one.read_bytes(), 9)) for one in BUNDLE.glob("static/*.js")) / 1000
    yield Row("bundle of the sidebar, gzipped", f"{size:.0f} kB", "all its scripts", f"{size:.0f} kB", "250 kB", "150 kB",
              size <= 250)
    with _opened() as lab:
        yield from _opening(lab)
        yield _first_step(lab)
        yield from _scrolling(lab)
        yield _profiling(lab)


@contextmanager
def _opened() -> Iterator[Lab]:
    with tempfile.TemporaryDirectory() as made, tempfile.TemporaryDirectory() as short:
        root = Path(made) / "bench"
        create(root)
        columns = ", ".join(f"(i * {at + 3}) % {10 ** (at % 6 + 1)} AS c{at}" for at in range(16))
        with Session.open(root) as session:
            session.query(f"CREATE TABLE large AS SELECT i AS id, 'name ' || i % 5000 AS name, {columns} "
                          "FROM range(10000000) AS r(i)")
            session.query("CREATE TABLE orders AS SELECT i AS order_id, i % 50 AS shop, i * 0.5 AS amount "
                          "FROM range(1000000) AS r(i)")
        (root / "bench.ipynb").write_text(notebook("%load_ext pluto_duck"), encoding="utf-8")
        with lab_server(root, Path(made) / "state", Path(short)) as address, chromium() as browser:
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(120_000)
            page.add_init_script(OPENING)
            lab = Lab(page, address)
            lab.open("bench.ipynb")
            lab.run_cell(0)
            lab.command("pluto-duck:show-chat")
            lab.command("pluto-duck:show-data")
            page.locator("#pluto-duck-data").get_by_text("orders", exact=True).wait_for()
            lab.ask("how many orders are there")
            yield lab
            page.evaluate("() => window.jupyterapp.serviceManager.sessions.shutdownAll()")


def _opening(lab: Lab) -> Iterator[Row]:
    page = lab.page
    page.wait_for_timeout(3_000)  # Lab writes down which panels are open
    composer, tables = [], []
    for _ in range(RELOADS):
        page.reload()
        lab.ready()
        page.wait_for_function("() => window.benchOpening.tables && window.benchOpening.composer")
        seen = page.evaluate("() => window.benchOpening")
        composer.append(max(0.0, seen["composer"] - seen["restored"]))
        tables.append(max(0.0, seen["tables"] - seen["restored"]))
    note = f"{RELOADS} reloads, kernel at rest"
    yield plain("a question can be typed, after Lab is restored", statistics.median(composer), 500, 100, note=note)
    yield plain("the tables are there, after Lab is restored", statistics.median(tables), 500, 300, note=note)


def _first_step(lab: Lab) -> Row:
    page = lab.page
    took = []
    for _ in range(QUESTIONS):
        lab.command("pluto-duck:new-conversation")
        page.evaluate(FIRST_STEP)
        lab.ask("average amount by shop in orders")
        page.wait_for_function("() => window.benchStep > 0")
        took.append(page.evaluate("() => window.benchStep"))
    return plain("from Enter to the first step in sight, p50, builtin", statistics.median(took), 100, 50,
                 note=f"{QUESTIONS} asked; slowest {max(took):.0f} ms")


def _scrolling(lab: Lab) -> Iterator[Row]:
    page = lab.page
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("orders", exact=True).click()
    page.get_by_role("button", name="Preview").last.click()
    grid = page.get_by_role("grid", name="orders")
    grid.get_by_role("gridcell").first.wait_for()
    seen = grid.evaluate(SCROLL)
    yield plain("scrolling 1M rows, p95 of a frame", seen["p95"], 50, 20, note="240 frames, headless")
    yield Row("rows in the page meanwhile", f"{seen['least']} to {seen['most']}", "of 1,000,000",
              f"{seen['most']}", "constant", "constant", seen["most"] < 200)
    lab.command("application:close")


def _profiling(lab: Lab) -> Row:
    page = lab.page
    page.evaluate(LONG_TASKS)
    page.locator("#pluto-duck-data").get_by_role("treegrid").get_by_text("large", exact=True).click()
    page.locator("#pluto-duck-data [data-pd-profile=done]").last.wait_for()
    longest = max([0.0, *page.evaluate("() => window.benchTasks")])
    return plain("longest task of the page while 10M rows are profiled", longest, 100, 50,
                 note="18 columns; 0: none over 50 ms")
