"""The book's assembly, on a small project. Each build takes some seconds, so there are three."""

import re
import shutil

import nbformat
import pytest
import yaml

from regdna.files import write_text
from regdna.report import site
from regdna.report.site import build_site
from regdna.worlds.catalogue import PROJECT as REAL

from .conftest import write_executed, write_notebook

TOC = {
    "format": "jb-book",
    "root": "book/index",
    "parts": [
        {"caption": "Chapters", "chapters": [{"file": "notebooks/01_one"}, {"file": "notebooks/02_two"}]},
        {"caption": "Record", "chapters": [{"file": f"book/record/yeast/{name}"} for name in ("01_one", "02_two")]},
        {
            "caption": "Reference",
            "chapters": [{"file": "book/glossary"}, {"file": "book/references"}, {"file": "book/status"}],
        },
    ],
}
PAGES = {
    "index.md": "# A small book\n\nSee {term}`word`.\n",
    "glossary.md": "# Glossary\n\n:::{glossary}\nword\n    Letters.\n:::\n",
    "references.md": "# References\n\n```{bibliography}\n```\n",
    "references.bib": "@book{Ng2020, author = {Ng, A.}, title = {Words}, publisher = {P}, year = {2020}}\n",
    "status.md": "# Status\n\n<!-- runs -->\n\nThat is all.\n",
}
ONE = "# One\n\n*Takes a second.*\n\nA {term}`word` of {cite:t}`Ng2020`; more in [chapter 2](02_two.ipynb)."
TWO = "# Two\n\nBack to [chapter 1](01_one.ipynb), where $x^2$ is."
PROVENANCE = """{"world": "yeast", "python": "3.11.0", "versions": {"numpy": "2.0"}, "inputs": {"a": "0", "b": "1"}}"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of two chapters and a record; returns its folder, whose ``executed`` holds the chapters' runs."""
    project = tmp_path / "project"
    for name, text in PAGES.items():
        write_text(project / "book" / name, text)
    shutil.copy(REAL / "_config.yml", project)
    write_text(project / "_toc.yml", yaml.safe_dump(TOC))
    one = write_notebook(project / "notebooks" / "01_one.ipynb", "print('one')", prose=ONE)
    two = write_notebook(project / "notebooks" / "02_two.ipynb", "print('two')", prose=TWO)
    executed = project / "executed"
    write_executed(executed / "01_one.ipynb", one)
    write_executed(executed / "02_two.ipynb", two, injected="number = 7", number=7, experiment="REST")
    write_executed(executed / "02_two-CTCF.ipynb", two, experiment="CTCF")
    write_executed(executed / "02_two.failed.ipynb", two)
    record = project / "book" / "record" / "yeast"
    write_executed(record / "01_one.ipynb", one, world="yeast", date="2025-07-08")
    write_executed(record / "02_two.ipynb", two, world="yeast", date="2025-07-08")
    write_text(record / "provenance.json", PROVENANCE)
    monkeypatch.setattr(site, "PROJECT", project)
    monkeypatch.setattr(site, "RECORDS", project / "book" / "record")
    monkeypatch.setattr(site, "SOURCES", project / "notebooks")
    return project


@pytest.fixture
def not_built(monkeypatch):
    """Assemble the sources only."""
    monkeypatch.setattr(site, "_jupyter_book", lambda source: (source / "_build" / "html").mkdir(parents=True))


def first_cell(path):
    return nbformat.read(path, as_version=4).cells[0].source


def text_of(path):
    """What a reader sees of a built page."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", path.read_text()))


@pytest.mark.usefixtures("not_built")
class TestAssembly:
    @pytest.fixture
    def source(self, project, tmp_path):
        build_site(tmp_path / "site", "simulated", project / "executed")
        return tmp_path / "site" / "source"

    def test_page_to_open(self, project, tmp_path):
        page = build_site(tmp_path / "site", "simulated", project / "executed")
        assert page == tmp_path / "site" / "html" / "book" / "index.html"
        page = build_site(tmp_path / "site", "simulated", project / "executed", ["02_two"])
        assert page == tmp_path / "site" / "html" / "notebooks" / "02_two.html"

    def test_missing_page(self, project, tmp_path):
        (project / "executed" / "01_one.ipynb").unlink()
        (project / "book" / "glossary.md").unlink()
        with pytest.raises(ValueError, match=r"pages of _toc\.yml are missing: notebooks/01_one, book/glossary$"):
            build_site(tmp_path / "site", "simulated", project / "executed")

    def test_missing_record(self, project, tmp_path):
        shutil.rmtree(project / "book" / "record")
        with pytest.raises(ValueError, match=r"missing: book/record/yeast/01_one, book/record/yeast/02_two$"):
            build_site(tmp_path / "site", "simulated", project / "executed")

    def test_missing_only_page(self, project, tmp_path):
        with pytest.raises(ValueError, match=r"missing: notebooks/05_five$"):
            build_site(tmp_path / "site", "simulated", project / "executed", ["05_five"])

    def test_banner_of_a_simulated_world(self, source):
        cell = first_cell(source / "notebooks" / "01_one.ipynb")
        title, box, rest = cell.split("\n\n", 2)
        assert title == "# One"
        assert box.startswith(":::{admonition} Simulated data\n:class: warning\n")
        assert "(world `simulated`), run on 2026-01-02 in 12 s with at most 345 MB of memory." in box
        assert rest.startswith("*Takes a second.*")

    def test_banner_of_a_real_world(self, project, tmp_path):
        build_site(tmp_path / "site", "yeast", project / "executed")
        cell = first_cell(tmp_path / "site" / "source" / "notebooks" / "01_one.ipynb")
        assert "\n\n:::{admonition} Real data\n:class: tip\n" in cell
        assert "imulat" not in cell.split("Parameters of this notebook")[0]

    def test_banner_of_a_record(self, source):
        cell = first_cell(source / "book" / "record" / "yeast" / "01_one.ipynb")
        assert "\n\n:::{admonition} Real data, from the published record\n" in cell
        assert "run on 2025-07-08" in cell and "`make book WORLD=yeast`" in cell
        assert "Made with Python 3.11.0, numpy 2.0; 2 input files" in cell

    def test_a_record_of_some_chapters_of_a_simulated_world(self, project, tmp_path):
        record = project / "book" / "record"
        (record / "yeast" / "02_two.ipynb").unlink()
        (record / "yeast").rename(record / "simulated_close")
        write_text(record / "simulated_close" / "provenance.json", PROVENANCE.replace("yeast", "simulated_close"))
        only = {"caption": "Record", "chapters": [{"file": "book/record/simulated_close/01_one"}]}
        write_text(project / "_toc.yml", yaml.safe_dump({**TOC, "parts": [TOC["parts"][0], only, TOC["parts"][2]]}))
        build_site(tmp_path / "site", "simulated", project / "executed")
        cell = first_cell(tmp_path / "site" / "source" / "book" / "record" / "simulated_close" / "01_one.ipynb")
        assert ":::{admonition} Simulated data, from the published record\n:class: warning\n" in cell
        assert "more in chapter 2." in cell  # of which there is no page to link to

    def test_title_names_the_experiment(self, source):
        assert first_cell(source / "notebooks" / "02_two.ipynb").startswith("# Two: REST\n")
        assert first_cell(source / "notebooks" / "02_two-CTCF.ipynb").startswith("# Two: CTCF\n")
        assert first_cell(source / "notebooks" / "01_one.ipynb").startswith("# One\n")

    def test_parameters_become_a_table(self, source):
        cell = first_cell(source / "notebooks" / "02_two.ipynb")
        assert "| `number` | `7` | `3` | how many |" in cell
        assert "| `world` | `'simulated'` | `'simulated'` | a world of the catalogue |" in cell
        cells = nbformat.read(source / "notebooks" / "02_two.ipynb", as_version=4).cells
        assert [c.source for c in cells if c.cell_type == "code"] == ["print('two')"]

    def test_status_page(self, source):
        rows = [line for line in (source / "book" / "status.md").read_text().splitlines() if line.startswith("|")]
        assert rows[2:] == [
            "| One | simulated | 2026-01-02 | 12 | 345 |",
            "| Two: CTCF | simulated | 2026-01-02 | 12 | 345 |",
            "| Two: REST | simulated | 2026-01-02 | 12 | 345 |",
            "| One | yeast | 2025-07-08 | 12 | 345 |",
            "| Two | yeast | 2025-07-08 | 12 | 345 |",
        ]

    def test_further_runs_hang_below_their_chapter(self, source):
        (chapters, record, _) = yaml.safe_load((source / "_toc.yml").read_text())["parts"]
        assert chapters["chapters"] == [
            {"file": "notebooks/01_one"},
            {"file": "notebooks/02_two", "sections": [{"file": "notebooks/02_two-CTCF"}]},
        ]
        assert record["chapters"] == TOC["parts"][1]["chapters"]

    def test_the_record_of_the_world_itself_is_left_out(self, project, tmp_path):
        build_site(tmp_path / "site", "yeast", project / "executed")
        source = tmp_path / "site" / "source"
        captions = [part["caption"] for part in yaml.safe_load((source / "_toc.yml").read_text())["parts"]]
        assert captions == ["Chapters", "Reference"]
        assert not (source / "book" / "record").exists()

    @pytest.fixture
    def on_reads(self, project):
        """The project with its second chapter in the place of the chapter on reads."""
        for path in [*project.rglob("02_two*"), project / "_toc.yml", *project.rglob("01_one.ipynb")]:
            text = path.read_text().replace("02_two", "02_peaks")
            path.unlink()
            write_text(path.with_name(path.name.replace("02_two", "02_peaks")), text)
        return project

    def test_the_chapter_on_reads_needs_a_world_that_has_some(self, on_reads, tmp_path):
        build_site(tmp_path / "one", "simulated", on_reads / "executed")
        for path in (on_reads / "executed").glob("02_*"):
            path.unlink()
        build_site(tmp_path / "two", "yeast", on_reads / "executed")
        chapters = {}
        for name in ("one", "two"):
            toc = yaml.safe_load((tmp_path / name / "source" / "_toc.yml").read_text())
            chapters[name] = [chapter["file"] for chapter in toc["parts"][0]["chapters"]]
        assert chapters == {"one": ["notebooks/01_one", "notebooks/02_peaks"], "two": ["notebooks/01_one"]}

    def test_a_world_with_reads_must_have_it(self, on_reads, tmp_path):
        for path in (on_reads / "executed").glob("02_*"):
            path.unlink()
        with pytest.raises(ValueError, match=r"pages of _toc\.yml are missing: notebooks/02_peaks$"):
            build_site(tmp_path / "site", "simulated", on_reads / "executed")

    def test_failed_notebooks_are_left_out(self, source):
        assert not list(source.rglob("*.failed.ipynb"))

    def test_nothing_of_an_earlier_assembly_remains(self, project, tmp_path):
        build_site(tmp_path / "site", "simulated", project / "executed")
        write_text(tmp_path / "site" / "source" / "old.md", "# Old")
        build_site(tmp_path / "site", "simulated", project / "executed")
        assert not (tmp_path / "site" / "source" / "old.md").exists()

    def test_a_folder_that_is_no_book_is_left_alone(self, project, tmp_path):
        write_text(tmp_path / "source" / "mine.py", "precious")
        with pytest.raises(ValueError, match="source holds files that are no book's; give another folder"):
            build_site(tmp_path, "simulated", project / "executed")
        assert (tmp_path / "source" / "mine.py").read_text() == "precious"

    def test_no_executed_notebook(self, tmp_path):
        with pytest.raises(ValueError, match="missing: holds no executed notebook"):
            build_site(tmp_path, "simulated", tmp_path / "missing")

    def test_the_project_is_only_read(self, project, tmp_path):
        before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
        build_site(tmp_path / "site", "simulated", project / "executed")
        build_site(tmp_path / "site", "simulated", project / "executed", ["01_one"])
        assert {path: path.read_bytes() for path in project.rglob("*") if path.is_file()} == before


def test_book(project, tmp_path):
    write_text(tmp_path / "site" / "html" / "old.html", "old")
    page = build_site(tmp_path / "site", "simulated", project / "executed")
    assert "A small book" in text_of(page)
    html = page.parents[1]
    assert not (html / "old.html").exists()
    one = text_of(html / "notebooks" / "01_one.html")
    assert "Simulated data" in one and "Parameters of this notebook" in one
    assert "Real data, from the published record" in text_of(html / "book" / "record" / "yeast" / "01_one.html")
    assert 'href="02_two.html"' in (html / "notebooks" / "01_one.html").read_text()
    assert "Two: CTCF" in text_of(html / "book" / "status.html")
    assert (html / "notebooks" / "02_two-CTCF.html").exists()


def test_broken_reference(project, tmp_path):
    index = project / "book" / "index.md"
    index.write_text(index.read_text() + "\nSee {term}`nonsense`, and {cite:t}`Nobody1900`.\n")
    write_text(tmp_path / "site" / "html" / "old.html", "old")
    with pytest.raises(ValueError, match="the book does not build:") as error:
        build_site(tmp_path / "site", "simulated", project / "executed")
    # Both are shown at once.
    assert "nonsense" in str(error.value) and "Nobody1900" in str(error.value)
    assert "index.md" in str(error.value)
    assert [path.name for path in (tmp_path / "site" / "html").iterdir()] == ["old.html"]  # the last good book stays


def test_one_chapter_alone(project, tmp_path):
    page = build_site(tmp_path / "site", "simulated", project / "executed", ["02_two"])
    html = page.read_text()
    assert "Simulated data" in text_of(page)
    assert "Back to chapter 1, where" in text_of(page)
    assert "01_one.html" not in html
    built = sorted(str(path.relative_to(page.parents[1])) for path in page.parents[1].rglob("*.html"))
    assert [name for name in built if name.startswith(("notebooks/", "book/"))] == [
        "book/glossary.html",
        "book/references.html",
        "notebooks/02_two.html",
    ]
