"""Strict YAML: the core schema of YAML 1.2, one mapping, nothing that stands for more than is written."""

import re
from typing import Any, NoReturn

import yaml

Keys = tuple[str | int, ...]

DEPTH = 50  # levels of nesting; a scenario needs six
BREAKS = "\n\r\x85\u2028\u2029"  # folded, and lost, where a text is not in double quotes
DIGITS = 40  # of a whole number; more is a slip, and slow to read


def load(text: str, source: str) -> tuple[Any, dict[Keys, int]]:
    """Return the value of a YAML text and the line of every entry in it.

    Raises `ValueError` that names source and line.

    >>> load("rate: 1e3", "scenario.yaml")
    ({'rate': 1000.0}, {(): 1, ('rate',): 1})
    """
    try:
        reader = _Strict(text)
        node = reader.get_single_node()
        value = reader.construct_document(node) if node is not None else None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ValueError(
            f"{source}:{line}: not valid YAML: the character #x{error.character:04x} is not text"
        ) from None
    except yaml.YAMLError as error:
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        place = f"{source}:{mark.line + 1}" if mark else source
        raise ValueError(f"{place}: not valid YAML: {problem or error}") from None
    lines: dict[Keys, int] = {}
    if node is not None:
        _mark(node, (), lines)
    return value, lines


def dump(value: Any) -> str:
    r"""Return YAML text that `load` reads as the same value.

    >>> dump({"rate": 1e9, "name": "1e9"})
    "rate: 1000000000.0\nname: '1e9'\n"
    """
    text: str = yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True)
    return text


class _Strict(yaml.SafeLoader):
    """The safe loader without aliases, tags, repeated keys and the guesses of YAML 1.1.

    Aliases can make a few lines stand for more values than memory holds. In YAML 1.1 `1e9` is text, `no` is false,
    `010` is eight and `1:30` is ninety.
    """

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 the library adds to a copy
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            _refuse("aliases (*name) are not read; write the value out", event.start_mark)
        if getattr(event, "tag", None) not in (None, "!"):
            _refuse(f"tags ({event.tag}) are not read; write a plain value", event.start_mark)
        if self.depth >= DEPTH:
            _refuse(f"nested more than {DEPTH} levels deep", event.start_mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refuse(problem: str, mark: Any) -> NoReturn:
    raise yaml.constructor.ConstructorError(None, None, problem, mark)


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            _refuse("a key is one word, not a list or mapping", key.start_mark)
        if key.value in made:
            _refuse(f"key '{key.value}' appears twice", key.start_mark)
        made[key.value] = loader.construct_object(value, deep=True)
    return made


def _whole(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    if len(node.value) > DIGITS:
        _refuse(f"a number of {len(node.value)} digits", node.start_mark)
    return int(loader.construct_yaml_int(node))


for _name, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("int", r"[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
        r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
):
    _places = [*_first, ""] if _name == "null" else list(_first)
    _Strict.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"^(?:{_pattern})$"), _places)


class _Plain(yaml.SafeDumper):
    """The safe dumper, with the same schema and without anchors."""

    yaml_implicit_resolvers = _Strict.yaml_implicit_resolvers

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def represent_str(self, data: str) -> Any:
        style = '"' if any(sign in data for sign in BREAKS) else None
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Plain.add_representer(str, _Plain.represent_str)


_Strict.add_constructor("tag:yaml.org,2002:map", _mapping)
_Strict.add_constructor("tag:yaml.org,2002:int", _whole)


def _mark(node: Any, path: Keys, lines: dict[Keys, int]) -> None:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            _mark(value, (*path, key.value), lines)
            lines[(*path, key.value)] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            _mark(value, (*path, index), lines)
