"""A maker of software sold by subscription: accounts, trials, plans, invoices, payments, usage, support."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from tests.agent.business.drawing import FIRST_DAY, TODAY, Draw, Urn, after, write

DDL = """
CREATE TABLE countries (iso2 VARCHAR PRIMARY KEY, country_name VARCHAR, subregion VARCHAR, region VARCHAR);
CREATE TABLE csms (id INTEGER PRIMARY KEY, full_name VARCHAR, team VARCHAR, started_on DATE, left_on DATE);
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, industry VARCHAR, country_iso2 VARCHAR,
  employee_count INTEGER, created_at TIMESTAMP NOT NULL, csm_id INTEGER, lead_source VARCHAR);
CREATE TABLE users (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, email VARCHAR, role VARCHAR,
  created_at TIMESTAMP, last_seen_at TIMESTAMP, deactivated_at TIMESTAMP);
CREATE TABLE plans (code VARCHAR PRIMARY KEY, plan_name VARCHAR, tier INTEGER, billing_interval VARCHAR,
  price_cents INTEGER, seats_included INTEGER, retired_on DATE);
CREATE TABLE coupons (code VARCHAR PRIMARY KEY, percent_off INTEGER, months INTEGER, expires_on DATE);
CREATE TABLE subscriptions (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, plan_code VARCHAR NOT NULL,
  coupon_code VARCHAR, status VARCHAR, trial_started_on DATE, trial_ends_on DATE, started_on DATE, canceled_on DATE,
  cancel_reason VARCHAR, seats INTEGER, mrr_cents INTEGER, previous_subscription_id INTEGER);
CREATE TABLE invoices (id INTEGER PRIMARY KEY, invoice_number VARCHAR, subscription_id INTEGER NOT NULL,
  issued_on DATE, due_on DATE, paid_on DATE, amount_cents BIGINT, tax_cents BIGINT, status VARCHAR);
CREATE TABLE payments (id INTEGER PRIMARY KEY, invoice_id INTEGER NOT NULL, attempted_at TIMESTAMP, method VARCHAR,
  amount_cents BIGINT, outcome VARCHAR);
CREATE TABLE features (code VARCHAR PRIMARY KEY, feature_name VARCHAR, module VARCHAR);
CREATE TABLE usage_events (id INTEGER PRIMARY KEY, account_id INTEGER, user_id INTEGER, feature_code VARCHAR,
  occurred_at TIMESTAMP, units INTEGER);
CREATE TABLE tickets (id INTEGER PRIMARY KEY, account_id INTEGER, opened_at TIMESTAMP, closed_at TIMESTAMP,
  priority VARCHAR, channel VARCHAR, satisfaction INTEGER);
"""

Rows = list[tuple[Any, ...]]

COUNTRIES: Rows = [
    ("DE", "Germany", "Western Europe", "EMEA"), ("FR", "France", "Western Europe", "EMEA"),
    ("NL", "Netherlands", "Western Europe", "EMEA"), ("GB", "United Kingdom", "Northern Europe", "EMEA"),
    ("SE", "Sweden", "Northern Europe", "EMEA"), ("DK", "Denmark", "Northern Europe", "EMEA"),
    ("ES", "Spain", "Southern Europe", "EMEA"), ("IT", "Italy", "Southern Europe", "EMEA"),
    ("AE", "United Arab Emirates", "Middle East", "EMEA"), ("ZA", "South Africa", "Africa", "EMEA"),
    ("US", "United States", "North America", "AMER"), ("CA", "Canada", "North America", "AMER"),
    ("BR", "Brazil", "Latin America", "AMER"), ("MX", "Mexico", "Latin America", "AMER"),
    ("IN", "India", "South Asia", "APAC"), ("SG", "Singapore", "South-East Asia", "APAC"),
    ("JP", "Japan", "East Asia", "APAC"), ("AU", "Australia", "Oceania", "APAC"), ("FI", "Finland", "Northern Europe", "EMEA"),
]
COUNTRY = Urn([("US", 30), ("DE", 16), ("GB", 13), ("FR", 8), ("NL", 6), ("SE", 4), ("ES", 4), ("IT", 3), ("CA", 6), ("DK", 2),
               ("BR", 3), ("MX", 2), ("IN", 5), ("SG", 2), ("JP", 2), ("AU", 4), ("AE", 1), ("ZA", 1), (None, 1.5)])
INDUSTRY = Urn([("Software", 24), ("Retail", 15), ("Healthcare", 12), ("Finance", 14), ("Manufacturing", 11), ("education", 8),
                ("Media", 7), ("Logistics", 6), (None, 5)])
SOURCE = Urn([("organic", 34), ("paid search", 24), ("referral", 15), ("Partner", 11), ("outbound", 16)])
CSMS: Rows = [
    (1, "Priya Nair", "EMEA", datetime.date(2021, 3, 1), None), (2, "Carl Jensen", "EMEA", datetime.date(2022, 6, 15), None),
    (3, "Emma Fontaine", "EMEA", datetime.date(2023, 9, 1), datetime.date(2025, 11, 30)),
    (4, "Dan Okafor", "AMER", datetime.date(2020, 1, 13), None), (5, "Lucy Chen", "AMER", datetime.date(2022, 2, 1), None),
    (6, "Rob Stein", "AMER", datetime.date(2024, 4, 1), None), (7, "Hana Mori", "APAC", datetime.date(2023, 1, 9), None),
    (8, "Tariq Aziz", "EMEA", datetime.date(2025, 12, 1), None),
]
# code, name, tier, interval, price of a period, seats included, retired; its weight follows
PLANS: list[tuple[tuple[Any, ...], float]] = [
    (("ST-M", "Starter Monthly", 1, "M", 2_900, 3, None), 30), (("ST-Y", "Starter Annual", 1, "Y", 29_000, 3, None), 9),
    (("TM-M", "Team Monthly", 2, "M", 9_900, 10, None), 24), (("TM-Y", "Team Annual", 2, "Y", 99_000, 10, None), 10),
    (("BZ-M", "Business Monthly", 3, "M", 29_900, 25, None), 12), (("BZ-Y", "Business Annual", 3, "Y", 299_000, 25, None), 7),
    (("EN-Y", "Enterprise", 4, "Y", 1_490_000, 100, None), 3),
    (("LG-M", "Legacy Basic", 1, "M", 1_900, 2, datetime.date(2024, 3, 31)), 6),
]
UNSOLD: Rows = [("NP-Y", "Nonprofit", 2, "Y", 49_000, 10, None)]
COUPONS: Rows = [
    ("WELCOME20", 20, 3, None), ("STARTUP50", 50, 12, datetime.date(2025, 12, 31)), ("BF2024", 30, 6, datetime.date(2024, 12, 2)),
    ("BF2025", 25, 6, datetime.date(2025, 12, 1)), ("PARTNER10", 10, 12, None), ("EVENT26", 15, 3, datetime.date(2026, 12, 31)),
]
REASON = Urn([("too expensive", 28), ("missing feature", 19), ("switched to competitor", 17), ("no longer needed", 16),
              ("payment failed", 10), (None, 10)])
FEATURES: list[tuple[tuple[str, str, str], float]] = [
    (("dash", "Dashboards", "Analytics"), 30), (("rep", "Scheduled reports", "Analytics"), 15),
    (("exp", "CSV export", "Analytics"), 12), (("api", "API calls", "Platform"), 22), (("sso", "Single sign-on", "Platform"), 5),
    (("hook", "Webhooks", "Platform"), 7), (("auto", "Automations", "Workflow"), 11), (("appr", "Approvals", "Workflow"), 5),
    (("ai", "AI assistant", "Workflow"), 9),
]
UNUSED: Rows = [("fax", "Fax gateway", "Platform")]
FIRMS = (["Bright", "Nova", "Quantum", "Cedar", "Blue", "Iron", "Lumi", "Vertex", "Orbit", "Maple", "Swift", "Clear", "Apex",
          "Echo", "Harbor", "Kite", "Lotus", "Metro", "Onyx", "Prime"],
         ["Health", "Labs", "Soft", "Logistics", "Media", "Bank", "Retail", "Works", "Systems", "Data", "Foods", "Energy", "Studio",
          "Learning"],
         ["Inc", "GmbH", "Ltd", "SAS", "LLC", "AG", ""])
METHOD = Urn([("card", 68), ("SEPA", 18), ("wire", 9), ("paypal", 5)])


def build(path: Path) -> None:
    draw = Draw(771)
    accounts = _accounts(draw)
    subscriptions = _subscriptions(draw, accounts)
    users = _users(draw, accounts, subscriptions)
    invoices = _invoices(draw, subscriptions)
    write(path, DDL, {
        "countries": COUNTRIES, "csms": CSMS, "accounts": accounts, "users": users,
        "plans": [plan for plan, _weight in PLANS] + UNSOLD, "coupons": COUPONS, "subscriptions": subscriptions,
        "invoices": invoices, "payments": _payments(draw, invoices),
        "features": [feature for feature, _weight in FEATURES] + UNUSED,
        "usage_events": _usage(draw, users, subscriptions), "tickets": _tickets(draw, accounts, subscriptions),
    })


def _accounts(draw: Draw) -> Rows:
    teams = {row[0]: row[3] for row in COUNTRIES}
    rows: Rows = []
    names: set[str] = set()
    span = (TODAY - FIRST_DAY).days
    # More come each year; the last on the last day.
    arrivals = sorted(after(FIRST_DAY, int(span * draw.share() ** 0.8)) for _one in range(1_049))
    for number, day in enumerate([*arrivals, TODAY], 1):
        name = " ".join(draw.pick(part) for part in FIRMS).strip()
        while name in names:
            name = " ".join(draw.pick(part) for part in FIRMS).strip()
        names.add(name)
        country = COUNTRY.draw(draw)
        size = None if draw.chance(0.1) else int(4 + draw.share() ** 5 * 4_000)
        looked_after = [one[0] for one in CSMS if one[2] == teams.get(country, "") and one[4] is None]
        csm = draw.pick(looked_after) if looked_after and (size or 0) > 25 and draw.chance(0.85) else None
        rows.append((number, name, INDUSTRY.draw(draw), country, size, draw.time(day), csm, SOURCE.draw(draw)))
    return rows


def _subscriptions(draw: Draw, accounts: Rows) -> Rows:
    """Most accounts begin with a trial of two weeks; some never begin; some who left come back."""
    plans = Urn(PLANS)
    rows: Rows = []
    for account in accounts:
        if draw.chance(0.09):
            continue
        day = account[5].date()
        before = None
        while True:
            row = _subscription(draw, len(rows) + 1, account, day, plans.draw(draw), before)
            rows.append(row)
            canceled = row[8]
            if canceled is None or (TODAY - canceled).days < 40 or not draw.chance(0.22):
                break
            day, before = draw.day(after(canceled, 20), min(after(canceled, 240), TODAY)), row[0]
    return rows


def _subscription(draw: Draw, number: int, account: Any, day: datetime.date, plan: Any, before: int | None) -> tuple[Any, ...]:
    if plan[6] and plan[6] < day:
        plan = PLANS[0][0]
    trial = before is None and plan[2] < 4 and draw.chance(0.78)
    ends = after(day, 14) if trial else None
    seats = plan[5] + (draw.whole(0, plan[5] * 2) if draw.chance(0.5) else 0)
    valid = [one for one in COUPONS if one[3] is None or one[3] >= day]
    coupon = draw.pick(valid) if draw.chance(0.18) else None
    price = plan[4] * seats / plan[5] * (1 - (coupon[1] if coupon else 0) / 100) / (12 if plan[3] == "Y" else 1)
    started, canceled, reason, status = day, None, None, "active"
    if ends and ends > TODAY:
        return (number, account[0], plan[0], coupon[0] if coupon else None, "trialing", day, ends, None, None, None, seats, 0, before)
    if ends and not draw.chance(0.58):
        return (number, account[0], plan[0], coupon[0] if coupon else None, "expired", day, ends, None, None, None, seats, 0, before)
    if ends:
        started = min(after(ends, draw.whole(0, 3)), TODAY)
    stays = int(25 + draw.share() ** 1.2 * {1: 800, 2: 1_100, 3: 1_600, 4: 3_200}[plan[2]])
    if after(started, stays) <= TODAY:
        canceled, reason, status = after(started, stays), REASON.draw(draw), "canceled"
    elif draw.chance(0.05):
        status = "past_due"
    return (number, account[0], plan[0], coupon[0] if coupon else None, status, day if trial else None, ends, started, canceled,
            reason, seats, round(price), before)


def _users(draw: Draw, accounts: Rows, subscriptions: Rows) -> Rows:
    seats: dict[int, int] = {}
    for row in subscriptions:
        seats[row[1]] = max(seats.get(row[1], 0), row[10])
    rows: Rows = []
    for account in accounts:
        count = min(1 + int(seats.get(account[0], 0) * draw.share() * 0.8), 60)
        for place in range(count):
            number = len(rows) + 1
            role = "owner" if place == 0 else Urn([("admin", 12), ("member", 66), ("Viewer", 22)]).draw(draw)
            created = draw.time(draw.day(account[5].date(), TODAY)) if place else account[5]
            seen = None if draw.chance(0.08) else draw.time(draw.day(created.date(), TODAY), from_hour=21, to_hour=23)
            gone = draw.time(draw.day(seen.date(), TODAY), from_hour=23, to_hour=23) if seen and place and draw.chance(0.1) else None
            rows.append((number, account[0], f"user{number}@example.com", role, created, seen, gone))
    return rows


def _invoices(draw: Draw, subscriptions: Rows) -> Rows:
    intervals = {plan[0]: plan[3] for plan, _weight in PLANS}
    vat = Urn([(0.0, 45), (0.19, 25), (0.20, 30)])
    rows: Rows = []
    for row in subscriptions:
        if row[7] is None:
            continue
        step = 12 if intervals[row[2]] == "Y" else 1
        rate, at, last = vat.draw(draw), 0, row[8] or TODAY
        while (day := _months_on(row[7], at)) <= last and (day < last or at == 0 or row[8] is None):
            rows.append(_invoice(draw, row, day, row[11] * step, rate, at))
            at += step
    rows.sort(key=lambda one: (one[1], one[0]))
    rows[-1] = (*rows[-1][:1], TODAY, after(TODAY, 14), None, *rows[-1][4:6], "open")
    return [(at, f"INV-{day.year}-{at:05}", subscription, day, *rest)
            for at, (subscription, day, *rest) in enumerate(rows, 1)]


def _invoice(draw: Draw, row: Any, day: datetime.date, amount: int, rate: float, at: int) -> tuple[Any, ...]:
    due, age = after(day, 14), (TODAY - day).days
    paid: datetime.date | None = min(after(day, int(draw.share() ** 2 * 30)), TODAY)
    status = "paid"
    if draw.chance(0.02):
        status, paid = "void", None
    elif (row[4] == "past_due" and age < 50) or (age < 20 and draw.chance(0.5)):
        status, paid = "open", None
    elif draw.chance(0.012):
        status, paid = "uncollectible", None
    return (row[0], day, due, paid, amount, round(amount * rate), status)


def _months_on(day: datetime.date, count: int) -> datetime.date:
    """The same day so many months later, at most the 28th so that every month has it."""
    month = day.month - 1 + count
    return day if not count else datetime.date(day.year + month // 12, month % 12 + 1, min(day.day, 28))


def _payments(draw: Draw, invoices: Rows) -> Rows:
    """Declined attempts come before the one that went through; few are paid back later."""
    rows: Rows = []
    for invoice in invoices:
        number, day, paid, status = invoice[0], invoice[3], invoice[5], invoice[8]
        amount, method = invoice[6] + invoice[7], METHOD.draw(draw)
        if amount == 0 or status == "void":
            continue
        if status in ("open", "uncollectible"):
            tries = draw.whole(0, 3) if status == "open" else 3
            rows.extend((number, draw.time(min(after(day, 3 * one), TODAY)), method, amount, "declined") for one in range(tries))
            continue
        if method == "card" and draw.chance(0.07):
            rows.append((number, draw.time(day, to_hour=11), method, amount, "declined"))
        rows.append((number, draw.time(paid, from_hour=12), method, amount, "succeeded"))
        if draw.chance(0.012):
            back = after(paid, draw.whole(1, 30))
            if back <= TODAY:
                rows.append((number, draw.time(back), method, amount, "refunded"))
    rows.sort(key=lambda row: (row[1], row[0]))
    last = rows[-1][1].replace(year=TODAY.year, month=TODAY.month, day=TODAY.day)
    rows[-1] = (rows[-1][0], last, *rows[-1][2:])
    return [(at, *row) for at, row in enumerate(rows, 1)]


def _usage(draw: Draw, users: Rows, subscriptions: Rows) -> Rows:
    """Only while a trial or a subscription runs; one account in twelve never uses what it pays for."""
    features = Urn(FEATURES)
    periods: dict[int, list[tuple[datetime.date, datetime.date]]] = {}
    for row in subscriptions:
        end = row[8] or (row[6] if row[4] in ("expired", "trialing") else TODAY)
        periods.setdefault(row[1], []).append((row[5] or row[7], min(end, TODAY)))
    idle = {account for account in periods if draw.chance(0.08)}
    able = [user for user in users if user[1] in periods and user[1] not in idle]
    urn = Urn([(user, 0.05 + draw.share() ** 3) for user in able])
    rows: Rows = []
    while len(rows) < 36_000:
        user = urn.draw(draw)
        begin, end = draw.pick(periods[user[1]])
        begin, end = max(begin, user[4].date()), min(end, user[6].date() if user[6] else TODAY)
        if begin > end:
            continue
        feature = features.draw(draw)[0]
        units = int(1 + draw.share() ** 3 * 400) if feature == "api" else draw.whole(1, 6)
        rows.append((user[1], user[0], feature, draw.time(draw.day(begin, end)), units))
    rows.sort(key=lambda row: (row[3], row[1]))
    return [(at, *row) for at, row in enumerate(rows, 1)]


def _tickets(draw: Draw, accounts: Rows, subscriptions: Rows) -> Rows:
    began = {row[1]: row[5] or row[7] for row in reversed(subscriptions)}
    able = [account for account in accounts if account[0] in began]
    urn = Urn([(account, 0.02 + draw.share() ** 2) for account in able])
    priorities = Urn([("P1", 6), ("P2", 22), ("P3", 47), ("P4", 25)])
    rows: Rows = []
    for _one in range(4_200):
        account = urn.draw(draw)[0]
        opened = draw.time(draw.day(began[account], TODAY))
        priority = priorities.draw(draw)
        hours = (0.5 + draw.share() ** 3 * {"P1": 30, "P2": 90, "P3": 240, "P4": 500}[priority])
        closed: datetime.datetime | None = opened + datetime.timedelta(minutes=int(hours * 60))
        if closed and (closed.date() > TODAY or draw.chance(0.015)):
            closed = None
        rating = draw.pick([5, 5, 5, 4, 4, 3, 2, 1]) if closed and draw.chance(0.45) else None
        rows.append((account, opened, closed, priority, Urn([("email", 50), ("Chat", 35), ("phone", 15)]).draw(draw), rating))
    rows.sort(key=lambda row: (row[1], row[0]))
    return [(70_001 + at, *row) for at, row in enumerate(rows)]
