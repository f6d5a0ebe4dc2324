"""Tables of the documentation, generated from docstrings and evidence files.

`python -m tools.catalogue` rewrites the table of systems in README.md; a test holds that it is up to date.
"""

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import evenly
from evenly.core.catalog import Catalog
from evenly.papers.evidence import Paper, names, read
from evenly.papers.table import figure

ROOT = Path(__file__).parents[1]
README_TABLE = re.compile(r"(<!-- systems: begin -->\n).*?(<!-- systems: end -->)", re.DOTALL)


def fill(markdown: str) -> str:
    """Return a page with its marks replaced: `<!-- catalogue -->`, `<!-- systems -->`, `<!-- claims: NAME -->`."""
    if "<!-- catalogue -->" in markdown:
        markdown = markdown.replace("<!-- catalogue -->", "\n".join(room(catalog) for catalog in catalogs()))
    markdown = markdown.replace("<!-- systems -->", systems("systems/{}.md"))
    return re.sub(r"<!-- claims: ([\w-]+) -->", lambda mark: claims(mark.group(1)), markdown)


def catalogs() -> Iterator[Catalog[Any]]:
    """Yield the catalogue of every room, in the order of their names."""
    for module in sorted(pkgutil.walk_packages(evenly.__path__, "evenly."), key=lambda found: found.name):
        if not module.ispkg:
            continue
        for value in list(vars(importlib.import_module(module.name)).values()):
            if isinstance(value, Catalog) and value.package == module.name:
                yield value


def room(catalog: Catalog[Any]) -> str:
    """Return the section of one room: its verb, and a row a plug-in."""
    about = _sentence(inspect.getdoc(catalog.protocol) or "")
    domain = catalog.package.split(".")[1]
    lines = [
        f"## {catalog.noun.capitalize()} ({domain})",
        "",
        f"{about} Room `{catalog.package}`, verb `{'`, `'.join(catalog.verbs)}`.",
        "",
        "| name | what it does | knobs | reference |",
        "| --- | --- | --- | --- |",
    ]
    for name in catalog:
        kind = catalog[name]
        text = inspect.getdoc(kind) or ""
        lines.append(f"| `{name}` | {_sentence(text)} | {_knobs(kind)} | {_reference(text)} |")
    return "\n".join([*lines, ""])


def systems(link: str) -> str:
    """Return the table of published systems; `link` is the pattern of their pages."""
    lines = ["| system | what it does | claims | published |", "| --- | --- | ---: | --- |"]
    for paper in map(read, names()):
        page = link.format(paper.name)
        known = (ROOT / "docs" / "systems" / f"{paper.name}.md").is_file()
        title = f"[{paper.name}]({page})" if known else paper.name
        lines.append(f"| {title} | {_sentence(paper.about)} | {len(paper.claims)} | [{paper.year}]({paper.link}) |")
    return "\n".join(lines)


def claims(name: str) -> str:
    """Return the table of claims of a paper, with our recorded figures where there are any."""
    paper = read(name)
    recorded = recorded_figures(name)
    lines = [
        f"**{paper.title}**, {_authors(paper.authors)}, {paper.year}: <{paper.link}>. Data: {paper.licence}.",
        "",
        "| setting | metric | paper | ours (least to most of the seeds) | band | verdict | source |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    for claim in paper.claims:
        low, high = ("" if abs(bound) == float("inf") else figure(bound) for bound in (claim.low, claim.high))
        band = f"{low} to {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
        row = recorded.get((claim.setting, claim.metric), {})
        ours = figure(row.get("ours"))
        if row.get("seeds", 0) > 1:
            ours += f" ({figure(row['least'])} to {figure(row['most'])})"
        metric = claim.metric + (f" [{claim.unit}]" if claim.unit else "")
        cells = [claim.setting, metric, figure(claim.paper), ours, band, row.get("verdict", ""), claim.source]
        lines.append("| " + " | ".join(_cell(text) for text in cells) + " |")
    return "\n".join([*lines, "", *_misses(paper)])


def recorded_figures(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows that `evenly reproduce NAME --json` printed when the documentation was last refreshed."""
    path = ROOT / "docs" / "evidence" / f"{name}.json"
    if not path.is_file():
        return {}
    return {(row["setting"], row["metric"]): row for row in json.loads(path.read_text(encoding="utf-8"))}


def readme(text: str) -> str:
    """Return the README with its table of systems up to date."""
    return README_TABLE.sub(lambda mark: f"{mark.group(1)}{systems('docs/systems/{}.md')}\n{mark.group(2)}", text)


def _misses(paper: Paper) -> list[str]:
    known = [claim for claim in paper.claims if claim.known_miss]
    if not known:
        return []
    lines = [f"- *{claim.setting}, {claim.metric}*: {' '.join(claim.known_miss.split())}" for claim in known]
    return ["Known misses:", "", *lines, ""]


def _knobs(kind: type[Any]) -> str:
    if not is_dataclass(kind):
        return ""
    return ", ".join(f"`{f.name}`" for f in fields(kind) if f.init)


def _reference(text: str) -> str:
    found = re.search(r"Reference:\s*(.+?)(?:\n\s*\n|$)", text, re.DOTALL)
    return _cell(" ".join(found.group(1).split()).rstrip(".")) if found else ""


def _sentence(text: str) -> str:
    """Return the first sentence of a docstring."""
    paragraph = " ".join(text.split("\n\n")[0].split())
    found = re.match(r"(.+?\.)(?:\s|$)", paragraph)
    return _cell(found.group(1) if found else paragraph)


def _authors(text: str) -> str:
    people = text.split(", ")
    return text if len(people) <= 3 else f"{people[0]} et al."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Rewrite the table of systems in README.md."""
    path = ROOT / "README.md"
    path.write_text(readme(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
