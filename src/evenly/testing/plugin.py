"""The exam of every plug-in, whatever its room: form, documentation, values, YAML.

>>> from evenly.serve.routers import routers
>>> check(routers, "power-of-d")
"""

import inspect
import math
import pickle
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass, make_dataclass, replace
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from evenly.core import Catalog, Document
from evenly.core.catalog import camel, catalog_of, field_docs, plugin_name
from evenly.core.document import unstructure
from evenly.core.strict import dump

LINE = 120  # characters of the first line of a docstring
INVENTED: Mapping[type, Any] = {str: "example", int: 1, float: 1.0, bool: True}
"What a required field gets where no example is given."
ABSURD: Mapping[type, tuple[Any, ...]] = {
    int: (-(10**12),),
    float: (math.nan, -math.inf, math.inf, -1e12),
}
"Numbers that no knob means; each is refused, or at least one where the others have a meaning."


def check(catalog: Catalog[Any], name: str, example: object | None = None) -> None:
    """Examine one plug-in; raise `AssertionError` that says what it lacks.

    `example` is an object of it, for a plug-in whose required fields cannot be invented from their types.
    """
    kind = catalog[name]
    made = example if example is not None else sample(kind)
    assert isinstance(made, kind), f"{name}: the example is a {type(made).__name__}"
    has_form(kind, name)
    is_documented(kind)
    is_a_value(made)
    survives_yaml(catalog, made)
    refuses_absurd_numbers(made)


def has_form(kind: type[Any], name: str) -> None:
    """A plug-in is a frozen dataclass with slots, named after its file."""
    stem = name.rpartition("/")[2].removesuffix(".py")
    assert kind.__name__ == camel(stem), f"{name}: the class is {camel(stem)}, not {kind.__name__}"
    assert is_dataclass(kind), f"{name}: not a dataclass"
    assert kind.__dataclass_params__.frozen, f"{name}: not frozen"  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind), f"{name}: no slots; write @dataclass(frozen=True, slots=True)"
    module = inspect.getmodule(kind)
    public = [
        other.__name__
        for other in vars(module).values()
        if isinstance(other, type) and other.__module__ == kind.__module__ and other.__name__[0] != "_"
    ]
    assert public == [kind.__name__], f"{name}: one public class a file, not {', '.join(public)}"


def is_documented(kind: type[Any]) -> None:
    """The docstring begins with one sentence on one line; a string under every field says what it means."""
    assert "__doc__" in vars(kind), f"{kind.__name__}: no docstring"
    first = (inspect.getdoc(kind) or "").partition("\n")[0]
    assert not first.startswith(f"{kind.__name__}("), f"{kind.__name__}: no docstring of its own"
    assert first.endswith("."), f"{kind.__name__}: the docstring begins with a sentence on one line, not {first!r}"
    assert len(first) <= LINE, f"{kind.__name__}: the first line has {len(first)} characters"
    found = field_docs(kind)
    bare = [f.name for f in fields(kind) if not found.get(f.name, "").strip()]
    assert not bare, f"{kind.__name__}: no string under {', '.join(bare)}"


def is_a_value(made: Any) -> None:
    """Equal fields make equal objects, which hash alike and can be sent to another process."""
    twin = replace(made)
    assert twin == made, f"{made}: a copy differs"
    assert hash(twin) == hash(made), f"{made}: a copy has another hash"
    assert pickle.loads(pickle.dumps(made)) == made, f"{made}: differs after pickling"


def survives_yaml(catalog: Catalog[Any], made: object) -> None:
    """An object is the same after it was written to YAML and read again."""
    name = plugin_name(made)
    assert name, f"{made}: has no name in YAML"
    holder: Any = make_dataclass("Holder", [("held", catalog.protocol)])
    text = dump({"held": unstructure(made)})
    again = Document.parse(text).structure(holder).held
    assert again == made, f"{made}: differs after YAML: {again}"
    if not [f for f in fields(type(made)) if _required(f)]:  # type: ignore[arg-type]
        short = Document({"held": name}).structure(holder).held
        assert short == type(made)(), f"{name}: its bare name does not mean its defaults"


def refuses_absurd_numbers(made: Any) -> None:
    """A number that means nothing raises `ValueError` with the number in it; NaN never has a meaning."""
    for name, kind in _numbers(type(made)):
        said = {value: _refusal(made, name, value) for value in ABSURD[kind]}
        for value, message in said.items():
            assert not message or str(value) in message, (
                f"{type(made).__name__}.{name}: {message!r:.80} does not name {value}"
            )
        refused = [value for value, message in said.items() if message]
        assert refused, f"{type(made).__name__}.{name}: takes any number, {ABSURD[kind][-1]} too"
        takes_nan = kind is float and not any(math.isnan(value) for value in refused)
        assert not takes_nan, f"{type(made).__name__}.{name}: takes NaN"


def _refusal(made: Any, name: str, value: float) -> str:
    """Return the message of the `ValueError` that a value raises, or an empty string if it is taken."""
    try:
        replace(made, **{name: value})
    except ValueError as error:
        return str(error) or "an empty message"
    return ""


def sample(kind: type[Any]) -> Any:
    """Return an object of a plug-in: defaults, and values invented by type where there are none.

    >>> from evenly.traces.sources import sources
    >>> sample(sources["file"]).path
    'example'
    """
    hints = get_type_hints(kind)
    given = {f.name: _invented(hints[f.name]) for f in fields(kind) if f.init and _required(f)}
    unknown = [name for name, value in given.items() if value is MISSING]
    assert not unknown, f"{kind.__name__}: no example of {', '.join(unknown)} can be invented; hand one to check"
    return kind(**given)


def _invented(hint: Any) -> Any:
    """Return a value of a type, of a room the first plug-in; `MISSING` if there is none."""
    room = catalog_of(hint)
    return sample(room[room.names()[0]]) if room is not None else INVENTED.get(hint, MISSING)


def _required(entry: "Field[Any]") -> bool:
    return entry.default is MISSING and entry.default_factory is MISSING


def _numbers(kind: type[Any]) -> Iterator[tuple[str, type]]:
    hints: dict[str, Any] = get_type_hints(kind)
    for entry in fields(kind):
        hint = hints[entry.name]
        options: tuple[Any, ...] = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
        for number in (int, float):
            if entry.init and number in options:
                yield entry.name, number
