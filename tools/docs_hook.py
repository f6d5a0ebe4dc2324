"""Fill the pages of the site with what the code and the evidence files say of themselves."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # mkdocs loads this file alone, not as a part of `tools`

from tools import catalogue


def on_config(config: Any, **_: Any) -> Any:
    """Leave out of the navigation the pages that this copy of the documentation does not have."""

    def present(entries: list[Any]) -> list[Any]:
        kept: list[Any] = []
        for entry in entries:
            if isinstance(entry, str):
                if Path(config["docs_dir"], entry).is_file():
                    kept.append(entry)
            else:
                inner = {title: present(pages) for title, pages in entry.items()}
                if any(inner.values()):
                    kept.append(inner)
        return kept

    config["nav"] = present(config["nav"])
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks in a page by generated tables."""
    return catalogue.fill(markdown)
