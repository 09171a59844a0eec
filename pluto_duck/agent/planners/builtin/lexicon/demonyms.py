"""What is of a country, and how the data may call that country."""

from __future__ import annotations

DEMONYMS: dict[str, tuple[str, ...]] = {
    "american": ("united states", "usa", "united states of america"), "argentinian": ("argentina",),
    "australian": ("australia",), "austrian": ("austria",), "belgian": ("belgium",), "brazilian": ("brazil",),
    "british": ("united kingdom", "great britain", "uk"), "bulgarian": ("bulgaria",), "canadian": ("canada",),
    "chilean": ("chile",), "chinese": ("china",), "colombian": ("colombia",), "croatian": ("croatia",),
    "czech": ("czech republic", "czechia"), "danish": ("denmark",), "dutch": ("netherlands", "the netherlands"),
    "egyptian": ("egypt",), "english": ("england",), "estonian": ("estonia",), "finnish": ("finland",),
    "french": ("france",), "german": ("germany",), "greek": ("greece",), "hungarian": ("hungary",),
    "icelandic": ("iceland",), "indian": ("india",), "indonesian": ("indonesia",), "irish": ("ireland",),
    "israeli": ("israel",), "italian": ("italy",), "japanese": ("japan",), "kenyan": ("kenya",),
    "korean": ("south korea", "korea"), "latvian": ("latvia",), "lithuanian": ("lithuania",),
    "malaysian": ("malaysia",), "mexican": ("mexico",), "moroccan": ("morocco",), "nigerian": ("nigeria",),
    "norwegian": ("norway",), "peruvian": ("peru",), "polish": ("poland",), "portuguese": ("portugal",),
    "romanian": ("romania",), "russian": ("russia",), "scottish": ("scotland",), "serbian": ("serbia",),
    "singaporean": ("singapore",), "slovak": ("slovakia",), "slovenian": ("slovenia",), "spanish": ("spain",),
    "swedish": ("sweden",), "swiss": ("switzerland",), "thai": ("thailand",), "turkish": ("turkey",),
    "ukrainian": ("ukraine",), "vietnamese": ("vietnam",), "welsh": ("wales",), "european": ("europe",),
    "asian": ("asia",), "african": ("africa",),
}
