"""Options in groups: a verb takes a dataclass, and each of its fields is an option of its own."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from inspect import Parameter, signature
from typing import Any, get_type_hints


def grouped(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb as the command line sees it, with dataclass parameters taken apart into fields."""
    hints = get_type_hints(verb, include_extras=True)
    groups: dict[str, tuple[type, list[str]]] = {}
    shown: list[Parameter] = []
    for parameter in signature(verb).parameters.values():
        kind = hints[parameter.name]
        if isinstance(kind, type) and is_dataclass(kind):
            types = get_type_hints(kind, include_extras=True)
            groups[parameter.name] = (kind, [field.name for field in fields(kind)])
            shown += [
                parameter.replace(
                    name=field.name, annotation=types[field.name], default=field.default
                )
                for field in fields(kind)
            ]
        else:
            shown.append(parameter.replace(annotation=kind))

    def seen(**values: Any) -> None:
        parts = {
            name: kind(**{field: values.pop(field) for field in names})
            for name, (kind, names) in groups.items()
        }
        verb(**parts, **values)

    seen.__name__, seen.__doc__ = verb.__name__, verb.__doc__
    seen.__annotations__ = {parameter.name: parameter.annotation for parameter in shown}
    vars(seen)["__signature__"] = signature(verb).replace(parameters=shown)
    return seen
