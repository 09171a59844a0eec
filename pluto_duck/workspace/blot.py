"""Passwords out of texts that are kept or shown: SQL, addresses, connection strings, the engine's errors.

It errs on the side of blotting too much. Every repetition has a bound: the text may be a stranger's.
"""

from __future__ import annotations

import re

# The password ends at the last @ of the word: people forget to percent-encode the ones inside.
_URL_PASSWORD = re.compile(r"""(://[^\s:/@'"]{0,300}):(?:[^\s'"]|['"](?=[^\s,;)\]])){1,300}@""")

# Whoever has the address of a signed link may read what it means: S3, Azure, Google, CloudFront.
_SIGNATURE = re.compile(r"(?i)([?&](?:sig|signature|x-(?:amz|goog)-signature|key-pair-id|policy)=)[^\s&'\"#]{1,4000}")

_NAME = (r"password|passwd|pwd|passphrase|secret|token|access_?key|account_?key|api_?key|encryption_key|"
         r"connection_string|authorization")
_QUOTED = (r"''(?=[^\s',)])[^']{0,4000}''|[eE]?'(?:[^']|''){0,4000}'|\"(?:[^\"]|\"\"){0,4000}\"|"
           r"\$(?P<tag>\w{0,64})\$.{0,4000}?\$(?P=tag)\$")
_NAMED_PASSWORD = re.compile(
    rf"""(?is)(?P<name>(?:{_NAME})(?![a-z0-9_])["']?)(?P<gap>(?:\s|/\*.{{0,99}}?\*/){{0,20}})"""
    rf"""(?:(?P<mark>(?:=>|:=|=|:(?!:))?\s{{0,20}})(?:{_QUOTED})|(?P<equals>(?:=>|:=|=)\s{{0,20}})[^\s'",;)&]{{1,4000}})""")


def blotted(text: str) -> str:
    """The text without the passwords that stand in its URLs, options and connection strings."""
    text = _SIGNATURE.sub(r"\1***", _URL_PASSWORD.sub(r"\1:***@", text))
    return _NAMED_PASSWORD.sub(_without, text)


def _without(found: re.Match[str]) -> str:
    if found["equals"]:
        return f"{found['name']}{found['gap']}{found['equals']}***"
    return f"{found['name']}{found['gap']}{found['mark']}'***'"
