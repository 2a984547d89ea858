import json
import platform
from importlib.metadata import version

import nbformat
import pytest

from regdna.files import sha256
from regdna.report import record
from regdna.report.record import RECORDS, code_hash, make_record, read_provenance, source_name, stale_pages

from .conftest import write_executed, write_notebook

TRACKED = sorted(path.parent for path in RECORDS.glob("*/provenance.json"))


@pytest.fixture
def folders(tmp_path, tiny_world, monkeypatch):
    """Sources and executed notebooks of two chapters on the tiny world; returns (sources, executed, records)."""
    monkeypatch.setattr(record, "open_world", lambda name: {"tiny": tiny_world}[name])
    sources, executed, records = tmp_path / "sources", tmp_path / "results" / "notebooks", tmp_path / "records"
    one = write_notebook(sources / "01_one.ipynb", "print(number)")
    two = write_notebook(sources / "02_two.ipynb", "print('two')")
    write_executed(executed / "01_one.ipynb", one, date="2026-01-03")
    write_executed(executed / "02_two.ipynb", two, date="2026-01-05", world="tiny")
    write_executed(executed / "02_two-X.ipynb", two, date="2026-01-04", injected="number = 9", number=9)
    return sources, executed, records


def change(path, number, source):
    """Give a cell of a notebook another source."""
    page = nbformat.read(path, as_version=4)
    page.cells[number].source = source
    nbformat.write(page, path)


class TestMakeRecord:
    def test_folder(self, folders):
        sources, executed, records = folders
        folder = make_record("tiny", executed, records, sources)
        assert folder == records / "tiny"
        names = ["01_one.ipynb", "02_two-X.ipynb", "02_two.ipynb", "provenance.json"]
        assert sorted(path.name for path in folder.iterdir()) == names
        assert [path.name for path in records.iterdir()] == ["tiny"]
        for name in names[:3]:
            assert (folder / name).read_text() == (executed / name).read_text()

    def test_provenance(self, folders, tiny_world):
        sources, executed, records = folders
        provenance = read_provenance(make_record("tiny", executed, records, sources))
        assert provenance["world"] == "tiny"
        assert provenance["date"] == "2026-01-05"
        assert provenance["python"] == platform.python_version()
        assert provenance["versions"]["numpy"] == version("numpy")
        assert {"regdna", "keras", "tensorflow", "pandas"} <= set(provenance["versions"])
        inputs = provenance["inputs"]
        assayed = len(tiny_world.experiments) + len(tiny_world.sequenced) + 1 + len(tiny_world.with_variants)
        assert len(inputs) == 1 + 2 * len(tiny_world.relatives) + assayed  # the reads have a control
        assert inputs["genomes/hg38"] == sha256(tiny_world.genome_path("hg38"))
        far = tiny_world.relatives[-1]
        assert inputs[f"chains/{far}"] == sha256(tiny_world.chain_path(far))
        assert inputs["peaks/CTCF"] == sha256(tiny_world.peaks_path("CTCF"))
        assert inputs["reads/CTCF"] == sha256(tiny_world.reads_path("CTCF"))
        assert inputs["reads/control"] == sha256(tiny_world.control_path)
        assert provenance["notebooks"]["02_two-X.ipynb"] == {
            "source": "02_two.ipynb",
            "code_sha256": code_hash(nbformat.read(sources / "02_two.ipynb", as_version=4)),
            "parameters": {"world": "simulated", "number": 9},
        }
        assert set(provenance["notebooks"]) == {"01_one.ipynb", "02_two.ipynb", "02_two-X.ipynb"}

    def test_metrics_come_along(self, folders):
        sources, executed, records = folders
        shown = nbformat.read(executed / "02_two-X.ipynb", as_version=4)
        shown.metadata["regdna"]["parameters"]["experiment"] = "X"
        nbformat.write(shown, executed / "02_two-X.ipynb")
        several = nbformat.read(executed / "02_two.ipynb", as_version=4)
        several.metadata["regdna"]["parameters"]["experiments"] = ["Y", "Z"]
        nbformat.write(several, executed / "02_two.ipynb")
        (executed.parent / "metrics.csv").write_text("experiment,aupr\nX,0.5\nOwn,0.25\nZ,0.1\n")
        folder = make_record("tiny", executed, records, sources)
        assert (folder / "metrics.csv").read_text() == "experiment,aupr\nX,0.5\nZ,0.1\n"

    def test_replaces_the_old_record(self, folders):
        sources, executed, records = folders
        make_record("tiny", executed, records, sources)
        (executed / "02_two-X.ipynb").unlink()
        folder = make_record("tiny", executed, records, sources)
        assert not (folder / "02_two-X.ipynb").exists()
        assert "02_two-X.ipynb" not in read_provenance(folder)["notebooks"]

    def test_failed_notebooks_are_left_out(self, folders):
        sources, executed, records = folders
        write_executed(executed / "03.failed.ipynb", sources / "01_one.ipynb")
        assert "03.failed.ipynb" not in read_provenance(make_record("tiny", executed, records, sources))["notebooks"]

    def test_stale_source_is_refused(self, folders):
        sources, executed, records = folders
        folder = make_record("tiny", executed, records, sources)
        before = (folder / "provenance.json").read_text()
        change(sources / "02_two.ipynb", 2, "print('three')")
        with pytest.raises(ValueError, match=r": 02_two-X\.ipynb, 02_two\.ipynb; run: make book WORLD=tiny"):
            make_record("tiny", executed, records, sources)
        assert (folder / "provenance.json").read_text() == before

    def test_no_executed_notebook(self, folders, tmp_path):
        sources, _, records = folders
        with pytest.raises(ValueError, match="holds no executed notebook; run: make book WORLD=tiny"):
            make_record("tiny", tmp_path / "nothing", records, sources)
        assert not records.exists()


class TestStalePages:
    @pytest.fixture
    def recorded(self, folders):
        sources, executed, records = folders
        return sources, read_provenance(make_record("tiny", executed, records, sources))

    def test_nothing_has_changed(self, recorded):
        sources, provenance = recorded
        assert stale_pages(provenance, sources) == []

    def test_changed_code(self, recorded):
        sources, provenance = recorded
        change(sources / "01_one.ipynb", 2, "print(number )")
        assert stale_pages(provenance, sources) == ["01_one.ipynb"]

    def test_changed_default(self, recorded):
        sources, provenance = recorded
        change(sources / "01_one.ipynb", 1, "number: int = 4  # another default")
        assert stale_pages(provenance, sources) == ["01_one.ipynb"]

    def test_changed_prose(self, recorded):
        sources, provenance = recorded
        change(sources / "01_one.ipynb", 0, "# Another title")
        assert stale_pages(provenance, sources) == []

    def test_removed_source(self, recorded):
        sources, provenance = recorded
        (sources / "02_two.ipynb").unlink()
        assert sorted(stale_pages(provenance, sources)) == ["02_two-X.ipynb", "02_two.ipynb"]


@pytest.mark.parametrize("folder", TRACKED or [None], ids=lambda folder: folder.name if folder else "none")
class TestTrackedRecord:
    @pytest.fixture(autouse=True)
    def needs_a_record(self, folder):
        if folder is None:
            pytest.skip("book/record holds no record yet")

    def test_is_not_stale(self, folder):
        stale = stale_pages(read_provenance(folder))
        again = f"run: make record WORLD={folder.name}"
        assert not stale, f"made from other code than notebooks/ has now: {', '.join(stale)}; {again}"

    def test_pages_are_those_of_the_provenance(self, folder):
        provenance = read_provenance(folder)
        pages = {path.name: nbformat.read(path, as_version=4) for path in folder.glob("*.ipynb")}
        assert set(pages) == set(provenance["notebooks"])
        for name, page in pages.items():
            assert code_hash(page) == provenance["notebooks"][name]["code_sha256"], name
            assert source_name(page.metadata["regdna"]) == folder.name == provenance["world"]

    def test_pages_ran_without_an_error(self, folder):
        for path in folder.glob("*.ipynb"):
            for cell in json.loads(path.read_text())["cells"]:
                if cell["cell_type"] == "code":
                    assert cell["execution_count"] is not None, (path.name, cell["source"])
                    assert not [out for out in cell["outputs"] if out["output_type"] == "error"], path.name
