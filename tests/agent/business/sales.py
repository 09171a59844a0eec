"""A wholesaler of outdoor gear: customers, orders and their lines, shipments, returns, reps and their targets."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from tests.agent.business.drawing import FIRST_DAY, TODAY, Draw, Urn, after, days, months, write

DDL = """
CREATE TABLE regions (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, parent_id INTEGER);
CREATE TABLE sales_reps (id INTEGER PRIMARY KEY, first_name VARCHAR, last_name VARCHAR, email VARCHAR,
  region_id INTEGER, manager_id INTEGER, hired_on DATE, left_on DATE);
CREATE TABLE customers (id INTEGER PRIMARY KEY, company_name VARCHAR NOT NULL, segment VARCHAR, country VARCHAR,
  city VARCHAR, region_id INTEGER, rep_id INTEGER, created_on DATE, email VARCHAR, credit_limit_eur DECIMAL(12, 2),
  blocked BOOLEAN);
CREATE TABLE categories (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, parent_id INTEGER);
CREATE TABLE products (sku VARCHAR PRIMARY KEY, product_name VARCHAR NOT NULL, category_id INTEGER, brand VARCHAR,
  list_price_cents INTEGER, unit_cost_cents INTEGER, weight_g INTEGER, launched_on DATE, discontinued_on DATE);
CREATE TABLE promotions (code VARCHAR PRIMARY KEY, title VARCHAR, percent_off INTEGER, valid_from DATE, valid_to DATE);
CREATE TABLE orders (order_no INTEGER PRIMARY KEY, customer_id INTEGER NOT NULL, rep_id INTEGER,
  ordered_at TIMESTAMP NOT NULL, status VARCHAR, channel VARCHAR, currency VARCHAR, fx_rate DECIMAL(10, 5),
  total_local DECIMAL(14, 2), total_eur DECIMAL(14, 2), promo_code VARCHAR);
CREATE TABLE order_items (order_no INTEGER NOT NULL, line_no INTEGER NOT NULL, sku VARCHAR NOT NULL, qty INTEGER,
  unit_price_cents INTEGER, discount_pct INTEGER, line_eur DECIMAL(14, 2), cost_eur DECIMAL(14, 2),
  cancelled BOOLEAN, PRIMARY KEY (order_no, line_no));
CREATE TABLE shipments (id INTEGER PRIMARY KEY, order_no INTEGER, carrier VARCHAR, warehouse_code VARCHAR,
  shipped_on DATE, promised_on DATE, delivered_on DATE, freight_eur DECIMAL(10, 2));
CREATE TABLE returns (id INTEGER PRIMARY KEY, order_no INTEGER, line_no INTEGER, returned_on DATE, qty INTEGER,
  reason_code INTEGER, refund_eur DECIMAL(12, 2));
CREATE TABLE sales_targets (rep_id INTEGER, month DATE, target_eur DECIMAL(12, 2), PRIMARY KEY (rep_id, month));
CREATE TABLE stock (sku VARCHAR, warehouse_code VARCHAR, on_hand INTEGER, reorder_point INTEGER, counted_on DATE);
"""

Rows = list[tuple[Any, ...]]

REGIONS: Rows = [
    (1, "Europe", None), (2, "Americas", None), (3, "Asia-Pacific", None),
    (11, "DACH", 1), (12, "Nordics", 1), (13, "Benelux", 1), (14, "UK & Ireland", 1), (15, "Southern Europe", 1),
    (21, "North America", 2), (22, "Latin America", 2), (31, "Australia & NZ", 3), (32, "Japan & Korea", 3),
]
# region, its weight among customers, country, currency, cities
PLACES: list[tuple[int, float, str, str, list[str]]] = [
    (11, 19, "DE", "EUR", ["Berlin", "Munich", "Hamburg", "Cologne", "Freiburg"]),
    (11, 5, "AT", "EUR", ["Vienna", "Innsbruck", "Graz"]),
    (11, 5, "CH", "EUR", ["Zurich", "Bern", "Chur"]),
    (12, 7, "SE", "SEK", ["Stockholm", "Gothenburg", "Umeå"]),
    (12, 5, "NO", "EUR", ["Oslo", "Bergen", "Tromsø"]),
    (12, 4, "DK", "EUR", ["Copenhagen", "Aarhus"]),
    (13, 7, "NL", "EUR", ["Amsterdam", "Utrecht", "Rotterdam"]),
    (13, 4, "BE", "EUR", ["Antwerp", "Ghent"]),
    (14, 11, "GB", "GBP", ["London", "Manchester", "Bristol", "Edinburgh"]),
    (14, 3, "IE", "EUR", ["Dublin", "Cork"]),
    (15, 6, "ES", "EUR", ["Barcelona", "Madrid", "Bilbao"]),
    (15, 7, "IT", "EUR", ["Milan", "Turin", "Bolzano"]),
    (15, 5, "FR", "EUR", ["Paris", "Lyon", "Grenoble"]),
    (21, 14, "US", "USD", ["Denver", "Seattle", "Portland", "Boston", "Salt Lake City"]),
    (21, 5, "CA", "USD", ["Vancouver", "Calgary", "Montreal"]),
    (22, 3, "CL", "USD", ["Santiago", "Punta Arenas"]),
    (31, 4, "AU", "USD", ["Sydney", "Melbourne"]),
    (31, 3, "NZ", "USD", ["Auckland", "Queenstown"]),
    (32, 3, "JP", "USD", ["Tokyo", "Sapporo"]),
]
FIRST_NAMES = ["Anna", "Jonas", "Maria", "Lukas", "Sofia", "Erik", "Clara", "Tom", "Ines", "Paul", "Nora", "Marco",
               "Eva", "David", "Julia", "Oskar", "Lena", "Hugo", "Mia", "Felix", "Ida", "Simon", "Alice", "Ben",
               "Greta", "Noah"]
LAST_NAMES = ["Berger", "Lindqvist", "Rossi", "Hansen", "Garcia", "Weber", "de Vries", "Murphy", "Novak", "Martin",
              "Schmidt", "Larsen", "Keller", "Taylor", "Moreau", "Brandt", "Silva", "Nakamura", "Walsh", "Costa",
              "Fischer", "Olsen", "Turner", "Vogel", "Janssen", "Clarke"]
CATEGORIES: Rows = [
    (1, "Shelter", None), (2, "Sleeping", None), (3, "Cooking", None), (4, "Packs", None), (5, "Clothing", None),
    (11, "Tents", 1), (12, "Tarps", 1), (21, "Sleeping bags", 2), (22, "Mats", 2), (31, "Stoves", 3),
    (32, "Cookware", 3), (41, "Backpacks", 4), (42, "Duffels", 4), (51, "Jackets", 5), (52, "Base layers", 5),
    (53, "Footwear", 5), (54, "Gloves", 5),
]
# category, the words of its products, lowest and highest list price in EUR, products
SORTS: list[tuple[int, list[str], int, int, int]] = [
    (11, ["Tent 2P", "Tent 3P", "Tunnel Tent", "Dome Tent"], 180, 620, 14), (12, ["Tarp", "Wing"], 45, 140, 7),
    (21, ["Down Bag", "Bag 0C", "Bag -10C"], 90, 420, 12), (22, ["Mat", "Air Mat", "Foam Mat"], 25, 160, 10),
    (31, ["Gas Stove", "Spirit Stove", "Multi-fuel Stove"], 35, 190, 9), (32, ["Pot 1L", "Pan", "Cook Set"], 18, 95, 12),
    (41, ["Pack 30", "Pack 45", "Pack 65"], 80, 290, 14), (42, ["Duffel 40", "Duffel 70"], 60, 150, 7),
    (51, ["Rain Jacket", "Down Jacket", "Softshell"], 110, 480, 16), (52, ["Merino Shirt", "Merino Tights"], 45, 110, 12),
    (53, ["Boot", "Trail Shoe", "Camp Shoe"], 70, 280, 14), (54, ["Liner Glove", "Winter Mitt"], 18, 90, 8),
]
BRANDS = ["Fjellvik", "Northline", "Aurora", "Karst", "Ridgeway"]
NAMES = ["Skarn", "Lumen", "Talus", "Boreal", "Cirrus", "Tundra", "Granite", "Solstice", "Delta", "Ember", "Moraine",
         "Zephyr", "Pika", "Lynx", "Heron", "Basalt"]
FIRMS = (["Alpine", "Summit", "Trail", "Northern", "Blue Ridge", "Valley", "Granite", "Polar", "Wild", "Peak", "Forest",
          "Coastal", "Glacier", "Canyon", "Highland", "River", "Stone", "Meadow", "Pine", "Eagle"],
         ["Outfitters", "Sports", "Outdoor", "Adventures", "Supply", "Gear", "Mountain Shop", "Trading", "Expeditions",
          "Equipment", "Camping", "Travel"],
         ["GmbH", "Ltd", "AB", "Inc", "BV", "SA", "& Sons", "Group", "Co", ""])
PROMOTIONS: Rows = [
    ("SPRING24", "Spring sale 2024", 10, datetime.date(2024, 3, 15), datetime.date(2024, 4, 30)),
    ("SUMMER24", "Summer sale 2024", 15, datetime.date(2024, 7, 1), datetime.date(2024, 7, 31)),
    ("XMAS24", "Christmas 2024", 10, datetime.date(2024, 11, 25), datetime.date(2024, 12, 20)),
    ("SPRING25", "Spring sale 2025", 10, datetime.date(2025, 3, 15), datetime.date(2025, 4, 30)),
    ("OUTLET25", "Outlet weeks 2025", 25, datetime.date(2025, 9, 1), datetime.date(2025, 9, 21)),
    ("XMAS25", "Christmas 2025", 12, datetime.date(2025, 11, 24), datetime.date(2025, 12, 20)),
    ("SPRING26", "Spring sale 2026", 10, datetime.date(2026, 3, 14), datetime.date(2026, 4, 30)),
    ("LOYAL26", "Loyal customers 2026", 5, datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)),
]
SEASON = [0.75, 0.8, 1.0, 1.15, 1.3, 1.25, 1.2, 1.0, 0.9, 0.85, 1.0, 1.15]
WEEKDAY = [1.25, 1.2, 1.15, 1.1, 1.0, 0.35, 0.25]
CHANNELS = {"ENT": Urn([("rep", 60), ("PARTNER", 18), ("Web", 15), ("phone", 7)]),
            "MID": Urn([("rep", 38), ("PARTNER", 12), ("Web", 35), ("phone", 15)]),
            "smb": Urn([("rep", 10), ("PARTNER", 5), ("Web", 66), ("phone", 19)])}
QUANTITY = {"ENT": (4, 40), "MID": (2, 14), "smb": (1, 5)}
CARRIERS = Urn([("DHL", 34), ("dhl", 8), ("DPD", 24), ("UPS", 18), ("PostNord", 12), ("own van", 3)])
REASONS = Urn([(10, 30), (20, 22), (30, 27), (40, 14), (90, 7)])
FX = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17, "SEK": 0.088}


def build(path: Path) -> None:
    draw = Draw(20260630)
    reps = _reps(draw)
    customers = _customers(draw, reps)
    products = _products(draw)
    orders, items = _orders(draw, customers, products, reps)
    shipments = _shipments(draw, orders)
    write(path, DDL, {
        "regions": REGIONS, "sales_reps": reps, "customers": customers, "categories": CATEGORIES,
        "products": products, "promotions": PROMOTIONS, "orders": orders, "order_items": items,
        "shipments": shipments, "returns": _returns(draw, shipments, items), "sales_targets": _targets(draw, reps),
        "stock": _stock(draw, products),
    })


def _reps(draw: Draw) -> Rows:
    """The first five lead a team each, and sell, too."""
    rows: Rows = []
    leaves = [row[0] for row in REGIONS if row[2]]
    for number, (first, last) in enumerate(zip(FIRST_NAMES, LAST_NAMES, strict=True), 1):
        hired = draw.day(datetime.date(2017, 1, 1), datetime.date(2025, 9, 30))
        left = draw.day(max(hired, datetime.date(2024, 6, 1)), after(TODAY, -20)) if number > 5 and draw.chance(0.25) else None
        email = f"{first}.{last}".lower().replace(" ", "") + "@example.com"
        rows.append((number, first, last, email, leaves[number % len(leaves)],
                     None if number <= 5 else 1 + number % 5, hired, left))
    return rows


def _customers(draw: Draw, reps: Rows) -> Rows:
    places = Urn([(place, place[1]) for place in PLACES])
    segments = Urn([("smb", 62), ("MID", 28), ("ENT", 10)])
    rows: Rows = []
    names: set[str] = set()
    while len(rows) < 1_100:
        name = " ".join(draw.pick(part) for part in FIRMS).strip()
        if name in names:
            continue
        names.add(name)
        number = 1_001 + len(rows)
        region, _weight, country, _currency, cities = places.draw(draw)
        segment = segments.draw(draw)
        created = draw.day(datetime.date(2019, 1, 1), FIRST_DAY) if draw.chance(0.55) else draw.day(FIRST_DAY, after(TODAY, -3))
        own = [rep[0] for rep in reps if rep[4] == region]
        rep = draw.pick(own) if own and (segment != "smb" or draw.chance(0.4)) else None
        email = None if draw.chance(0.12) else f"buying{number}@example.com"
        limit = None if draw.chance(0.2) else {"ENT": 100_000, "MID": 25_000, "smb": 5_000}[segment] * draw.whole(1, 4) / 2
        city = None if draw.chance(0.03) else draw.pick(cities)
        rows.append((number, name, segment, country, city, region, rep, created, email, limit, draw.chance(0.03)))
    return rows


def _products(draw: Draw) -> Rows:
    rows: Rows = []
    names: set[str] = set()
    for category, words, low, high, count in SORTS:
        for number in range(1, count + 1):
            name = f"{draw.pick(NAMES)} {draw.pick(words)}"
            while name in names:
                name = f"{draw.pick(NAMES)} {draw.pick(words)}"
            names.add(name)
            price = draw.whole(low, high) * 100 + 90
            cost = int(price * (0.45 + 0.25 * draw.share()))
            launched = draw.day(datetime.date(2018, 1, 1), FIRST_DAY) if draw.chance(0.7) else draw.day(FIRST_DAY, datetime.date(2026, 5, 15))
            gone = draw.day(max(launched, datetime.date(2024, 9, 1)), after(TODAY, -10)) if draw.chance(0.12) else None
            weight = None if draw.chance(0.05) else draw.whole(80, 4_800)
            rows.append((f"{category}-{number:03}", name, category, draw.pick(BRANDS), price, cost, weight, launched, gone))
    return rows


def _orders(draw: Draw, customers: Rows, products: Rows, reps: Rows) -> tuple[Rows, Rows]:
    """Some customers never order, some stop one day."""
    currencies = {place[2]: place[3] for place in PLACES}
    left = {rep[0]: rep[7] for rep in reps}
    eager: list[tuple[Any, float]] = []
    for customer in customers:
        last = draw.day(FIRST_DAY, TODAY) if draw.chance(0.25) else TODAY
        weight = 0.0 if draw.chance(0.07) else (0.15 + draw.share() ** 3 * 3) * (1.4 if customer[2] == "ENT" else 1.0)
        eager.append(((customer, max(last, customer[7])), weight))
    urn, shelf = Urn(eager), Urn([(product, 0.2 + draw.share() ** 2) for product in products])
    orders: Rows = []
    items: Rows = []
    for day in days():
        growth = 1 + 0.45 * (day - FIRST_DAY).days / 1_096
        wanted = 10.5 * growth * SEASON[day.month - 1] * WEEKDAY[day.weekday()]
        count = int(wanted) + draw.chance(wanted % 1)
        for moment in sorted(draw.time(day) for _one in range(max(1, count))):
            customer, last = urn.draw(draw)
            while not customer[7] <= day <= last:
                customer, last = urn.draw(draw)
            number = 200_001 + len(orders)
            order, lines = _order(draw, number, moment, customer, currencies[customer[3]], shelf, left)
            orders.append(order)
            items.extend(lines)
    return orders, items


def _order(
    draw: Draw, number: int, moment: datetime.datetime, customer: Any, currency: str, shelf: Urn[Any], left: dict[int, Any]
) -> tuple[tuple[Any, ...], Rows]:
    day, segment = moment.date(), customer[2]
    channel = CHANNELS[segment].draw(draw)
    rep = customer[6]
    if rep is None or channel == "Web" or (left[rep] and left[rep] < day):
        rep, channel = None, "phone" if channel == "rep" else channel
    running = [one for one in PROMOTIONS if one[3] <= day <= one[4]]
    promo = draw.pick(running) if running and draw.chance(0.22) else None
    status = _status(draw, (TODAY - day).days)
    rate = round(FX[currency] * (1 if currency == "EUR" else 1 + 0.04 * ((day.year * 12 + day.month) % 7 - 3) / 3), 5)
    low, high = QUANTITY[segment]
    lines: Rows = []
    cents = 0
    picked: set[str] = set()
    for _line in range(Urn([(1, 28), (2, 27), (3, 20), (4, 14), (5, 8), (7, 3)]).draw(draw)):
        product = shelf.draw(draw)
        if product[0] in picked or product[7] > day or (product[8] and product[8] < day):
            if picked:
                continue
            while product[7] > day or (product[8] and product[8] < day):
                product = shelf.draw(draw)
        picked.add(product[0])
        quantity = draw.whole(low, high)
        price = round(product[4] / rate)
        discount = (promo[2] if promo else 0) + (draw.pick([0, 0, 5, 10]) if segment == "ENT" else 0)
        line = round(quantity * price * rate * (100 - discount) / 100)
        cancelled = status == "X" or (bool(lines) and draw.chance(0.015))
        cents += 0 if cancelled and status != "X" else line
        lines.append((number, len(lines) + 1, product[0], quantity, price, discount, line / 100,
                      quantity * product[5] / 100, cancelled))
    code = promo[0] if promo else None
    return (number, customer[0], rep, moment, status, channel, currency, rate, round(cents / rate) / 100, cents / 100,
            code.lower() if code and draw.chance(0.1) else code), lines


def _status(draw: Draw, age: int) -> str:
    if draw.chance(0.065):
        return "X"
    if age < 3:
        return Urn([("N", 60), ("P", 40)]).draw(draw)
    if age < 10:
        return Urn([("N", 10), ("P", 35), ("S", 55)]).draw(draw)
    if age < 25:
        return Urn([("P", 10), ("S", 35), ("D", 55)]).draw(draw)
    return "S" if draw.chance(0.012) else "D"


def _shipments(draw: Draw, orders: Rows) -> Rows:
    """One in eight orders leaves in two parts."""
    rows: Rows = []
    for order in orders:
        if order[4] not in ("S", "D"):
            continue
        day = order[3].date()
        for part in range(1 + draw.chance(0.12)):
            shipped = min(after(day, draw.whole(0, 4) + part * draw.whole(1, 9)), TODAY)
            promised = after(day, draw.whole(6, 12))
            delivered = min(after(shipped, 1 + int(draw.share() ** 2 * 12)), TODAY) if order[4] == "D" else None
            freight = None if draw.chance(0.02) else round(4.9 + draw.share() ** 2 * 60 + float(order[9]) * 0.004, 2)
            rows.append((len(rows) + 1, order[0], CARRIERS.draw(draw), draw.pick(["HAM", "HAM", "RTM", "DEN"]),
                         shipped, promised, delivered, freight))
    return rows


def _returns(draw: Draw, shipments: Rows, items: Rows) -> Rows:
    arrived = {row[1]: row[6] for row in shipments if row[6]}
    rows: Rows = []
    for item in items:
        number, line, sku, quantity, _price, _discount, total, _cost, cancelled = item
        if cancelled or number not in arrived or not draw.chance(0.085 if sku.startswith("5") else 0.032):
            continue
        day = after(arrived[number], draw.whole(2, 45))
        if day > TODAY:
            continue
        back = draw.whole(1, quantity)
        waiting = (TODAY - day).days < 12 and draw.chance(0.7)
        refund = None if waiting or draw.chance(0.04) else round(total * back / quantity, 2)
        rows.append((number, line, day, back, REASONS.draw(draw), refund))
    rows.sort(key=lambda row: (row[2], row[0], row[1]))
    rows[-1] = (*rows[-1][:2], TODAY, *rows[-1][3:])
    return [(5_001 + at, *row) for at, row in enumerate(rows)]


def _targets(draw: Draw, reps: Rows) -> Rows:
    rows: Rows = []
    for rep in reps:
        base = draw.whole(8, 30) * 1_000
        for month in months():
            if rep[6] <= month and (rep[7] is None or month <= rep[7]):
                rows.append((rep[0], month, float(round(base * (1 + (month.year - 2023) * 0.08) * SEASON[month.month - 1], -2))))
    return rows


def _stock(draw: Draw, products: Rows) -> Rows:
    rows: Rows = []
    for product in products:
        for warehouse in ("HAM", "RTM", "DEN"):
            if draw.chance(0.8):
                point = draw.whole(5, 60)
                hand = 0 if product[8] or draw.chance(0.07) else draw.whole(1, 400)
                rows.append((product[0], warehouse, hand, point, after(TODAY, -draw.whole(0, 9))))
    return rows
