import json
import subprocess
import sys

import pytest

from regdna import cli
from regdna.training.regimes import Budget
from regdna.training.runs import METRICS, Run, collect_metrics
from regdna.worlds import catalogue
from regdna.worlds.catalogue import PROJECT, open_world

CHAIN = """\
chain 900 a 1000 + 100 500 x 2000 + 1100 1510 1
100 50 60
250

chain 800 a 1000 + 700 800 y 500 - 100 200 2
100

chain 700 a 1000 + 850 950 x 2000 + 100 400 3
20 60 260
20
"""
PEAKS = """\
track name=peaks
a\t120\t180\tplus
a\t720\t750\tminus
a\t190\t260\tapart
a\t205\t245\thole
a\t10\t20\tnowhere
b\t10\t20
a\t850\t950\twide
a\t140\t160\tplus again
"""
LIFTED = """\
chrom\tstart\tend\tname\tstatus\tto_chrom\tto_start\tto_end\tstrand\tpieces
a\t120\t180\tplus\tlifted\tx\t1120\t1180\t+\t1
a\t720\t750\tminus\tlifted\ty\t350\t380\t-\t1
a\t190\t260\tapart\tsplit\t\t\t\t\t
a\t205\t245\thole\tdeleted\t\t\t\t\t
a\t10\t20\tnowhere\tunmapped\t\t\t\t\t
b\t10\t20\tpeak7\tunmapped\t\t\t\t\t
a\t850\t950\twide\tsplit\t\t\t\t\t
a\t140\t160\tplus again\tlifted\tx\t1140\t1160\t+\t1
"""


def refused(capsys, *arguments):
    """Run a command that must fail; returns its one message."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    assert capsys.readouterr().out == ""
    assert isinstance(stop.value.code, str)  # printed on standard error by the interpreter, with exit status 1
    return stop.value.code


@pytest.fixture
def chain(tmp_path):
    path = tmp_path / "aToX.over.chain"
    path.write_text(CHAIN)
    return path


@pytest.fixture
def peaks(tmp_path):
    path = tmp_path / "peaks.bed"
    path.write_text(PEAKS)
    return path


def test_lift(chain, peaks, capsys):
    cli.main(["lift", str(chain), str(peaks)])
    assert capsys.readouterr().out == LIFTED


def test_lift_refuses_peaks_of_another_assembly(chain, tmp_path, capsys):
    (tmp_path / "far.bed").write_text("a\t10\t20\na\t10\t9000000\n")
    message = refused(capsys, "lift", chain, tmp_path / "far.bed")
    assert "a peak ends at a:9000000, but a has" in message and "different assemblies" in message


def test_lift_of_nothing_but_failures_keeps_every_line(chain, tmp_path, capsys):
    (tmp_path / "none.bed").write_text("c\t1\t2\nc\t3\t4\n")
    cli.main(["lift", str(chain), str(tmp_path / "none.bed")])
    assert capsys.readouterr().out.splitlines()[1:] == [
        "c\t1\t2\tpeak1\tunmapped" + 5 * "\t",
        "c\t3\t4\tpeak2\tunmapped" + 5 * "\t",
    ]


def test_lift_in_a_shell(chain, peaks, tmp_path):
    """Exit status 0 and the table; for bad input exit status 1, one message and no traceback."""

    def run(path):
        command = [sys.executable, "-c", "from regdna.cli import main; main()", "lift", chain, path]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
        return subprocess.run(command, capture_output=True, text=True, env=environment)

    done = run(peaks)
    assert (done.returncode, done.stdout) == (0, LIFTED)
    assert done.stderr == "no chain starts from b; chains start from a\n"
    bad = tmp_path / "bad.bed"
    bad.write_text("a\t10\t20\na\t250\t100\n")
    done = run(bad)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"regdna lift: {bad} line 2: end 100 is not after start 250\n"


def test_lift_stops_quietly_when_its_reader_has_gone(chain, tmp_path):
    (tmp_path / "many.bed").write_text("".join(f"a\t{120 + i % 50}\t180\n" for i in range(20_000)))
    command = (
        f"{sys.executable} -c 'from regdna.cli import main; main()' lift {chain} {tmp_path / 'many.bed'} | head -1"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=environment)
    assert (done.stdout, done.stderr) == (LIFTED.splitlines(keepends=True)[0], "")


class TestErrors:
    def test_missing_peaks(self, chain, tmp_path, capsys):
        message = refused(capsys, "lift", chain, tmp_path / "none.bed")
        assert message == f"regdna lift: peak file {tmp_path / 'none.bed'} does not exist"

    def test_missing_chain(self, peaks, tmp_path, capsys):
        message = refused(capsys, "lift", tmp_path / "none.chain", peaks)
        assert message == f"regdna lift: chain file {tmp_path / 'none.chain'} does not exist"

    def test_files_in_the_wrong_order(self, chain, peaks, capsys):
        message = refused(capsys, "lift", peaks, chain)
        assert message == f"regdna lift: {peaks}: not a chain file; its first line is not a chain header"

    def test_unknown_world(self, capsys):
        message = refused(capsys, "world", "atlantis")
        assert message.startswith("regdna world: no world named 'atlantis'") and "simulated" in message

    def test_unknown_command(self, capsys):
        with pytest.raises(SystemExit) as stop:
            cli.main(["lfit"])
        assert stop.value.code == 2
        assert "lift" in capsys.readouterr().err

    def test_an_error_in_the_program_is_not_hidden(self, chain, peaks, monkeypatch):
        def broken(*args):
            raise ZeroDivisionError

        monkeypatch.setattr("regdna.data.liftover.lift", broken)
        with pytest.raises(ZeroDivisionError):
            cli.main(["lift", str(chain), str(peaks)])


def test_worlds(capsys):
    cli.main(["worlds"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines] == sorted(path.stem for path in catalogue.CATALOGUE.glob("*.yaml"))
    assert f"simulated\t{open_world('simulated').title}" in lines


class TestRun:
    def test_without_output_lists_the_parameters(self, capsys):
        cli.main(["run", str(PROJECT / "notebooks" / "04_cnn.ipynb")])
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "world: str = 'simulated'  a world of the catalogue (regdna worlds)"
        names = [line.split(":")[0] for line in lines]
        assert {"experiment", "peaks", "model", "regimes", "seeds", "steps", "results"} <= set(names)

    @pytest.mark.parametrize("pair", ["world", "world yeast", ""])
    def test_pair_without_equals_sign(self, pair, tmp_path, capsys):
        notebook = PROJECT / "notebooks" / "04_cnn.ipynb"
        message = refused(capsys, "run", notebook, "-p", pair, "-o", tmp_path / "out.ipynb")
        assert message == f"regdna run: -p {pair!r} is not NAME=VALUE"

    def test_values_reach_the_runner(self, tmp_path, capsys, monkeypatch):
        calls = []
        monkeypatch.setattr("regdna.report.notebooks.run_notebook", lambda *args: calls.append(args))
        cli.main(["run", "a.ipynb", "-p", "peaks=x=y.bed", "-p", "seeds=[0, 1]", "-p", "name=", "-o", "out.ipynb"])
        assert calls == [("a.ipynb", "out.ipynb", {"peaks": "x=y.bed", "seeds": "[0, 1]", "name": ""})]
        assert capsys.readouterr().out == "out.ipynb\n"

    def test_missing_notebook(self, tmp_path, capsys):
        message = refused(capsys, "run", tmp_path / "none.ipynb")
        assert message == f"regdna run: notebook {tmp_path / 'none.ipynb'} does not exist"


class TestTrain:
    @pytest.fixture(autouse=True)
    def tiny_catalogue(self, tiny_world, monkeypatch):
        def opened(name):
            return tiny_world if name == "tiny" else open_world(name)

        monkeypatch.setattr(catalogue, "open_world", opened)

    def test_train_and_metrics(self, tmp_path, capsys):
        budget = ["--steps", "2", "--finetune-steps", "1", "--learning-rate", "0.01", "--iterations", "1"]
        cli.main(["train", "tiny", "CTCF", "--regime", "SL-aug", "--seed", "7", "--results", str(tmp_path), *budget])
        row = json.loads((tmp_path / "runs" / "CTCF" / "cnn64" / "SL-aug-7" / "run.json").read_text())
        assert (row["world"], row["experiment"], row["model"]) == ("tiny", "CTCF", "cnn64")
        assert (row["regime"], row["seed"], row["steps"]) == ("SL-aug", 7, 3)
        line = f"CTCF cnn64 SL-aug seed 7: test AUPR {row['aupr']:.3f}, AUROC {row['auroc']:.3f}\n"
        assert capsys.readouterr().out == line
        cli.main(["metrics", str(tmp_path)])
        assert capsys.readouterr().out == f"1 runs in {tmp_path / 'metrics.csv'}\n"
        assert tuple(collect_metrics(tmp_path).columns) == METRICS

    def test_a_factor_of_ones_own_and_every_budget_field(self, tiny_world, tmp_path, monkeypatch):
        calls = []

        class Spy:
            def __init__(self, *args):
                calls.append(args)

            def run(self, *args):
                calls.append(args)
                row = {"experiment": "Mine", "model": "deepbind", "regime": "SSL", "seed": 0, "aupr": 0.5, "auroc": 0.5}
                return Run(row, None, None, None, None)

        monkeypatch.setattr("regdna.training.runs.Runner", Spy)
        given = (
            "--steps 5 --finetune-steps 4 --learning-rate 0.3 --finetune-learning-rate 2e-1 --iterations 1 --noise 0"
        )
        own = ["--peaks", "mine.bed", "--model", "deepbind", "--results", str(tmp_path)]
        cli.main(["train", "tiny", "Mine", *own, *given.split()])
        made, ran = calls
        assert made == (tiny_world, "Mine", "deepbind", str(tmp_path), Budget(5, 4, 0.3, 0.2, 1, 0.0), "mine.bed")
        assert ran == ("SSL", 0)

    def test_missing_peaks(self, tmp_path, capsys):
        message = refused(capsys, "train", "tiny", "Mine", "--peaks", tmp_path / "no.bed", "--results", tmp_path)
        assert message == f"regdna train: peak file {tmp_path / 'no.bed'} does not exist"

    def test_metrics_of_a_missing_folder(self, tmp_path, capsys):
        message = refused(capsys, "metrics", tmp_path / "no")
        assert message == f"regdna metrics: results folder {tmp_path / 'no'} does not exist"

    def test_unknown_experiment(self, tmp_path, capsys):
        message = refused(capsys, "train", "tiny", "CTFC", "--results", tmp_path)
        assert message.startswith("regdna train: world tiny has no experiment 'CTFC'; it has ATF3, ")

    def test_unknown_model(self, tmp_path, capsys):
        message = refused(capsys, "train", "tiny", "CTCF", "--model", "cnn", "--results", tmp_path)
        assert message == "regdna train: no model named 'cnn'; models: cnn64, cnn256, deepbind"

    def test_unknown_regime(self, tmp_path, capsys):
        message = refused(capsys, "train", "tiny", "CTCF", "--regime", "XL", "--results", tmp_path)
        assert message == "regdna train: no regime named 'XL'; regimes: SL, SL-aug, SSL, SSL-NS"
