"""What can be said about a Kafka sink, and how its clients connect."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from pluto_duck.errors import Refused, UsageError
from pluto_duck.events.sinks import Option, Place

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

OPTIONS: Mapping[str, Option] = {
    "bootstrap": Option("Brokers to begin with: host:port, several separated by commas.", required=True),
    "prefix": Option("What the names of topics begin with: PREFIX.SCHEMA.TABLE, and PREFIX.positions.",
                     default="pluto"),
    "create_topics": Option("Whether topics that are not there are made.", "bool", True),
    "partitions": Option("Of a topic that is made; changes of one key stay in one partition.", "int", 3, least=1),
    "replication": Option("Copies of a topic that is made; 0: as the broker has it.", "int", 0, least=0),
    "cleanup": Option("The cleanup.policy of a topic that is made; one of rows without a key is never compacted.",
                      default="delete", choices=("delete", "compact", "compact,delete")),
    "tombstones": Option("Whether a deleted row is followed by a message without a value, which lets a compacted topic "
                         "forget its key.", "bool", True),
    "compression": Option("none, gzip, or what the packages lz4 and zstandard add.", default="none",
                          choices=("none", "gzip", "lz4", "zstd")),
    "max_mb": Option("Megabytes of a message; a larger change is set aside as a dead letter.", "float", 1.0,
                     least=0.001),
    "timeout_s": Option("Seconds that a broker may take for an answer.", "float", 10.0, least=1),
    "security": Option("How brokers are spoken to.", default="PLAINTEXT", choices=PROTOCOLS),
    "ca": Option("File of those who may have signed the brokers' certificates; else the system's."),
    "certificate": Option("File of a certificate of our own."),
    "certificate_key": Option("File of its key."),
    "certificate_password": Option("Where that key's password is: env:NAME or keyring.", secret=True),
    "check_hostname": Option("Whether a broker's certificate must be for its name.", "bool", True),
    "sasl": Option("The mechanism of SASL.", choices=MECHANISMS),
    "username": Option("Who we are to SASL."),
    "password": Option("Where the password for SASL is: env:NAME or keyring.", secret=True),
}


def check(options: Mapping[str, Any]) -> None:
    """What no single option tells. Raises UsageError or Refused."""
    sasl = options["security"].startswith("SASL")
    if sasl and not (options["sasl"] and options["username"] and options["password"]):
        raise UsageError(f"{options['security']} needs the options sasl, username and password.")
    if not sasl and (options["sasl"] or options["username"] or options["password"]):
        raise UsageError(f"With security={options['security']} nobody asks for a user.",
                         hint="Say security=SASL_SSL, or leave sasl, username and password out.")
    if not options["security"].endswith("SSL") and (options["ca"] or options["certificate"]):
        raise UsageError(f"With security={options['security']} there are no certificates.",
                         hint="Say security=SSL or SASL_SSL.")
    if bool(options["certificate"]) != bool(options["certificate_key"]):
        raise UsageError("A certificate and its key belong together.", hint="Give certificate and certificate_key.")
    hosts = brokers(options["bootstrap"])
    if options["security"] == "SASL_PLAINTEXT" and options["sasl"] == "PLAIN" and not all(map(_is_here, hosts)):
        raise Refused("PLAIN over SASL_PLAINTEXT sends the password as clear text to another machine.",
                      hint="Say security=SASL_SSL, or sasl=SCRAM-SHA-512.")


def brokers(text: str) -> list[str]:
    found = [one.strip() for one in text.split(",") if one.strip()]
    for one in found:
        host, colon, port = one.rpartition(":")
        if not colon or not host or not port.isdigit() or not 0 < int(port) < 65536 or "/" in host or "@" in host:
            raise UsageError("The option bootstrap of a kafka sink lists brokers as host:port.",
                             hint="For example: bootstrap=kafka-1.example:9092,kafka-2.example:9092")
    if not found:
        raise UsageError("The option bootstrap of a kafka sink names no broker.")
    return found


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def connection(options: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """What all of kafka-python's clients take, secrets among it: for them alone."""
    milliseconds = int(options["timeout_s"] * 1000)
    found: dict[str, Any] = {
        "bootstrap_servers": brokers(options["bootstrap"]), "client_id": f"pluto-duck-{place.name}",
        "security_protocol": options["security"], "request_timeout_ms": milliseconds,
        "bootstrap_timeout_ms": milliseconds, "reconnect_backoff_max_ms": 1000, "retry_backoff_ms": 30}
    if options["security"].endswith("SSL"):
        found |= {"ssl_check_hostname": options["check_hostname"]}
        for ours, theirs in (("ca", "ssl_cafile"), ("certificate", "ssl_certfile"), ("certificate_key", "ssl_keyfile")):
            if options[ours]:
                found[theirs] = str(place.root / options[ours])
        if options["certificate_password"]:
            found["ssl_password"] = place.secret("certificate_password")
    if options["security"].startswith("SASL"):
        found |= {"sasl_mechanism": options["sasl"], "sasl_plain_username": options["username"],
                  "sasl_plain_password": place.secret("password")}
    return found
