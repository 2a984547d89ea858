"""A strict papermill runner: parameters are checked before, and the output appears whole or not at all, after."""

import ast
import datetime
import io
import logging
import os
import resource
import time
import tokenize
from pathlib import Path
from typing import NamedTuple

import nbformat
import papermill
import yaml
from papermill.exceptions import PapermillExecutionError

from regdna.files import atomic

log = logging.getLogger(__name__)

TYPES = {"str": str, "int": int, "float": float, "bool": bool, "list": list}


class Parameter(NamedTuple):
    """A parameter of a notebook: ``name: type = default  # help`` in the cell tagged ``parameters``."""

    name: str
    type: str
    default: object
    help: str


class NotebookError(ValueError):
    """A notebook that cannot be run, or failed."""


def parameters(notebook):
    """List the parameters a notebook declares.

    Parameters
    ----------
    notebook : path

    Returns
    -------
    list of Parameter

    Raises
    ------
    NotebookError
        If the file is no notebook, has no cell tagged ``parameters``, or a line of that cell is not of the form
        ``name: type = default  # help`` with a type of :data:`TYPES`.
    """
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except FileNotFoundError:
        raise NotebookError(f"notebook {notebook} does not exist") from None
    except Exception as error:  # nbformat raises several unrelated types on damaged JSON
        raise NotebookError(f"{notebook}: not a notebook ({error})") from error
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", ())]
    if not tagged:
        raise NotebookError(f"{notebook}: no cell is tagged 'parameters'")
    return _declared(tagged[0].source, notebook)


def _declared(source, notebook):
    lines = source.splitlines()

    def wrong(number):
        line = lines[number - 1].strip()
        return NotebookError(f"{notebook}, parameters cell: {line!r} is not 'name: type = default  # help'")

    try:
        nodes = ast.parse(source).body
    except SyntaxError as error:
        raise wrong(error.lineno) from error
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    declared = []
    for node in nodes:
        kind = node.annotation.id if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Name) else None
        if kind not in TYPES or node.value is None:
            raise wrong(node.lineno)
        try:
            default = ast.literal_eval(node.value)
        except ValueError as error:
            raise wrong(node.lineno) from error
        # A formatter may break a long line, so the help stands on any line of the statement.
        spoken = [comments[number] for number in range(node.lineno, node.end_lineno + 1) if number in comments]
        declared.append(Parameter(node.target.id, kind, default, " ".join(spoken)))
    return declared


def check_parameters(notebook, given):
    """Check values for a notebook's parameters and give them their types.

    Parameters
    ----------
    notebook : path
    given : dict of str to object
        Text, as from a command line, is read by the parameter's type; other values must have it already.

    Returns
    -------
    dict of str to object

    Raises
    ------
    NotebookError
        If a name is unknown or a value is of another type; the message lists every valid parameter.
    """
    declared = {parameter.name: parameter for parameter in parameters(notebook)}
    valid = "\n".join(f"  {p.name}: {p.type} = {p.default!r}  {p.help}" for p in declared.values())
    values, problems = {}, []
    for name, value in given.items():
        if name not in declared:
            problems.append(f"unknown parameter {name!r}")
            continue
        try:
            values[name] = _typed(value, declared[name].type)
        except ValueError:
            problems.append(f"parameter {name!r}: {value!r} is not of type {declared[name].type}")
    if problems:
        raise NotebookError(f"{notebook}: {'; '.join(problems)}. Valid parameters:\n{valid}")
    return values


def _typed(value, kind):
    if isinstance(value, str) and kind != "str":
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError from error
    if kind == "float" and isinstance(value, (int, float, str)) and not isinstance(value, bool):
        return float(value)  # YAML reads 1e-3 as text
    if type(value) is not TYPES[kind]:
        raise ValueError
    return value


def executed_notebooks(folder):
    """List the executed notebooks of a folder, sorted by name.

    Failed ones are left out, and so are the unfinished ones of a killed run, whose names begin with a dot.

    Parameters
    ----------
    folder : path

    Returns
    -------
    list of pathlib.Path
    """
    paths = sorted(Path(folder).glob("*.ipynb"))
    return [path for path in paths if not path.name.startswith(".") and not path.name.endswith(".failed.ipynb")]


def run_notebook(notebook, output, given=None):
    """Execute a notebook with parameters.

    The executed notebook appears under ``output`` only when every cell has run. If one fails, what had run is kept
    beside it as ``<output>.failed.ipynb``. Warnings and what the kernel writes to the console go to ``<output>.log``.

    Parameters
    ----------
    notebook : path
        The source.
    output : path
    given : dict of str to object, optional
        Values for parameters; see :func:`check_parameters`.

    Raises
    ------
    NotebookError
        If a parameter is wrong, or a cell fails; then the cell, the error, the parameters and the log are named.
    """
    notebook, output = Path(notebook), Path(output)
    values = check_parameters(notebook, given or {})
    failed, logfile = output.with_suffix(".failed.ipynb"), output.with_suffix(".log")
    output.parent.mkdir(parents=True, exist_ok=True)
    failed.unlink(missing_ok=True)
    begin = time.perf_counter()
    with atomic(output) as temporary, open(logfile, "w") as console:
        try:
            papermill.execute_notebook(
                str(notebook),
                str(temporary),
                parameters=values,
                kernel_name="python3",
                progress_bar=False,
                stdout_file=console,
                stderr_file=console,
            )
        except PapermillExecutionError as error:
            os.replace(temporary, failed)
            first_line = error.source.strip().splitlines()[0] if error.source.strip() else ""
            raise NotebookError(
                f"{notebook}: cell {error.cell_index} ({first_line!r}) failed with {error.ename}: {error.evalue}\n"
                f"parameters: {values}\nwhat had run: {failed}\nlog: {logfile}"
            ) from error
        executed = nbformat.read(temporary, as_version=4)
        executed.metadata["regdna"] = {
            "source": notebook.name,
            "parameters": {p.name: values.get(p.name, p.default) for p in parameters(notebook)},
            "date": datetime.date.today().isoformat(),
            "seconds": round(time.perf_counter() - begin, 1),
            "peak_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        }
        executed.metadata.pop("papermill", None)  # holds paths of this machine
        for cell in executed.cells:
            cell.metadata.pop("papermill", None)
            if cell.cell_type == "code":  # what went to stderr is in the log
                cell.outputs = [out for out in cell.outputs if out.get("name") != "stderr"]
        nbformat.write(executed, temporary)
    log.info("%s -> %s", notebook, output)
