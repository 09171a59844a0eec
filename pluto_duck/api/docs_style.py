"""How the page of the description looks, in light and in dark, and what lets it in."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { color-scheme: light dark; --text: #1d2430; --soft: #5a6475; --line: #d8dde6; --back: #fff; --raised:
  #f5f7fa;
  --link: #0b5fa5; --get: #0b6b3a; --post: #0b5fa5; --put: #8a5a00; --delete: #a3242b; }
@media (prefers-color-scheme: dark) { :root { --text: #e4e8ef; --soft: #a2adbd; --line: #353d4a; --back: #14181f;
  --raised: #1d232d; --link: #7fc0ff; --get: #6fd69f; --post: #7fc0ff; --put: #e6b866; --delete: #ff8f93; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
.all { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 84rem; margin: auto; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem; border-right: 1px solid
  var(--line); }
nav ul { list-style: none; margin: 0 0 1rem; padding: 0; font-size: .875rem; }
nav li { padding-left: 3.75rem; text-indent: -3.75rem; overflow-wrap: anywhere;
  margin: .25rem 0; }
main { padding: 1.5rem 2rem 6rem; min-width: 0; }
h1 { font-size: 1.75rem; margin: 0 0 .5rem; } h2 { margin: 3rem 0 .5rem; font-size: 1.25rem; }
section > h2:first-child { border-bottom: 1px solid var(--line); padding-bottom: .25rem; }
a { color: var(--link); text-decoration: none; } a:hover, a:focus-visible { text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.soft { color: var(--soft); } p { margin: .5rem 0; max-width: 46rem; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .75rem 0; scroll-margin-top: 1rem; }
summary { padding: .625rem .875rem; cursor: pointer; } summary .soft { display: block; padding-left: 5.25rem; }
details[open] > summary { border-bottom: 1px solid var(--line); } details > div { padding: .5rem .875rem .875rem; }
b.get, b.post, b.put, b.patch, b.delete { display: inline-block; width: 4.25rem; font: 700 .8125rem/1.5
  ui-monospace, monospace; }
b.get { color: var(--get); } b.post { color: var(--post); } b.put, b.patch { color: var(--put); } b.delete { color:
  var(--delete); }
nav b { text-indent: 0; } nav b.get, nav b.post, nav b.put, nav b.patch, nav b.delete { width: 3.75rem; }
code, pre { font: .875rem/1.5 ui-monospace, monospace; } code { overflow-wrap: anywhere; }
pre { background: var(--raised); border-radius: .375rem; padding: .75rem;
  white-space: pre-wrap; overflow-wrap: anywhere;
  margin: .5rem 0; }
h3 { font-size: .875rem; margin: 1rem 0 .25rem; color: var(--soft); font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .9375rem; } td { border-top: 1px solid var(--line);
  padding: .375rem .75rem .375rem 0; vertical-align: top; } td:first-child { width: 14rem; overflow-wrap: anywhere;
  }
@media (max-width: 50rem) { .all { display: block; } nav { position: static; height: auto; border: 0; }
  main { padding: 1rem; } td:first-child { width: 40%; } }
"""
STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
