"""Commands that are killed and started again end with the bytes of those that are left alone."""

import os
import signal
import subprocess
import sys
import time

import pytest

# Runs `regdna` on a catalogue and a folder of built files of its own. It kills itself just before it renames a file or
# folder to a name with some ending, or the system ends it when a file grows beyond some bytes.
LAUNCHER = """
import functools, os, resource, signal, sys
from pathlib import Path
import regdna.data.build, regdna.data.datasets
from regdna import cli
from regdna.worlds import catalogue

catalogue_folder, built, begun, last, size, *arguments = sys.argv[1:]
catalogue.open_world = functools.partial(catalogue.open_world, catalogue=catalogue_folder, built=built)
rename = os.replace

def replace(source, target):
    if last and Path(target).name.endswith(last):
        os.kill(os.getpid(), signal.SIGKILL)
    rename(source, target)

os.replace = replace
if int(size):
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(size), int(size)))
Path(begun).touch()
cli.main(arguments)
"""
MOMENTS = (0.3, 0.7)  # of the time that the work takes if it is left alone


class Command:
    """A command whose files lie below one folder, except for the world it may read."""

    def __init__(self, folder, catalogue, built, *arguments):
        folder.mkdir()
        self.folder, self.catalogue, self.built, self.arguments = folder, catalogue, built, arguments

    def start(self, last="", size=0):
        """Start it in a process group of its own; returns when its work begins."""
        begun = self.folder / ".begun"
        begun.unlink(missing_ok=True)
        given = [self.catalogue, self.built, begun, last, size, *self.arguments]
        environment = os.environ | {"XDG_CACHE_HOME": str(self.folder / "cache")}
        with open(self.folder / ".stdout", "wb") as output:
            command = [sys.executable, "-c", LAUNCHER, *map(str, given)]
            process = subprocess.Popen(command, stdout=output, env=environment, start_new_session=True)
        while not begun.exists() and process.poll() is None:
            time.sleep(0.002)
        return process

    def kill(self, after):
        """Kill it, and all that it has started, some seconds after its work has begun."""
        process = self.start()
        time.sleep(after)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def finish(self):
        """Run it to its end; returns the seconds of its work."""
        process, since = self.start(), time.monotonic()
        assert process.wait(timeout=120) == 0
        return time.monotonic() - since

    def files(self):
        """Content of every file under a final name; names that begin with a dot are of work that goes on."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        names = {path: path.relative_to(self.folder) for path in paths}
        return {
            str(name): path.read_bytes()
            for path, name in names.items()
            if not any(part.startswith(".") for part in name.parts)
        }


def world(folder, tiny_world, make_catalogue):
    catalogue = make_catalogue(folder.parent / "catalogue")
    return Command(folder, catalogue, folder / "built", "world", "tiny"), "ready.json", 50_000


def label(folder, tiny_world, make_catalogue):
    arguments = ["label", "tiny", "CTCF", "--results", folder / "results"]
    return Command(folder, tiny_world.built.parent / "catalogue", tiny_world.built, *arguments), "CTCF-200", 100_000


def lift(folder, tiny_world, make_catalogue):
    arguments = ["lift", tiny_world.chain_path("mm10"), tiny_world.peaks_path("ATAC")]
    return Command(folder, tiny_world.built.parent / "catalogue", tiny_world.built, *arguments), ".npz", 2000


@pytest.mark.parametrize("make", [world, label, lift])
def test_a_killed_command_goes_on_as_if_nothing_had_been(make, tiny_world, make_catalogue, tmp_path):
    undisturbed, last, size = make(tmp_path / "undisturbed", tiny_world, make_catalogue)
    seconds, whole = undisturbed.finish(), undisturbed.files()
    command, *_ = make(tmp_path / "killed", tiny_world, make_catalogue)
    assert any(last in name for name in whole)

    def assert_no_part():
        """What has its final name has its final content."""
        for name, content in command.files().items():
            assert content == whole[name], f"{name} is not whole"

    assert command.start(size=size).wait(timeout=120) == -signal.SIGXFSZ  # in the middle of a file
    assert_no_part()
    assert command.start(last).wait(timeout=120) == -signal.SIGKILL  # at its last rename
    assert_no_part()
    assert len(command.files()) < len(whole)
    for moment in MOMENTS:
        command.kill(moment * seconds)
        assert_no_part()
    command.finish()
    assert command.files() == whole
    told = [(one.folder / ".stdout").read_text().replace(str(one.folder), "") for one in (command, undisturbed)]
    assert told[0] == told[1]


def test_a_data_set_whose_replacement_was_killed(tiny_world, make_catalogue, tmp_path):
    """At the worst moment: the old one is gone, the new one is not there yet."""
    peaks = tmp_path / "other.bed"
    peaks.write_text("".join(f"chr{i}\t1000\t1400\n" for i in (1, 6, 8)))
    command, last, _ = label(tmp_path / "killed", tiny_world, make_catalogue)
    command.finish()
    command.arguments = (*command.arguments, "--peaks", peaks)
    assert command.start(last).wait(timeout=120) == -signal.SIGKILL
    assert not (command.folder / "results" / "datasets" / "CTCF-200").exists()
    command.finish()
    assert sorted(path.name for path in (command.folder / "results" / "datasets").iterdir()) == [
        ".CTCF-200.lock",  # and nothing that the killed one has left
        "CTCF-200",
    ]
    alone, *_ = label(tmp_path / "alone", tiny_world, make_catalogue)
    alone.arguments = (*alone.arguments, "--peaks", peaks)
    alone.finish()
    assert command.files() == alone.files()
