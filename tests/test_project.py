"""What holds for the project as a whole: pins, pages, the order of the wings, the size of modules, docstrings."""

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from regdna.worlds.catalogue import PROJECT

PACKAGE = PROJECT / "lib" / "regdna"
MODULES = {
    ".".join(("regdna", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
COMPILED = {
    ".".join(("regdna", *path.relative_to(PACKAGE).with_suffix("").parts)): path
    for path in sorted(PACKAGE.rglob("*.pyx"))
}
WINGS = {
    "worlds": {"worlds"},
    "data": {"worlds", "data"},
    "models": {"models"},
    "training": {"worlds", "data", "models", "training"},
    "report": {"worlds", "data", "models", "training", "report"},
    "files": set(),
    "messages": set(),
}


def lock():
    lines = (PROJECT / "requirements.lock").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")]


def direct_dependencies():
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return {canonicalize_name(r.name): r for r in map(Requirement, project["dependencies"])}


def syntax(path):
    return ast.parse(path.read_text(), filename=str(path))


def imported(path):
    """Dotted names of everything a file imports, wherever in the file; the names of a ``from`` import included."""
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_imports(name):
    """Modules of the package that a module imports."""
    known = MODULES.keys() | COMPILED.keys()
    return {other for other in imported(MODULES[name]) if other in known and other not in (name, "regdna")}


def wing(name):
    return name.split(".")[1] if "." in name else ""


class TestPins:
    def test_every_pin_is_exact(self):
        assert [line for line in lock() if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*==[0-9][^\s,;*]*", line)] == []
        assert len(lock()) > 50

    def test_sorted_and_once_each(self):
        names = [line.split("==")[0] for line in lock()]
        assert names == sorted(set(names))

    def test_conda_has_the_same_pins(self):
        environment = yaml.safe_load((PROJECT / "environment.yml").read_text())
        (pins,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
        assert pins == lock()

    def test_direct_dependencies_are_pinned_within_their_bounds(self):
        pins = dict(line.split("==") for line in lock())
        for name, requirement in direct_dependencies().items():
            assert name in pins, f"{name} of pyproject.toml is not in requirements.lock"
            assert requirement.specifier.contains(pins[name]), f"{name}=={pins[name]} is not {requirement.specifier}"

    def test_what_the_library_imports_is_declared(self):
        homes = packages_distributions()
        needed = {name.split(".")[0] for path in MODULES.values() for name in imported(path)}
        needed -= sys.stdlib_module_names | {"regdna"}
        declared = set(direct_dependencies())
        missing = {name for name in needed if not declared & {canonicalize_name(home) for home in homes[name]}}
        assert missing == set(), "imported by lib/, but not among the dependencies of pyproject.toml"


def pages(entries):
    for entry in entries:
        if "file" in entry:
            yield entry["file"]
        yield from pages(entry.get("chapters", []) + entry.get("sections", []))


def test_every_page_has_a_source():
    toc = yaml.safe_load((PROJECT / "_toc.yml").read_text())
    names = [toc["root"], *pages(toc["parts"])]
    assert len(names) == len(set(names)) > 8
    without = [name for name in names if not any((PROJECT / f"{name}{end}").exists() for end in (".md", ".ipynb"))]
    assert not without, f"pages of _toc.yml without a source: {', '.join(without)}"


def test_every_source_is_a_page():
    toc = yaml.safe_load((PROJECT / "_toc.yml").read_text())
    names = {toc["root"], *pages(toc["parts"])}
    recorded = {name.rpartition("/")[2] for name in names if name.startswith("book/record/")}  # may be all there is
    notebooks = [path for path in (PROJECT / "notebooks").glob("*.ipynb") if path.stem not in recorded]
    sources = [*(PROJECT / "book").glob("*.md"), *notebooks]
    unlisted = [
        str(p.relative_to(PROJECT)) for p in sources if str(p.relative_to(PROJECT).with_suffix("")) not in names
    ]
    assert not unlisted, f"not in _toc.yml: {', '.join(unlisted)}"


class TestWings:
    def test_every_module_is_in_a_wing(self):
        assert {wing(name) for name in MODULES} == {*WINGS, "cli", ""}
        assert len(MODULES) > 25

    @pytest.mark.parametrize("name", sorted(WINGS))
    def test_imports_run_one_way(self, name):
        for module in MODULES:
            if wing(module) == name:
                wrong = {
                    other for other in module_imports(module) if wing(other) not in {*WINGS[name], "files", "messages"}
                }
                assert not wrong, f"{module} imports {', '.join(sorted(wrong))}"

    def test_only_the_command_imports_the_report(self):
        users = {name for name in MODULES for other in module_imports(name) if wing(other) == "report"}
        assert {wing(name) for name in users} == {"cli", "report"}

    def test_nothing_imports_the_command(self):
        assert not [name for name in MODULES if "regdna.cli" in module_imports(name)]

    def test_no_circle(self):
        graph = {name: module_imports(name) for name in MODULES}
        while free := [name for name, needs in graph.items() if not needs & graph.keys()]:
            for name in free:
                del graph[name]
        assert not graph, f"these modules import one another: {', '.join(graph)}"


@pytest.mark.parametrize("name", sorted(MODULES))
class TestModules:
    def test_at_most_330_lines(self, name):
        assert len(MODULES[name].read_text().splitlines()) <= 330

    def test_docstrings(self, name):
        tree = syntax(MODULES[name])
        assert ast.get_docstring(tree), f"{name} has no docstring"
        assert not list(without_docstring(tree)), f"without docstring in {name}: {', '.join(without_docstring(tree))}"

    def test_no_print_but_in_the_command(self, name):
        calls = [node for node in ast.walk(syntax(MODULES[name])) if isinstance(node, ast.Call)]
        prints = [node.lineno for node in calls if isinstance(node.func, ast.Name) and node.func.id == "print"]
        assert name == "regdna.cli" or not prints

    def test_no_global_random_state(self, name):
        text = MODULES[name].read_text()
        assert not re.search(
            r"np\.random\.(?!default_rng|Generator|[gs]et_state)\w+|random\.seed|set_random_seed", text
        )


class TestCompiledModules:
    def test_each_is_built_with_the_package(self):
        settings = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]
        built = {entry["name"]: [PROJECT / source for source in entry["sources"]] for entry in settings["ext-modules"]}
        assert built == {name: [path] for name, path in COMPILED.items()}

    @pytest.mark.parametrize("name", sorted(COMPILED))
    def test_docstrings(self, name):
        module = importlib.import_module(name)
        functions = [f for f in vars(module).values() if type(f).__name__ == "cython_function_or_method"]
        assert functions and all(entry.__doc__ for entry in (module, *functions))

    @pytest.mark.parametrize("name", sorted(COMPILED))
    def test_short_and_without_needs(self, name):
        """They import nothing of the package, so no wing can be the wrong one."""
        lines = COMPILED[name].read_text().splitlines()
        assert len(lines) <= 330 and max(map(len, lines)) <= 120
        assert not [line for line in lines if re.match(r"\s*(from|c?import)\s+regdna", line)]


def without_docstring(tree, inside=""):
    """Names of public functions, classes and methods without one; methods that Keras prescribes are its own."""
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if node.name not in ("call", "compute_output_shape") and not ast.get_docstring(node):
            yield inside + node.name
        if isinstance(node, ast.ClassDef):
            yield from without_docstring(node, f"{node.name}.")


@pytest.mark.parametrize("word", ["trust_remote_code", "pickle", "eval(", "exec(", "shell=True"])
def test_nothing_that_runs_foreign_code(word):
    safe = {"pickle": r"allow_pickle=False", "eval(": r"literal_eval\("}
    for path in [*MODULES.values(), *COMPILED.values(), *(PROJECT / "notebooks").glob("*.ipynb")]:
        text = re.sub(safe.get(word, r"(?!)"), "", path.read_text())
        assert not re.search(rf"(?<![\w.]){re.escape(word)}" if word.endswith("(") else re.escape(word), text), path


@pytest.mark.parametrize("world", ["simulated", "yeast"])
@pytest.mark.parametrize("config", sorted(path.stem for path in (PROJECT / "config").glob("*.yaml")))
def test_every_config_fits_the_snakefile(config, world):
    """What each would run can be told; what is missing from one is an error of the Snakefile."""
    command = [sys.executable, "-m", "snakemake", "--configfile", f"config/{config}.yaml", "--cores", "1", "--nolock"]
    command += ["--dry-run", "--quiet", "all", "--config", f"world={world}", "--", "book"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
