"""The book: prose, executed notebooks and the record, put together and built with Jupyter Book."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import yaml

from regdna.files import write_text
from regdna.report.notebooks import executed_notebooks, parameters
from regdna.report.record import RECORDS, SOURCES, open_source, read_provenance, source_name
from regdna.worlds.catalogue import PROJECT, open_world
from regdna.worlds.collections import collection_names

REFERENCE_PAGES = ("book/glossary", "book/references")  # what any page may link to
# Chapters that are run on worlds that have what they are about.
NEEDS = {
    "notebooks/02_peaks": lambda world: world.sequenced,
    "notebooks/06a_ceiling": lambda world: world.simulated,
    "notebooks/10_snp_effects": lambda world: world.with_variants,
    "notebooks/14_cells": lambda world: world.cells_path,
    "notebooks/15_genebert": lambda world: world.cells_path,
    "notebooks/16_genebert_tasks": lambda world: world.cells_path,
    "notebooks/17_genebert_ablations": lambda world: world.cells_path,
    "notebooks/16a_disease_risk": lambda world: world.cells_path and world.cohort_path,
    "notebooks/16b_splice_sites": lambda world: world.cells_path and world.genes_path,
}


def build_site(folder, world, notebooks, only=None):
    """Assemble the book's sources and build its pages.

    Parameters
    ----------
    folder : path
        Gets ``source/``, and ``html/`` when the build has gone well; until then an older ``html/`` stays.
    world : str
        The world the notebooks were executed on.
    notebooks : path
        Folder of executed notebooks. ``04_cnn.ipynb`` is the page of ``notebooks/04_cnn`` in ``_toc.yml``;
        ``04_cnn-REST.ipynb`` becomes a section below it.
    only : list of str, optional
        Names of executed notebooks to show, without the rest of the book.

    Returns
    -------
    pathlib.Path
        The page to open.

    Raises
    ------
    ValueError
        If there is no executed notebook, ``source/`` holds files that are no book's, a page of ``_toc.yml`` is missing,
        or the build fails or warns; then with the end of its log.
    """
    if not executed_notebooks(notebooks):
        raise ValueError(f"{notebooks}: holds no executed notebook")
    source = Path(folder) / "source"
    if source.exists() and not (source / "_config.yml").exists():
        raise ValueError(f"{source} holds files that are no book's; give another folder")
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir(parents=True)
    shutil.copy(PROJECT / "_config.yml", source)
    shutil.copytree(PROJECT / "book", source / "book", ignore=shutil.ignore_patterns("record"))
    executed = [path for path in executed_notebooks(notebooks) if not only or path.stem in only]
    status = [_place(path, source / "notebooks", _live_banner(world)) for path in executed]
    records = [] if only else [record for record in sorted(RECORDS.glob("*/")) if record.name != world]
    for record in records:
        banner, pages = _record_banner(read_provenance(record)), source / "book" / "record" / record.name
        status += [_place(path, pages, banner) for path in executed_notebooks(record)]
        _drop_other_links(pages)  # a record may hold some chapters only
    if only:
        _drop_other_links(source / "notebooks")
        toc = _only_toc(source, only)
    else:
        toc = _expand(yaml.safe_load((PROJECT / "_toc.yml").read_text()), source, world)
    write_text(source / "_toc.yml", yaml.safe_dump(toc, sort_keys=False))
    if not only:
        page = source / "book" / "status.md"
        write_text(page, page.read_text().replace("<!-- runs -->", "\n".join(_status_rows(status))))
    missing = [page for page in _pages(toc) if not any((source / f"{page}{end}").exists() for end in (".md", ".ipynb"))]
    if missing:
        raise ValueError(f"pages of _toc.yml are missing: {', '.join(missing)}")
    _jupyter_book(source)
    html = Path(folder) / "html"
    shutil.rmtree(html, ignore_errors=True)
    (source / "_build" / "html").rename(html)
    return html / f"{toc['root']}.html"


def _place(path, folder, banner):
    """Copy an executed notebook into the book, with banner and parameter table; return a row for the status page."""
    page = nbformat.read(path, as_version=4)
    run = page.metadata["regdna"]
    title, _, rest = page.cells[0].source.partition("\n")
    if subject := run["parameters"].get("experiment"):
        title = f"{title}: {subject}"
    page.cells[0].source = "\n\n".join([title, banner(run), rest.strip(), _parameter_table(run)])
    # The parameters are shown as a table; the cells that set them would only repeat it.
    page.cells = [c for c in page.cells if not {"parameters", "injected-parameters"} & set(c.metadata.get("tags", ()))]
    write_text(folder / path.name, nbformat.writes(page))
    return title.lstrip("# "), run


def _live_banner(world):
    opened = open_world(world)
    kind = (
        "Simulated data\n:class: warning\nEvery number on this page comes from a simulation"
        if opened.simulated
        else "Real data\n:class: tip\nEvery number on this page comes from measured data"
    )
    return lambda run: f":::{{admonition}} {kind}: {opened.title} (world `{world}`), {_cost(run)}.\n:::"


def _record_banner(provenance):
    opened = open_source(provenance["world"])
    kind, color = ("Simulated data", "warning") if opened.simulated else ("Real data", "tip")
    again = opened.name if opened.name in collection_names() else f"book WORLD={opened.name}"
    versions = ", ".join(f"{name} {number}" for name, number in provenance["versions"].items())
    return lambda run: (
        f":::{{admonition}} {kind}, from the published record\n:class: {color}\n"
        f"Computed on {opened.title} (`{opened.name}`), {_cost(run)}, and kept as it was. "
        f"Recompute it with `make {again}`.\n\n"
        f"Made with Python {provenance['python']}, {versions}; {len(provenance['inputs'])} input files are listed with "
        f"their SHA-256 in `book/record/{opened.name}/provenance.json`.\n:::"
    )


def _cost(run):
    return f"run on {run['date']} in {run['seconds']:.0f} s with at most {run['peak_mb']} MB of memory"


def _parameter_table(run):
    rows = ["| parameter | value here | default | meaning |", "|---|---|---|---|"]
    for p in parameters(SOURCES / run["source"]):
        value = run["parameters"].get(p.name, p.default)
        rows.append(f"| `{p.name}` | `{value!r}` | `{p.default!r}` | {p.help} |")
    return ":::{dropdown} Parameters of this notebook\n" + "\n".join(rows) + "\n:::"


def _status_rows(status):
    rows = ["| page | data | run on | seconds | peak MB |", "|---|---|---|---:|---:|"]
    for title, run in status:
        rows.append(f"| {title} | {source_name(run)} | {run['date']} | {run['seconds']:.0f} | {run['peak_mb']} |")
    return rows


def _expand(toc, source, world):
    """Hang further runs of a chapter below it; leave out what the world cannot show, and its record if it has one."""
    parts = []
    without = [page for page, has in NEEDS.items() if not has(open_world(world))]
    for part in toc["parts"]:
        chapters = [chapter for chapter in part["chapters"] if not chapter["file"].startswith(f"book/record/{world}/")]
        chapters = [chapter for chapter in chapters if chapter["file"] not in without]
        for chapter in chapters:
            path = source / chapter["file"]
            more = [
                {"file": f"{Path(chapter['file']).parent}/{p.stem}"}
                for p in sorted(path.parent.glob(f"{path.name}-*.ipynb"))
            ]
            if more:
                chapter["sections"] = more
        if chapters:
            parts.append({**part, "chapters": chapters})
    return {**toc, "parts": parts}


def _drop_other_links(folder):
    """Turn links to chapters that are not shown into plain text."""
    shown = {path.name for path in folder.glob("*.ipynb")}
    for path in folder.glob("*.ipynb"):
        page = nbformat.read(path, as_version=4)
        for cell in page.cells:
            if cell.cell_type == "markdown":
                cell.source = re.sub(
                    r"\[([^\]]*)\]\(([\w-]+\.ipynb)\)", lambda m: m[0] if m[2] in shown else m[1], cell.source
                )
        write_text(path, nbformat.writes(page))


def _only_toc(source, only):
    root, *more = [f"notebooks/{name}" for name in only]
    shutil.rmtree(source / "book" / "record", ignore_errors=True)
    for page in (source / "book").glob("*.md"):
        if f"book/{page.stem}" not in REFERENCE_PAGES:
            page.unlink()
    return {"format": "jb-book", "root": root, "chapters": [{"file": page} for page in (*more, *REFERENCE_PAGES)]}


def _pages(toc):
    yield toc["root"]
    entries = [entry for part in toc.get("parts", [toc]) for entry in part["chapters"]]
    while entries:
        entry = entries.pop(0)
        yield entry["file"]
        entries = entry.get("sections", []) + entries


def _jupyter_book(source):
    # Warnings are errors; all of them are shown before the build gives up.
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", source, "-W", "--keep-going", "-n", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    if done.returncode:
        raise ValueError("the book does not build:\n" + (done.stdout + done.stderr)[-4000:])
