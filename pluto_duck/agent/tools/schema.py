"""JSON schema from a function's signature, and arguments checked against it."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pluto_duck.errors import UsageError, nearest

_PLAIN: dict[type, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def schema_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Of all parameters but the first."""
    return _object(_parameters(function))


def bound(function: Callable[..., Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments as the function wants them. Raises UsageError that names the parameter."""
    return _filled(_parameters(function), arguments, "")


_Parameter = tuple[Any, Any]
"""(annotation, default); the default of a required one is inspect.Parameter.empty."""


def _parameters(function: Callable[..., Any]) -> dict[str, _Parameter]:
    hints = get_type_hints(function, include_extras=True)
    names = list(inspect.signature(function).parameters.values())[1:]
    return {one.name: (hints[one.name], one.default) for one in names}


def _fields(kind: type) -> dict[str, _Parameter]:
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: (hints[one.name], inspect.Parameter.empty if one.default is dataclasses.MISSING else one.default)
            for one in dataclasses.fields(kind)}


def _object(parameters: Mapping[str, _Parameter]) -> dict[str, Any]:
    return {"type": "object", "properties": {name: _schema(hint) for name, (hint, _) in parameters.items()},
            "required": [name for name, (_, default) in parameters.items() if default is inspect.Parameter.empty],
            "additionalProperties": False}


def _schema(hint: Any) -> dict[str, Any]:
    if get_origin(hint) is Annotated:
        inner, description, *_ = get_args(hint)
        return {**_schema(inner), "description": description}
    if hint in _PLAIN:
        return {"type": _PLAIN[hint]}
    if get_origin(hint) is Literal:
        return {"type": "string", "enum": list(get_args(hint))}
    if get_origin(hint) is list:
        return {"type": "array", "items": _schema(get_args(hint)[0])}
    if get_origin(hint) in (Union, types.UnionType):
        return _schema(_not_none(hint))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _object(_fields(hint))
    raise TypeError(f"a tool's parameter can't be of type {hint!r}")


def _not_none(hint: Any) -> Any:
    (inner,) = (one for one in get_args(hint) if one is not type(None))
    return inner


def _filled(parameters: Mapping[str, _Parameter], arguments: Mapping[str, Any], where: str) -> dict[str, Any]:
    for name in arguments:
        if name not in parameters:
            close = nearest(name, parameters)
            raise UsageError(f"There is no argument {where}{name}.",
                             hint=f"Did you mean {close[0]}?" if close else f"There are: {', '.join(parameters)}.")
    found = {}
    for name, (hint, default) in parameters.items():
        if name in arguments:
            found[name] = _value(hint, arguments[name], where + name)
        elif default is inspect.Parameter.empty:
            raise UsageError(f"The argument {where}{name} is missing.")
    return found


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) is Annotated:
        return _value(get_args(hint)[0], value, where)
    if get_origin(hint) in (Union, types.UnionType):
        return None if value is None else _value(_not_none(hint), value, where)
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise UsageError(f"{where} must be one of {', '.join(map(str, get_args(hint)))}.")
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise UsageError(f"{where} must be a list.")
        return [_value(get_args(hint)[0], one, f"{where}[{i}]") for i, one in enumerate(value)]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise UsageError(f"{where} must be an object.")
        return hint(**_filled(_fields(hint), value, f"{where}."))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise UsageError(f"{where} must be of type {_PLAIN[hint]}.")
    return value
