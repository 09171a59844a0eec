"""Words that mean the same, and verbs that say what a noun says."""

from __future__ import annotations

EVENTS = {"departure": "origin", "takeoff": "origin", "arrival": "dest", "landing": "dest"}
ORIGIN_WORDS = {"origin", "source", "from", "departure", "start", "dep"}
DEST_WORDS = {"dest", "destination", "to", "arrival", "end", "target", "arr"}

SEXES = {"male": "m", "males": "m", "man": "m", "men": "m", "female": "f", "females": "f", "woman": "f", "women": "f"}

VERBS = {
    "flight": "fly flew flown flies flying operate operated",
    "sale": "sell sold sells selling",
    "order": "ordered ordering",
    "purchase": "buy bought buys purchased",
    "payment": "pay paid pays",
    "shipment": "ship shipped ships send sent",
    "usage": "use used uses using",
    "delivery": "deliver delivered",
    "employee": "employ employed employs work works worked",
    "visit": "visited visits",
    "booking": "book booked",
    "enrollment": "enroll enrolled",
    "registration": "register registered",
    "rental": "rent rented",
    "return": "returned",
    "subscription": "subscribe subscribed",
    "trip": "travel travelled",
    "loan": "borrow borrowed lend lent",
    "review": "reviewed",
    "manufacturer": "manufacture manufactured built build produce produced",
    "producer": "produced produce",
    "maker": "produce produced",
    "author": "write wrote written",
    "director": "direct directed",
    "publisher": "publish published",
    "birth": "born",
    "departure": "depart departed leave left",
    "arrival": "arrive arrived",
    "owner": "own owned owns",
    "founded": "found founded established",
    "opening": "open opened",
    "price": "cost costs",
    "city": "live lives",
    "salary": "earn earned earns",
    "customer": "buy bought",
    "hire": "hired",
    "signup": "signed",
    "invoice": "invoiced billed",
}
"""A verb says nothing new beside a table or column that its noun names."""

SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("salary", "pay", "wage", "compensation"), ("price", "cost"), ("revenue", "turnover"),
    ("customer", "client", "buyer"), ("employee", "worker", "staff"), ("carrier", "airline"),
    ("plane", "aircraft", "airplane"), ("product", "item", "article"), ("company", "firm", "business"),
    ("city", "town"), ("country", "nation"), ("manufacturer", "maker", "producer", "brand"),
    ("quantity", "qty"), ("amount", "amt"), ("number", "num", "nr", "no"), ("average", "avg"),
    ("department", "dept"), ("destination", "dest"), ("departure", "dep"), ("arrival", "arr"),
    ("scheduled", "sched"), ("description", "desc"), ("category", "cat"), ("identifier", "id"),
    ("telephone", "phone"), ("e-mail", "email", "mail"), ("manager", "mgr"),
    ("organization", "organisation", "org"), ("temperature", "temp"), ("latitude", "lat"),
    ("longitude", "lon", "long", "lng"), ("altitude", "alt", "elevation"), ("address", "addr"),
    ("transaction", "txn", "trx"), ("account", "acct"), ("balance", "bal"), ("discount", "disc"),
    ("gender", "sex"), ("title", "headline"), ("car", "automobile"), ("movie", "film"),
    ("doctor", "physician"), ("teacher", "instructor"), ("student", "pupil"), ("state", "province"),
    ("zip", "zipcode", "postcode"), ("size", "capacity"), ("population", "inhabitants"),
    ("age", "years old", "aged"), ("shop", "store"), ("begin", "start"), ("finish", "end"), ("order", "purchase"),
    ("rating", "score"), ("date", "dt"), ("signup", "sign-up", "registration"), ("region", "area"),
    ("plan", "tier"), ("subscription", "sub"), ("payment", "pmt"), ("supplier", "vendor"),
    ("segment", "seg"), ("speed", "velocity"), ("flight", "flt"), ("airport", "airfield"),
)
