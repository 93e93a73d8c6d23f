"""A hook of mkdocs: the source files that pages link to become pages of the site.

In the checkout a link such as `../../tinygrad_course/nn/dense.py` opens the file; in the site it
opens `source/tinygrad_course/nn/dense.py.html`, made here. See `mkdocs.yml` for what calls it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

LINK = re.compile(r"\]\(((?:\.\./)+[\w./-]+\.py)\)")
HEADING, BLOCK = r"<h[1-3] .*?</h[1-3]>", r'<div class="codehilite">.*?</pre></div>'
ROOT = Path(__file__).parent.parent


def outside(markdown: str, page: str) -> Iterator[tuple[str, str]]:
    """Each link of a page that leaves `docs/`: as it is written, and from the checkout's root."""
    for link in LINK.findall(markdown):
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link))
        if not path.startswith("docs/"):
            yield link, path


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for every file that a page links to."""
    from mkdocs.structure.files import File

    wanted = {
        path
        for file in files.documentation_pages()
        for _, path in outside(file.content_string, file.src_uri)
        if (ROOT / path).is_file()
    }
    for path in sorted(wanted):
        text = (ROOT / path).read_text(encoding="utf-8")
        page = f"# {path}\n\n~~~~python\n{text}~~~~\n"
        files.append(File.generated(config, f"source/{path}.md", content=page))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point the links at those pages."""
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown
    for link, path in outside(markdown, here):
        if (ROOT / path).is_file():
            target = posixpath.relpath(f"source/{path}.md", posixpath.dirname(here) or ".")
            markdown = markdown.replace(f"]({link})", f"]({target})")
    return markdown


def on_page_content(html: str, page: Page, **_: Any) -> str:
    """Put each block of code into a row with the words before it."""
    if page.file.src_uri.startswith("source/"):
        return html
    rows, words = [], ""

    def finish(code: str = "") -> None:
        nonlocal words
        if code:
            rows.append(f'<div class="beside"><div>{words}</div><div>{code}</div></div>')
        elif words.strip():
            rows.append(f'<div class="alone">{words}</div>')
        words = ""

    for piece in re.split(f"({HEADING}|{BLOCK})", html, flags=re.DOTALL):
        if re.match(HEADING, piece, re.DOTALL):
            finish()
            rows.append(piece)
        elif re.match(BLOCK, piece, re.DOTALL) and '<span class="n">' in piece:
            finish(piece)
        else:  # words, and formulas, in which there is nothing to colour
            words += piece
    finish()
    return "\n".join(rows)
