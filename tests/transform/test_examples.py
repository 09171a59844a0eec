"""The projects of dbt_examples/: they build, and what they reckon is right."""

from __future__ import annotations

import csv
import datetime as dt
import importlib.util
import json
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pluto_duck.catalog.lineage import Lineage, collect, known
from pluto_duck.session import Session
from pluto_duck.transform.dbt import DbtOptions, DbtReport, run_dbt
from pluto_duck.transform.dbt.lineage import artifacts, models

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "dbt_examples"
SAMPLE = ROOT / "pluto_duck/commands/sample"


def copied(name: str, folder: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES / name, folder / name,
                                ignore=shutil.ignore_patterns("target", "logs", "__pycache__")))


def statuses(report: DbtReport) -> dict[str, str]:
    assert not report.problem, report.problem
    return {one.name: one.status for one in report.nodes}


def records(session: Session, sql: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.query(sql).arrow().to_pylist()
    return found


def test_flights_are_built_and_a_second_run_takes_only_what_is_new(session: Session, tmp_path: Path) -> None:
    for table in ("airlines", "airports", "planes", "weather", "flights"):
        until = "WHERE month = 1 AND day <= 20" if table == "flights" else ""
        session.query(f"CREATE TABLE {table} AS FROM read_parquet('{SAMPLE / table}.parquet') {until}")
    project = copied("flights", tmp_path)
    found = statuses(run_dbt(session, DbtOptions(project=project)))
    assert {status for name, status in found.items() if not name.startswith(("relationships_fct", "transform_"))} == {"ok"}
    assert next(status for name, status in found.items() if name.startswith("relationships_fct")) == "warned"
    manifest = json.loads((project / "target/manifest.json").read_text())
    assert "Department of Transportation" in \
        manifest["nodes"]["model.flights.fct_flights"]["columns"]["is_on_time"]["description"]
    assert manifest["exposures"]["exposure.flights.transform_notebook"]["depends_on"]["nodes"]
    tables = session.tables()
    names, views = known(session, tables)
    lineage = Lineage([collect(session, tables, names, views)[0],
                       models(session, tables, names, artifacts(session.workspace, [project]))])
    up = lineage.around("marts.carrier_punctuality", "on_time_rate", down=False)
    assert {"main.flights"} == {one.id for one in up.nodes if not lineage.above(one.id)}
    assert "exposure.flights.transform_notebook" in {one.id for one in lineage.around("main.airlines").nodes}
    (there,) = records(session, """
        SELECT count(*) AS flights, count(*) FILTER (dep_time IS NULL) AS cancelled,
            count(*) FILTER (arr_delay < 15) AS on_time FROM flights""")
    (here,) = records(session, """
        SELECT sum(flight_count)::BIGINT AS flights, sum(cancelled_count)::BIGINT AS cancelled,
            sum(on_time_count)::BIGINT AS on_time FROM marts.carrier_punctuality""")
    assert here == there

    # A flight of yesterday is corrected, one of long ago too; the next day arrives; a plane is converted, one sold.
    session.query(f"INSERT INTO flights FROM read_parquet('{SAMPLE}/flights.parquet') WHERE month = 1 AND day = 21")
    session.query("UPDATE flights SET arr_delay = 9999 WHERE day IN (1, 19) AND arr_delay IS NOT NULL")
    session.query("UPDATE planes SET seats = seats + 1 WHERE tailnum = 'N10156'; DELETE FROM planes WHERE tailnum = 'N102UW'")
    again = statuses(run_dbt(session, DbtOptions(
        project=project, args=("--select", "fct_flights", "planes_snapshot", "--exclude-resource-type", "test", "unit_test"))))
    assert again == {"fct_flights": "ok", "planes_snapshot": "ok"}
    assert records(session, "SELECT count(*) AS n, count(DISTINCT flight_id) AS d FROM marts.fct_flights") == \
        records(session, "SELECT count(*) AS n, count(*) AS d FROM flights")
    assert [one["day"] for one in records(session, """
        SELECT DISTINCT day(flight_date) AS day FROM marts.fct_flights WHERE arrival_delay_min = 9999""")] == [19]
    assert [tuple(one.values()) for one in records(session, """
        SELECT tailnum, count(*) AS versions, count(*) FILTER (dbt_valid_to IS NULL) AS current
        FROM snapshots.planes_snapshot GROUP BY ALL HAVING versions > 1 OR current = 0 ORDER BY ALL""")] == [
            ("N10156", 2, 1), ("N102UW", 1, 0)]


def test_project_financing_reckons_what_a_spreadsheet_would(session: Session, tmp_path: Path) -> None:
    project = copied("project_financing", tmp_path)
    generator = _module(project / "generate.py")
    for name, lines in generator.generate(12, 7).items():
        with (project / f"seeds/{name}.csv").open(newline="") as file:
            assert list(csv.reader(file)) == [[str(value) for value in line] for line in lines], f"{name} is not generate.py's"
    found = statuses(run_dbt(session, DbtOptions(project=project)))
    assert set(found.values()) == {"ok"}
    assert found["xirr_is_what_spreadsheets_say"] == "ok"

    models = [Project(one, project / "seeds") for one in _csv(project / "seeds/raw_projects.csv")]
    returns = {one["project_id"]: one for one in records(session, "FROM financing.project_returns")}
    assert len(returns) == len(models) == 12
    covered = {(one["project_id"], one["period_end_date"]): one
               for one in records(session, "FROM financing.project_dscr")}
    assert len(covered) == sum(len(one.dscr) for one in models)
    for model in models:
        told = returns[model.id]
        # Here each balance follows from the last one; there each is a closed form. They differ by cents at most.
        assert float(told["loan_at_operation"]) == pytest.approx(model.loan, abs=0.05)
        assert told["project_irr"] == pytest.approx(xirr(model.days, model.project_flows), abs=1e-8)
        assert told["equity_irr"] == pytest.approx(xirr(model.days, model.equity_flows), abs=1e-8)
        assert told["min_dscr"] == pytest.approx(min(model.dscr.values()), rel=1e-8)
        assert told["avg_dscr"] == pytest.approx(sum(model.dscr.values()) / len(model.dscr), rel=1e-8)
        assert told["llcr"] == pytest.approx(model.llcr, rel=1e-8)
        assert {day: covered[model.id, day]["dscr"] for day in model.dscr} == pytest.approx(model.dscr, rel=1e-8)
        locked = [day for day in model.dscr_12m if model.dscr_12m[day] < 1.15]
        assert [day for day in model.dscr if covered[model.id, day]["is_lock_up"]] == locked
    assert any(one["lock_up_period_count"] for one in returns.values()), "a covenant that nobody breaks shows nothing"
    assert any(sum(1 for a, b in pairwise(model.equity_flows) if a * b < 0) > 1 for model in models), "a bad year"

    rates = {one["currency"]: float(one["eur_rate"]) for one in _csv(project / "seeds/raw_fx_rates.csv")}
    for one in records(session, "FROM financing.portfolio_returns"):
        flows: dict[dt.date, float] = {}
        shares = {line["project_id"]: float(line["share"]) for line in _csv(project / "seeds/raw_allocations.csv")
                  if line["portfolio_id"] == one["portfolio_id"]}
        for model in models:
            for day, amount in zip(model.days, model.equity_flows, strict=True):
                flows[day] = flows.get(day, 0.0) + shares.get(model.id, 0.0) * amount * rates[model.currency]
        days = sorted(flows)
        amounts = [flows[day] for day in days]
        while not amounts[0]:
            del days[0], amounts[0]
        assert one["equity_irr"] == pytest.approx(xirr(days, amounts), abs=1e-7)
        assert float(one["npv_eur"]) == pytest.approx(npv(float(one["hurdle_rate"]), days, amounts), rel=1e-6)
        assert one["is_above_hurdle"] == (xirr(days, amounts) >= float(one["hurdle_rate"]))


class Project:
    """The same, told by hand: period after period, from the lines of the seeds."""

    def __init__(self, line: dict[str, str], seeds: Path) -> None:
        self.id, self.currency = line["project_id"], line["currency"]
        begin = dt.date.fromisoformat(line["operating_from"])
        (loan,) = [one for one in _csv(seeds / "raw_facilities.csv") if one["project_id"] == self.id]
        rate, periods = float(loan["interest_rate"]) / 2, int(loan["tenor_half_years"])
        paid: dict[dt.date, dict[str, float]] = {}
        for one in _csv(seeds / "raw_cash_flows.csv"):
            if one["project_id"] == self.id:
                paid.setdefault(dt.date.fromisoformat(one["period_end"]), {})[one["type"]] = float(one["amount"])
        self.days, self.project_flows, self.equity_flows = sorted(paid), list[float](), list[float]()
        self.dscr: dict[dt.date, float] = {}
        self.dscr_12m: dict[dt.date, float] = {}
        owed, self.loan, self.llcr, number = 0.0, 0.0, 0.0, 0
        last: tuple[float, float] | None = None
        for day in self.days:
            kinds = paid[day]
            available = kinds.get("revenue", 0.0) - kinds.get("opex", 0.0) - kinds.get("tax", 0.0)
            if day < begin:
                drawn = kinds["capex"] * float(loan["gearing"])
                owed = owed * (1 + rate) + drawn
                self.project_flows.append(-kinds["capex"])
                self.equity_flows.append(drawn - kinds["capex"])
                continue
            self.loan, number = self.loan or owed, number + 1
            service = 0.0
            if number <= periods:
                interest = owed * rate
                service = self.loan * rate / (1 - (1 + rate) ** -periods) if loan["profile"] == "annuity" \
                    else self.loan / periods + interest
                owed -= service - interest
                self.dscr[day] = available / service
                self.llcr += available / (1 + rate) ** number / self.loan
                if last is not None:
                    self.dscr_12m[day] = (last[0] + available) / (last[1] + service)
                last = available, service
            self.project_flows.append(available)
            self.equity_flows.append(available - service)
        assert abs(owed) < 0.01


def npv(rate: float, days: Sequence[dt.date], amounts: Sequence[float]) -> float:
    return sum(amount / (1 + rate) ** ((day - days[0]).days / 365) for day, amount in zip(days, amounts, strict=True))


def xirr(days: Sequence[dt.date], amounts: Sequence[float]) -> float:
    """By Newton's method, which dbt's SQL does not use."""
    rate = 0.1
    for _ in range(100):
        slope = sum(-(day - days[0]).days / 365 * amount / (1 + rate) ** ((day - days[0]).days / 365 + 1)
                    for day, amount in zip(days, amounts, strict=True))
        step = npv(rate, days, amounts) / slope
        rate -= step
        if abs(step) < 1e-13:
            return rate
    raise AssertionError("Newton's method found nothing")


def _csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("generate", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
