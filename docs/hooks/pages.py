"""MkDocs hook: pages of the repository's root and figures of the experiments become part of the site.

Links are written as they are right on a forge (`../BUILD.md`, `../experiments/figures/exam.png`); in the site those
files lie beside the pages.
"""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent.parent
ROOT_PAGES = ("BUILD.md", "CHANGELOG.md", "CONTRIBUTING.md")
FIGURES = "experiments/figures"


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the root and the figures to those of docs/."""
    for name in (*ROOT_PAGES, *(f"{FIGURES}/{path.name}" for path in sorted((ROOT / FIGURES).glob("*.png")))):
        files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to the root into links between pages of the site."""
    if page.file.src_uri in ROOT_PAGES:
        return re.sub(r"\]\(docs/", "](", markdown)
    names = "|".join(map(re.escape, (*ROOT_PAGES, FIGURES + "/")))
    return re.sub(rf"(\]\(|src=\")\.\./({names})", r"\1\2", markdown)
