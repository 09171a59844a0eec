"""How people put a question: what is only polite goes, and idioms become the plainer words that the grammar knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from pluto_duck.agent.planners.builtin.tokens import Token

Known = Callable[[str], bool]
"""Whether the data or their names have these words: then they are no idiom."""

_UNIT = "(?:day|week|month|quarter|year)"
_ASK = (
    "(?:know|see|look at|have a look at|find out|learn|understand|get|have|check|tell|show|give|list|name"
    "|send|find|pull"
    "|pull up|ask|ask you|work out|look up|identify|listing|showing|telling|giving|naming|checking|finding)"
)
_SOFT = "(?: please| kindly| possibly| maybe| perhaps| also| just| quickly| really| only)*"
_OPENINGS = [re.compile(f"(?:{one})(?: ,)?(?= |$)") for one in (
    "hi all|hi there|hi|hello|hey|hiya|good morning|good afternoon|dear all|ok|okay|well|so|right"
    "|thanks|thank you|sorry"
    "|excuse me",
    r"(?:please|pls|kindly|quick question|question|one more thing|just|also|now)(?= (?!of))",
    f"(?:can|could|would|will|may|might|shall|should) (?:you|i|we|someone|anybody|anyone){_SOFT} {_ASK}(?: me| us)?"
    "(?: please)?",
    rf"(?:i|we|i'd|we'd|i'll|i've)(?: would| do)?{_SOFT}(?: (?:want|wanted|need|needed|like|love|wish|prefer|try))+"
    rf"(?: to)? {_ASK}(?: me| us)?",
    rf"(?:i|we|i'd|we'd)(?: would)?{_SOFT} (?:need|want|like|love)(?: to have)?",
    rf"(?:i'm|we're|i am|we are|i was|we were|i'd be|i would be|we'd be){_SOFT} (?:wondering|curious|interested in"
    "|looking for|trying to find(?: out)?|after|keen to know|asking)"
    "(?: about| if you (?:know|could tell me)| to know| in)?",
    rf"let(?: me| us|'s)? {_ASK}",
    rf"(?:would|do) you mind {_ASK}(?: me| us)?",
    "do you (?:happen to )?know|any idea|do we know|remind me|help me (?:find|understand|see)"
    "|is it possible to (?:see|know|get)|what i (?:want|need)(?: to know)? is",
)]
_NOUNS = re.compile(
    r"(?:an? |the |some |me )*(?:quick |full |short |complete |brief |rough |detailed |simple )*"
    r"(breakdown|overview|summary|split|picture|rundown|table|chart|graph|plot|listing|ranking|numbers|figures|stats"
    r"|statistics|details)(?: of| for| on| showing| with)(?= )")

_MOST = "highest|largest|biggest|most|best|greatest|top"
_FEWEST = "lowest|smallest|fewest|least|worst"
_FIRST = "(?: ones?| values?)? (?:first|on top|at the top)"
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_ANYWHERE: list[tuple[re.Pattern[str], str]] = [(re.compile(rf"(?<![^ ]){old}(?![^ ])"), new) for old, new in (
    (rf"({_UNIT}) (?:by|after) \1", r"per \1"),
    (rf"(?:from )?one ({_UNIT}) (?:to|and) the next(?: one)?", r"\1 over \1"),
    (rf"from ({_UNIT}) to \1", r"\1 over \1"),
    (rf"on (?:a|an) ({_UNIT}) to \1 basis", r"\1 over \1"),
    (r"on (?:a|an) (daily|weekly|monthly|quarterly|yearly|annual) basis", r"\1"),
    (r"on (?:a|an) per ([^ ]+) basis", r"per \1"),
    (rf"(?:every|each) single ({_UNIT})", r"per \1"),
    (rf"for (?:every|each) of the ({_UNIT})s", r"per \1"),
    (r"each and every", "each"),
    (r"(?:over|in|during) the course of|throughout|all through|in the calendar year|in calendar year", "in"),
    (r"(?:since|from) the (?:beginning|start) of", "since"),
    (r"(?:until|till|up to|to) the end of", "until"),
    (r"(what|which) % of", "what percentage of"),
    (r"(?<!a )(?<!as )(?<!in )(?<![0-9] )% of", "percentage of"),
    (r"what part of|how much of|how big a share of|how large a share of|how many percent of", "what share of"),
    (r"(?:split up|broken out|broken up|grouped|organi[sz]ed|segmented|separated|itemi[sz]ed|listed|divided up|shown)"
     r" (?:by|per|into)", "by"),
    (r"split (?:per|across|between|among)|separately (?:for|by)(?: each| every)?|for each individual", "by"),
    (r"in terms of|according to|depending on|measured by", "by"),
    (r"when it comes to|with regards? to|with respect to|regarding|concerning|in the case of", "for"),
    (r"(?:that|which|who) (?:are|is|were|was) (?:based|located|situated|living|headquartered|resident) in", "in"),
    (r"(?:based|living|situated|headquartered|resident) in", "in"),
    (r"^(?:and |now )?compare (?:that|this|it|these|them) (?:with|to|against)", "compared to"),
    (rf"(?:starting|beginning)(?: from| in| with| on)? ({_MONTHS}|q[1-4]|20\d\d)", r"since \1"),
    (r"(?:end|ends|ended) up", ""),
    (r"which one (is|was|has|had|does|did)", r"which \1"),
    (r"as compared (?:to|with)|measured against|set against|as opposed to", "compared to"),
    (r"how (?:does|do|did|has|have|is|are) (.+?) compares?d? (?:with|to|against)", r"\1 compared to"),
    (r"how (?:(?:has|have|did|does|do|is|are|was|were) )?(.+?) (?:(?:has|have|had|been|is|are) )*"
     r"(?:developed|developing|develops?|evolved?|evolving|progress(?:ed|ing)?|trend(?:ed|ing))", r"\1 developed"),
    (r"(?:the )?(number|count) and (?:the )?(total |average |mean )?([^ ]+) of (?:the |all )?([^ ]+)",
     r"number of \4 and \2\3 of \4"),
    (r"(in|during) ([^ ]+(?: [^ ]+)?) as well as (?:in |during )?(.+)", r"both \1 \2 and \1 \3"),
    (r"in excess of|upwards of|north of", "more than"),
    (r"no fewer than|not fewer than|not under|not below", "at least"),
    (r"not exceeding|not over|not above|no higher than|not higher than", "at most"),
    (r"a dozen", "12"),
    (rf"(,) (?:the )?(?:{_MOST}){_FIRST}", r"\1 descending"),
    (rf"(,) (?:the )?(?:{_FEWEST}){_FIRST}", r"\1 ascending"),
    (rf"(?:with )?the (?:{_MOST}){_FIRST}$", "descending"),
    (rf"(?:sorted |ranked |ordered )?from (?:high|{_MOST}) to (?:low|bottom|{_FEWEST})", "descending"),
    (r"which (?:one )?of (?:our|the|my|these|those|all) (?:our |the )?(?!them)", "which "),
    (r"right now|at the moment|at present|as of (?:now|today)|so far|up to now|until now|these days|nowadays"
     r"|for now|by now"
     r"|thanks(?: a lot)?|thank you|if possible|to be precise|in detail|all in all|for (?:me|us)|with us|from us|to us"
     r"|side by side"
     r"|in our (?:system|database|data|books)|on our books|again|actually|basically|presently|for a start", ""),
    (r"yet$|now$", ""),
)]
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "mn": 1_000_000, "mio": 1_000_000,
           "billion": 1_000_000_000, "bn": 1_000_000_000}
_LITTLE = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
           "ten": 10}


def reworded(words: Sequence[Token], known: Known) -> list[Token]:
    """The question in plainer words; those that stay keep how they were typed."""
    found = _opened(list(words), known)
    for pattern, new in _ANYWHERE:
        found = _replaced(found, pattern, new, known)
    return _only_said(_scaled(found))


def _opened(words: list[Token], known: Known) -> list[Token]:
    again = True
    while again:
        again = False
        said = " ".join(_plain(one) for one in words)
        for pattern in _OPENINGS:
            match = pattern.match(said)
            if match is None or not words[_count(match.group()) :]:
                continue
            polite = words[: _count(match.group())]
            if len(polite) == 1 and known(polite[0].lower):
                continue
            words, again = words[len(polite) :], True
            break
    said = " ".join(_plain(one) for one in words)
    start = 1 if words and words[0].lower in ("show", "give", "list", "see", "make", "draw", "plot") else 0
    rest = said.split(" ", start)[start] if len(words) > start else ""
    noun = _NOUNS.match(rest)
    if noun is not None and not known(noun[1]) and noun[1] != "list":
        words = [*words[:start], *words[start + _count(noun.group()) :]]
    return words


def _replaced(words: list[Token], pattern: re.Pattern[str], new: str, known: Known) -> list[Token]:
    said = " ".join(_plain(one) for one in words)
    match = pattern.search(said)
    if match is None or known(match.group().strip()):
        return words
    start = said[: match.start()].count(" ")
    old = words[start : start + _count(match.group().rstrip())]
    kept = {one.lower: one for one in old}
    told = match.expand(new).split()
    return [*words[:start], *(kept.get(one, Token(one, one)) for one in told), *words[start + len(old) :]]


def _plain(word: Token) -> str:
    """A quotation is one word that no idiom has."""
    return "\0" if word.quoted else word.lower.replace(" ", "\0")


def _count(text: str) -> int:
    return text.count(" ") + 1


def _scaled(words: Sequence[Token]) -> list[Token]:
    """2 million is one number."""
    found: list[Token] = []
    for one in words:
        scale = 0 if one.quoted else _SCALES.get(one.lower.removesuffix("s"), 0)
        last = found[-1].lower.replace(",", "") if found and not found[-1].quoted else ""
        number = float(last) if re.fullmatch(r"\d+(\.\d+)?", last) else _LITTLE.get(last)
        if scale and number:
            text = f"{number * scale:.0f}"
            found[-1] = replace(one, text=text, lower=text)
        else:
            found.append(one)
    return found


_RESTRICTING = {"for", "in", "from", "of", ",", "on", "and", "but", "now"}


def _only_said(words: Sequence[Token]) -> list[Token]:
    """Only carrier AA; for yearly plans only: every condition restricts. But who bought only tents bought nothing
    else: that stays."""
    found = list(words)
    for at, one in enumerate(words):
        if one.quoted or one.lower not in ("only", "just", "solely", "exclusively"):
            continue
        first = not at or words[at - 1].lower in _RESTRICTING - {"and", "but"} or (
            at == 1 and words[0].lower in ("and", "but"))
        last = at + 1 == len(words) or words[at + 1].lower == ","
        start = max((i for i in range(at) if words[i].lower in _RESTRICTING - {"and", "but"}), default=-1)
        if first or (last and start >= 0 and at - start <= 4):
            found = [other for other in found if other is not one]
    return found
