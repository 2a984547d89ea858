import json
import sys

import nbformat
import pytest

from regdna.report.notebooks import (
    NotebookError,
    Parameter,
    check_parameters,
    executed_notebooks,
    parameters,
    run_notebook,
)
from regdna.worlds.catalogue import PROJECT

from .conftest import write_notebook

SOURCES = sorted((PROJECT / "notebooks").glob("*.ipynb"))
ALL_TYPES = """
name: str = "a # b"  # a text
steps: int = 5  # a number
rate: float = 1e-3  # a rate
fast: bool = False  # a switch
seeds: list = [0, 1]  # some numbers
"""


@pytest.fixture
def typed(tmp_path):
    return write_notebook(tmp_path / "typed.ipynb", parameters=ALL_TYPES)


class TestParameters:
    def test_all_types(self, typed):
        assert parameters(typed) == [
            Parameter("name", "str", "a # b", "a text"),
            Parameter("steps", "int", 5, "a number"),
            Parameter("rate", "float", 1e-3, "a rate"),
            Parameter("fast", "bool", False, "a switch"),
            Parameter("seeds", "list", [0, 1], "some numbers"),
        ]

    def test_help_may_be_missing(self, tmp_path):
        path = write_notebook(tmp_path / "a.ipynb", parameters="steps: int = 5")
        assert parameters(path) == [Parameter("steps", "int", 5, "")]

    @pytest.mark.parametrize(
        "lines",
        ["seeds: list = [\n    0,\n    1,\n]  # some numbers", "seeds: list = (\n    [0, 1]  # some numbers\n)"],
    )
    def test_default_on_several_lines(self, tmp_path, lines):
        path = write_notebook(tmp_path / "a.ipynb", parameters=f"steps: int = 5  # a number\n{lines}")
        assert parameters(path)[1] == Parameter("seeds", "list", [0, 1], "some numbers")

    def test_negative_default(self, tmp_path):
        path = write_notebook(tmp_path / "a.ipynb", parameters="shift: int = -5  # in bases")
        assert parameters(path) == [Parameter("shift", "int", -5, "in bases")]

    def test_no_parameters_cell(self, tmp_path):
        path = write_notebook(tmp_path / "a.ipynb", "steps: int = 5", parameters=None)
        with pytest.raises(NotebookError, match=r"a\.ipynb: no cell is tagged 'parameters'"):
            parameters(path)

    @pytest.mark.parametrize(
        "line",
        [
            "steps = 5",
            "steps: int",
            "steps: number = 5",
            "steps: dict = {}",
            "import os",
            "steps: int = 2 + other",
            "steps: list[int] = [1]",
            "steps: int =",
            "steps; int = 5",
        ],
    )
    def test_malformed_line(self, tmp_path, line):
        path = write_notebook(tmp_path / "a.ipynb", parameters=f"fine: int = 1  # this one is right\n{line}")
        with pytest.raises(
            NotebookError, match=r"a\.ipynb, parameters cell: .* is not 'name: type = default  # help'"
        ) as e:
            parameters(path)
        assert line in str(e.value)

    def test_file_is_missing(self, tmp_path):
        with pytest.raises(NotebookError, match=r"notebook .*none\.ipynb does not exist"):
            parameters(tmp_path / "none.ipynb")

    @pytest.mark.parametrize("text", ["", "{", "[]", "no JSON", '{"cells": 3}'])
    def test_file_is_no_notebook(self, tmp_path, text):
        (tmp_path / "a.ipynb").write_text(text)
        with pytest.raises(NotebookError, match=r"a\.ipynb: not a notebook"):
            parameters(tmp_path / "a.ipynb")


class TestCheckParameters:
    @pytest.mark.parametrize(
        "name, given, value",
        [
            ("name", "7", "7"),
            ("name", "", ""),
            ("name", "true", "true"),
            ("steps", "7", 7),
            ("steps", 7, 7),
            ("steps", "-7", -7),
            ("rate", "7", 7.0),
            ("rate", 7, 7.0),
            ("rate", "1e-3", 1e-3),
            ("rate", "0.5", 0.5),
            ("fast", "true", True),
            ("fast", False, False),
            ("seeds", "[3, 4]", [3, 4]),
            ("seeds", "['SL', 'SSL']", ["SL", "SSL"]),
            ("seeds", ["SL"], ["SL"]),
            ("seeds", "[]", []),
        ],
    )
    def test_good_value(self, typed, name, given, value):
        (checked,) = check_parameters(typed, {name: given}).items()
        assert checked == (name, value) and type(checked[1]) is type(value)

    @pytest.mark.parametrize(
        "name, given",
        [
            ("name", 7),
            ("name", None),
            ("steps", "x"),
            ("steps", "7.5"),
            ("steps", 7.5),
            ("steps", True),
            ("steps", "true"),
            ("steps", ""),
            ("steps", "[7"),
            ("rate", "x"),
            ("rate", True),
            ("rate", "true"),
            ("rate", "[1]"),
            ("rate", None),
            ("fast", 1),
            ("fast", "1"),
            ("seeds", "3"),
            ("seeds", "3, 4"),
            ("seeds", (3, 4)),
        ],
    )
    def test_value_of_another_type(self, typed, name, given):
        kind = {"name": "str", "steps": "int", "rate": "float", "fast": "bool", "seeds": "list"}[name]
        with pytest.raises(NotebookError) as error:
            check_parameters(typed, {name: given})
        assert f"parameter {name!r}: {given!r} is not of type {kind}. Valid parameters:" in str(error.value)

    def test_unknown_parameter_and_all_problems_at_once(self, typed):
        with pytest.raises(NotebookError) as error:
            check_parameters(typed, {"step": "5", "rate": "x"})
        message = str(error.value)
        assert "unknown parameter 'step'; parameter 'rate': 'x' is not of type float" in message
        for line in ("steps: int = 5  a number", "fast: bool = False  a switch", "seeds: list = [0, 1]  some numbers"):
            assert f"\n  {line}" in message

    def test_nothing_given(self, typed):
        assert check_parameters(typed, {}) == {}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A notebook that fails on demand, and looks whether its output is there while it runs."""
    return write_notebook(
        tmp_path_factory.mktemp("source") / "chapter.ipynb",
        "import sys\nfrom pathlib import Path\n\nprint('noise on the console', file=sys.stderr)",
        "was_there = Path(output).exists()\nprint('answer', 6 * number, 'output there:', was_there)",
        "# the cell that can fail\nif fail:\n    raise RuntimeError('on demand')",
        "print('the end')",
        parameters='output: str = ""  # where the output will be\n'
        "number: int = 3  # to multiply\nfail: bool = False  # whether to",
    )


def printed(path):
    cells = nbformat.read(path, as_version=4).cells
    return "".join(out.get("text", "") for cell in cells if cell.cell_type == "code" for out in cell.outputs)


@pytest.fixture(scope="module")
def good(source, tmp_path_factory):
    output = tmp_path_factory.mktemp("good") / "deep" / "chapter-X.ipynb"
    run_notebook(source, output, {"number": "7", "output": str(output)})
    return output


class TestRun:
    def test_output(self, good):
        assert printed(good) == "answer 42 output there: False\nthe end\n"
        assert sorted(path.name for path in good.parent.iterdir()) == ["chapter-X.ipynb", "chapter-X.log"]

    def test_console_goes_to_the_log(self, good):
        assert "noise on the console" in good.with_suffix(".log").read_text()
        assert "noise on the console" not in printed(good)

    def test_what_is_known_about_the_run(self, good):
        run = nbformat.read(good, as_version=4).metadata["regdna"]
        assert run["source"] == "chapter.ipynb"
        assert run["parameters"] == {"output": str(good), "number": 7, "fail": False}
        assert run["date"][:2] == "20" and len(run["date"]) == 10
        assert run["seconds"] > 0 and run["peak_mb"] > 10

    def test_nothing_of_papermill_or_of_this_machine_remains(self, good, source):
        page = json.loads(good.read_text())
        assert "papermill" not in page["metadata"]
        assert all("papermill" not in cell["metadata"] for cell in page["cells"])
        text = good.read_text().replace(str(good), "")  # it was given as a parameter
        for folder in (source.parent, good.parent, PROJECT, sys.prefix):
            assert str(folder) not in text

    def test_failure(self, source, tmp_path):
        output = tmp_path / "out.ipynb"
        with pytest.raises(NotebookError) as error:
            run_notebook(source, output, {"fail": True, "number": 5})
        message = str(error.value)
        assert str(source) in message
        assert "('# the cell that can fail') failed with RuntimeError: on demand" in message
        assert "parameters: {'fail': True, 'number': 5}" in message
        assert f"log: {tmp_path / 'out.log'}" in message and f"what had run: {tmp_path / 'out.failed.ipynb'}" in message
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out.failed.ipynb", "out.log"]
        assert "answer 30" in printed(tmp_path / "out.failed.ipynb")
        assert "the end" not in printed(tmp_path / "out.failed.ipynb")

    def test_old_output_survives_a_failing_rerun_and_is_replaced_by_a_good_one(self, source, tmp_path):
        output = tmp_path / "out.ipynb"
        output.write_text("old")
        with pytest.raises(NotebookError):
            run_notebook(source, output, {"fail": "true"})
        assert output.read_text() == "old"
        run_notebook(source, output)
        assert "answer 18" in printed(output)
        assert not (tmp_path / "out.failed.ipynb").exists()

    def test_wrong_parameter_runs_nothing(self, source, tmp_path):
        with pytest.raises(NotebookError, match="unknown parameter 'numbr'"):
            run_notebook(source, tmp_path / "out.ipynb", {"numbr": "7"})
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
class TestSources:
    def test_every_parameter_has_help(self, path):
        declared = parameters(path)
        assert {"world", "collection"} & {parameter.name for parameter in declared}
        assert [parameter.name for parameter in declared if len(parameter.help) < 5] == []

    def test_defaults_have_their_type(self, path):
        check_parameters(path, {parameter.name: parameter.default for parameter in parameters(path)})

    def test_no_outputs_and_no_counts(self, path):
        code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
        assert [cell.source for cell in code if cell.outputs or cell.execution_count is not None] == []
        assert len(code) > 3

    def test_begins_with_a_title(self, path):
        assert nbformat.read(path, as_version=4).cells[0].source.startswith("# ")


def test_there_are_notebooks():
    assert SOURCES


def test_only_finished_notebooks_are_listed(tmp_path):
    for name in ("02.ipynb", "01.ipynb", ".k3j.01.ipynb", "03.failed.ipynb", "01.log"):
        (tmp_path / name).write_text("")
    assert [path.name for path in executed_notebooks(tmp_path)] == ["01.ipynb", "02.ipynb"]
