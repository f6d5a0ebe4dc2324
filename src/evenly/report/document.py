"""The frame of every page: one HTML file with its styles, scripts and data inside."""

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Any

import evenly
from evenly.report.charts.theme import DARK, LIGHT, config

SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # names the version of the format; nothing is fetched
SCRIPTS = ("vega.min.js", "vega-lite.min.js", "vega-embed.min.js")
INK = {"light": ("#1c2733", "#e1e7ec", LIGHT), "dark": ("#dfe7ee", "#2c3947", DARK)}
FRAME_HEIGHT = 900  # pixels of a page inside a notebook


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page; in a notebook it shows itself."""

    text: str
    "The HTML file."

    def _repr_html_(self) -> str:
        style = f"width:100%;height:{FRAME_HEIGHT}px;border:0"
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{html.escape(self.text, quote=True)}" style="{style}"></iframe>'
        )


def document(title: str, subtitle: str, lead: str, body: str) -> str:
    """Return a whole page around `body`, which is HTML already; the other texts are escaped.

    Scripts are allowed by their hash, so that no text of a user can become one, and nothing may be fetched. Vega
    compiles its expressions, which needs `unsafe-eval`; vega-embed adds a style sheet, which needs inline styles.
    """
    folder = files("evenly.report")
    themes = {name: config(*inks) for name, inks in INK.items()}
    draw = (folder / "draw.js").read_text(encoding="utf-8").replace("THEMES", inside_script(themes))
    scripts = [(folder / "vendor" / name).read_text(encoding="utf-8") for name in SCRIPTS] + [draw]
    allowed = " ".join(f"'sha256-{_digest(script)}'" for script in scripts)
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        policy=f"default-src 'none'; script-src {allowed} 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:",
        style=(folder / "page.css").read_text(encoding="utf-8") + palette(),
        title=html.escape(title),
        subtitle=html.escape(subtitle),
        lead=html.escape(lead),
        body=body,
        scripts="\n".join(f"<script>{script}</script>" for script in scripts),
        version=html.escape(evenly.__version__),
    )


def section(
    title: str, about: str, specs: Sequence[Mapping[str, Any]], labels: Sequence[str] = (), wide: str = ""
) -> str:
    """Return a section of pictures under one legend; empty if there is no picture.

    `wide` is the least width of a picture in pixels, for those that should not stand side by side.
    """
    if not specs:
        return ""
    data = [inside_script({"$schema": SCHEMA, **spec}) for spec in specs]
    cells = "".join(f"<div class='chart'><script type='application/json'>{text}</script></div>" for text in data)
    style = f" style='--least:{wide}'" if wide else ""
    return (
        f"<section><h2>{html.escape(title)}</h2><p class='about'>{html.escape(about)}</p>{legend(labels)}"
        f"<div class='charts'{style}>{cells}</div></section>\n"
    )


def legend(labels: Sequence[str]) -> str:
    """Return the names of the variants beside their colours; empty for a single one."""
    if len(labels) < 2:
        return ""
    entries = "".join(
        f"<li><i class='hue-{k % len(LIGHT)}'></i>{html.escape(name)}</li>" for k, name in enumerate(labels)
    )
    return f"<ul class='legend'>{entries}</ul>"


def cards(entries: Sequence[tuple[str, str, str]]) -> str:
    """Return the figures of the headline: what, how much, and whose."""
    shown = "".join(
        f"<div class='card'><span>{html.escape(what)}</span><b>{_parted(value)}</b>"
        f"<small>{html.escape(whose)}</small></div>"
        for what, value, whose in entries
    )
    return f"<div class='cards'>{shown}</div>\n" if entries else ""


def inside_script(value: Any) -> str:
    r"""Return JSON that cannot end the script element it stands in.

    >>> inside_script("</script>")
    '"\\u003c/script\\u003e"'
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def palette() -> str:
    """Return the colours of the variants as style rules, light and dark."""
    light = "".join(f".hue-{k}{{background:{colour}}}" for k, colour in enumerate(LIGHT))
    dark = "".join(f".hue-{k}{{background:{colour}}}" for k, colour in enumerate(DARK))
    return f"{light}@media screen and (prefers-color-scheme: dark){{{dark}}}"


def _parted(value: str) -> str:
    """Return a figure with its unit in a smaller type."""
    number = re.match(r"[\d.,+-]+[kMG]?", value)
    if number is None:
        return html.escape(value)
    return f"{html.escape(number.group())}<em>{html.escape(value[number.end() :])}</em>"


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
