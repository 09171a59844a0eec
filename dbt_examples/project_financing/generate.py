"""Writes the seeds: projects, portfolios, allocations, facilities and their cash flows. The same seed, the same files.

    python generate.py [--projects 12] [--seed 7] [--folder seeds]

Nothing here is a real project. Amounts are in the project's currency, each half-year's at its last day.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import random
from pathlib import Path

KINDS = (  # technology, capex per MW, yearly revenue and opex as shares of capex, years of life
    ("solar", 750_000, 0.118, 0.017, 30), ("onshore_wind", 1_350_000, 0.134, 0.030, 25),
    ("battery", 620_000, 0.165, 0.041, 20), ("hydro", 2_900_000, 0.122, 0.019, 35))
COUNTRIES = (("ES", "EUR"), ("DE", "EUR"), ("GB", "GBP"), ("US", "USD"), ("PT", "EUR"))
FX = {"EUR": "1.000000", "GBP": "1.170000", "USD": "0.920000"}
PORTFOLIOS = (("core", "Core Renewables", "0.060000"), ("growth", "Growth", "0.110000"),
              ("income", "Income", "0.055000"))
TAX, INFLATION = 0.25, 0.02


def half_years(begin: dt.date, count: int) -> list[dt.date]:
    """The last days of `count` half-years from the one that ends at `begin` on."""
    found, day = [], begin
    for _ in range(count):
        found.append(day)
        day = dt.date(day.year, 12, 31) if day.month == 6 else dt.date(day.year + 1, 6, 30)
    return found


def generate(projects: int, seed: int) -> dict[str, list[list[object]]]:
    # random() alone gives the same numbers in every version of Python.
    chance = random.Random(seed).random
    files: dict[str, list[list[object]]] = {
        "raw_projects": [["project_id", "name", "technology", "country", "currency", "capacity_mw", "closed_on",
                          "operating_from"]],
        "raw_facilities": [["facility_id", "project_id", "gearing", "interest_rate", "tenor_half_years", "profile",
                            "lock_up_dscr"]],
        "raw_portfolios": [["portfolio_id", "name", "hurdle_rate"], *map(list, PORTFOLIOS)],
        "raw_allocations": [["portfolio_id", "project_id", "share"]],
        "raw_fx_rates": [["currency", "eur_rate"], *map(list, FX.items())],
        "raw_cash_flows": [["project_id", "period_end", "type", "amount"]],
    }
    for number in range(1, projects + 1):
        one = f"P{number:03}"
        technology, cost, revenue_share, opex_share, years = KINDS[int(chance() * len(KINDS))]
        country, currency = COUNTRIES[int(chance() * len(COUNTRIES))]
        capacity = 20 + int(chance() * 180)
        capex = capacity * cost * (0.9 + 0.2 * chance())
        building = 2 + int(chance() * 3)
        closed = dt.date(2018 + int(chance() * 5), *((6, 30) if chance() < 0.5 else (12, 31)))
        periods = half_years(closed, building + 2 * years)
        files["raw_projects"].append([one, f"{technology.replace('_', ' ').title()} {country} {number}", technology,
                                      country, currency, capacity, closed, periods[building]])
        files["raw_facilities"].append([
            f"F{number:03}", one, f"{0.55 + int(chance() * 5) * 0.05:.4f}", f"{0.035 + int(chance() * 9) * 0.0025:.6f}",
            2 * (12 + int(chance() * 5)), "annuity" if chance() < 0.7 else "linear", "1.15"])
        left = 1.0
        for portfolio, _name, _rate in PORTFOLIOS:
            share = round(min(left, chance() * 0.7), 2)
            if share >= 0.05:
                files["raw_allocations"].append([portfolio, one, f"{share:.6f}"])
                left -= share
        skill = 0.9 + 0.2 * chance()
        for index, day in enumerate(periods):
            if index < building:
                files["raw_cash_flows"].append([one, day, "capex", f"{capex / building:.2f}"])
                continue
            grown = (1 + INFLATION) ** ((index - building) / 2)
            revenue = capex * revenue_share / 2 * skill * grown * (0.88 + 0.24 * chance())
            opex = capex * opex_share / 2 * grown * (0.95 + 0.1 * chance())
            tax = max(0.0, revenue - opex - capex / (2 * years)) * TAX
            for kind, amount in (("revenue", revenue), ("opex", opex), ("tax", tax)):
                files["raw_cash_flows"].append([one, day, kind, f"{amount:.2f}"])
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--projects", type=int, default=12)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent / "seeds")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    for name, lines in generate(wanted.projects, wanted.seed).items():
        with (wanted.folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(lines)


if __name__ == "__main__":
    main()
