"""Lets pages link to files outside `docs/`, as a repository's pages do, and takes those files in.

A link such as `../reports/performance.md` works where the repository is read. In the built site,
what is linked becomes part of it: Markdown as a page, everything else as it is, a folder as its
README. What these pages link to is taken in as well. Links then lead to the places in the site, and
MkDocs checks them like all others.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

DOCS = "docs/"
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)\s#]+)(?=(?:#[^)\s]*)?\))")
FENCE = re.compile(r"^(```+).*?^\1$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add what pages link to, and what that links to."""
    root = Path(config.config_file_path).parent
    waiting = [file.src_uri for file in files.documentation_pages()]
    while waiting:
        page = files.get_file_from_path(waiting.pop())
        if page is None:
            continue
        for target in _targets(page.content_string, page.src_uri, root):
            if target.startswith(DOCS) or not (root / target).is_file():
                continue
            if files.get_file_from_path(target) is None:
                files.append(
                    File(
                        target,
                        str(root),
                        config.site_dir,
                        config.use_directory_urls,
                        inclusion=InclusionLevel.NOT_IN_NAV,
                    )
                )
                if target.endswith(".md"):
                    waiting.append(target)
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links from places in the repository into places in the site."""
    root, here = Path(config.config_file_path).parent, page.file.src_uri

    def moved(link: re.Match[str]) -> str:
        target = _target(link[1], here, root).removeprefix(DOCS)
        if files.get_file_from_path(target) is None:
            return link[1]  # MkDocs says that it leads nowhere
        return posixpath.relpath(target, posixpath.dirname(here) or ".")

    parts, end = [], 0
    for fence in FENCE.finditer(markdown):
        parts += [LINK.sub(moved, markdown[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, LINK.sub(moved, markdown[end:])])


def _targets(markdown: str, here: str, root: Path) -> Iterator[str]:
    for link in LINK.finditer(FENCE.sub("", markdown)):
        yield _target(link[1], here, root)


def _target(link: str, here: str, root: Path) -> str:
    """Return where a link of a page leads to, from the root of the repository."""
    # Pages of the guide lie in docs/ and are called without it; others are called as they lie.
    inside = (root / DOCS / here).is_file()
    target = posixpath.normpath(
        posixpath.join(DOCS if inside else "", posixpath.dirname(here), link)
    )
    return f"{target}/README.md" if (root / target).is_dir() else target
