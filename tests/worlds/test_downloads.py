import errno
import fcntl
import gzip
import hashlib
import logging
import os
import random
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from twobit import twobit

from regdna.worlds import downloads
from regdna.worlds.catalogue import open_world
from regdna.worlds.downloads import download
from regdna.worlds.transfer import CHUNK

CONTENT = b">chr1\nACGT\n"
LARGE = random.Random(1).randbytes(5 * CHUNK + 7)
PAGE = b"<!DOCTYPE html><html>Moved</html>"


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.requests.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server for one folder, with a list of what was asked of it."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "public"
    folder.mkdir()
    (folder / "a.fa").write_bytes(CONTENT)
    (folder / "p.bed").write_bytes(b"chr1\t1\t2\n")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        server.requests, server.folder = [], folder
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def make(tmp_path, monkeypatch, server):
    """Make a world of one genome and one peak file on the server.

    Keywords change the genome's entry, None removes a field; ``content`` is what the server has in its place.
    """
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path / "data"))
    root = f"http://127.0.0.1:{server.server_port}"

    def make_world(content=CONTENT, relatives=(), **genome):
        genome = {"name": "a", "path": "genomes/a.fa", "sha256": hashlib.sha256(content).hexdigest()} | genome
        name = genome["path"].split("/")[-1]
        (server.folder / name).write_bytes(content)
        genome = {"url": f"{root}/{name}"} | {key: value for key, value in genome.items() if value is not None}
        peaks = {"name": "E", "path": "peaks/p.bed", "url": f"{root}/p.bed"}
        peaks["sha256"] = hashlib.sha256(b"chr1\t1\t2\n").hexdigest()
        description = {
            "name": "w",
            "title": "W",
            "simulated": False,
            "jaspar": {"release": "JASPAR2024", "tax_group": "fungi"},
            "reference": "a",
            "genomes": [genome, *relatives],
            "experiments": [peaks],
            "test_chromosomes": [],
            "validation_chromosomes": [],
        }
        (tmp_path / "w.yaml").write_text(yaml.safe_dump(description))
        return open_world("w", tmp_path, tmp_path / "built")

    return make_world


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_files_are_fetched_to_their_places(make, server, tmp_path):
    world = make()
    download(world)
    assert world.genome_path("a").read_bytes() == CONTENT
    assert world.peaks_path("E").read_bytes() == b"chr1\t1\t2\n"
    assert names(tmp_path / "data") == ["w/genomes/a.fa", "w/peaks/p.bed"]
    assert server.requests == ["/a.fa", "/p.bed"]


def test_what_is_there_with_the_right_hash_is_not_fetched(make, server):
    world = make()
    path = world.genome_path("a")
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    before = path.stat().st_mtime_ns
    download(world)
    assert server.requests == ["/p.bed"]
    assert path.stat().st_mtime_ns == before
    download(world)
    assert server.requests == ["/p.bed"]


def test_what_is_there_with_another_hash_is_fetched_anew(make, server):
    world = make()
    world.genome_path("a").parent.mkdir(parents=True)
    world.genome_path("a").write_bytes(CONTENT[:-3])
    download(world)
    assert "/a.fa" in server.requests
    assert world.genome_path("a").read_bytes() == CONTENT


def test_a_wrong_hash_is_an_error_and_leaves_nothing(make, tmp_path):
    world = make(sha256="0" * 64)
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:\d+/a\.fa is not the file this world was made with"):
        download(world)
    assert names(tmp_path / "data") == []


def test_a_file_that_the_server_lacks(make, server, tmp_path):
    url = f"http://127.0.0.1:{server.server_port}/absent.fa"
    world = make(url=url)
    with pytest.raises(ValueError) as error:
        download(world)
    message = str(error.value)
    assert message.startswith(f"cannot fetch {url} (HTTPError: 404")
    assert str(tmp_path / "data" / "w" / "genomes" / "a.fa") in message
    assert hashlib.sha256(CONTENT).hexdigest() in message
    assert "REGDNA_DATA" in message and "w/genomes/a.fa" in message
    assert names(tmp_path / "data") == []


def test_a_server_that_does_not_answer(make, tmp_path):
    with pytest.raises(ValueError, match=r"cannot fetch http://127\.0\.0\.1:1/a\.fa \(ConnectionError: .*place it at"):
        download(make(url="http://127.0.0.1:1/a.fa"))
    assert names(tmp_path / "data") == []


def test_a_transfer_that_breaks_off_leaves_nothing(make, server, monkeypatch, tmp_path):
    def half(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:4])
        self.close_connection = True

    monkeypatch.setattr(Handler, "do_GET", half)
    with pytest.raises(ValueError, match=r"/a\.fa"):
        download(make())
    assert names(tmp_path / "data") == []


def test_chains_are_fetched(make, server, tmp_path):
    (server.folder / "aToB.over.chain.gz").write_bytes(gzip.compress(b"chain"))
    chain = {"path": "chains/x.gz", "url": f"http://127.0.0.1:{server.server_port}/aToB.over.chain.gz"}
    world = make(relatives=[{"name": "b", "path": "genomes/b.fa", "chain": chain}])
    download(world)
    assert gzip.decompress(world.chain_path("b").read_bytes()) == b"chain"
    assert names(tmp_path / "data") == ["w/chains/x.gz", "w/chains/x.gz.sha256", "w/genomes/a.fa", "w/peaks/p.bed"]


class TestUnknownHash:
    def test_it_is_kept_beside_the_file(self, make, server):
        world = make(sha256=None)
        download(world)
        path = world.genome_path("a")
        assert path.read_bytes() == CONTENT
        digest = hashlib.sha256(CONTENT).hexdigest()
        assert path.with_name("a.fa.sha256").read_text() == f"{digest}  a.fa\n"
        download(world)
        assert server.requests == ["/a.fa", "/p.bed"]

    def test_a_file_placed_by_hand_is_used_and_its_hash_kept(self, make, server):
        world = make(sha256=None)
        world.genome_path("a").parent.mkdir(parents=True)
        world.genome_path("a").write_bytes(b">other\nA\n")
        download(world)
        assert server.requests == ["/p.bed"]
        assert world.genome_path("a").with_name("a.fa.sha256").exists()

    def test_a_file_that_changes_afterwards(self, make, server):
        world = make(sha256=None)
        download(world)
        path = world.genome_path("a")
        path.write_bytes(CONTENT[:-2])
        with pytest.raises(ValueError) as error:
            download(world)
        old, new = (hashlib.sha256(content).hexdigest() for content in (CONTENT, CONTENT[:-2]))
        assert str(error.value).startswith(
            f"{path} cannot be used: it has changed since its first use: its SHA-256 is {new}, expected {old}. Delete"
        )
        assert path.read_bytes() == CONTENT[:-2] and server.requests == ["/a.fa", "/p.bed"]
        path.unlink()
        download(world)
        assert path.read_bytes() == CONTENT

    def test_a_change_that_is_meant(self, make):
        world = make(sha256=None)
        download(world)
        world.genome_path("a").write_bytes(b">new\nA\n")
        record = world.genome_path("a").with_name("a.fa.sha256")
        record.unlink()
        download(world)
        assert record.read_text().startswith(hashlib.sha256(b">new\nA\n").hexdigest())

    def test_a_server_that_has_another_file_by_now(self, make, tmp_path):
        world = make(sha256=None)
        download(world)
        world.genome_path("a").unlink()
        world = make(content=b">chr1\nTTTT\n", sha256=None)
        with pytest.raises(ValueError, match=r"/a\.fa is not the file of the first use: .* delete .*a\.fa\.sha256$"):
            download(world)
        assert names(tmp_path / "data") == ["w/genomes/a.fa.sha256", "w/peaks/p.bed"]
        world.genome_path("a").with_name("a.fa.sha256").unlink()
        download(world)
        assert world.genome_path("a").read_bytes() == b">chr1\nTTTT\n"

    @pytest.mark.parametrize(
        "name, content, problem",
        [
            ("a.fa.gz", gzip.compress(LARGE)[:-9], "it is no whole gzip file"),
            ("a.fa.gz", PAGE, "it is a web page, not data"),
            ("a.fa.gz", b"", "it is empty"),
            ("a.2bit", twobit(1000)[:-1], "it is no whole 2bit file"),
            ("a.2bit", PAGE, "it is a web page, not data"),
            ("a.2bit", b"", "it is empty"),
            ("a.fa", PAGE, "it is a web page, not data"),
        ],
    )
    def test_what_is_no_such_file_is_refused(self, make, tmp_path, name, content, problem):
        world = make(content=content, path=f"genomes/{name}", sha256=None)
        with pytest.raises(ValueError, match=rf"http://\S+/{name} cannot be used: {problem}.* place it at .*/{name}$"):
            download(world)
        assert names(tmp_path / "data") == []

    @pytest.mark.parametrize("name, content", [("a.fa.gz", gzip.compress(CONTENT)), ("a.2bit", twobit(1000, runs=2))])
    def test_what_is_whole_is_taken(self, make, name, content):
        world = make(content=content, path=f"genomes/{name}", sha256=None)
        download(world)
        assert world.genome_path("a").read_bytes() == content

    def test_a_damaged_file_placed_by_hand(self, make, server):
        world = make(content=gzip.compress(CONTENT), path="genomes/a.fa.gz", sha256=None)
        path = world.genome_path("a")
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(CONTENT)[:-3])
        with pytest.raises(ValueError, match=r"a\.fa\.gz cannot be used: it is no whole gzip file .* Delete it"):
            download(world)
        assert path.exists() and not server.requests

    def test_a_folder_that_is_not_writable(self, make, monkeypatch, caplog):
        def refuse(*_):
            raise PermissionError(errno.EACCES, "Permission denied")

        world = make(sha256=None)
        world.genome_path("a").parent.mkdir(parents=True)
        world.genome_path("a").write_bytes(CONTENT)
        monkeypatch.setattr(downloads, "write_text", refuse)
        download(world)
        assert "a.fa cannot be kept beside it: [Errno 13] Permission denied" in caplog.text


def test_a_web_page_in_place_of_a_file_of_known_hash(make, server, tmp_path):
    world = make()
    (server.folder / "a.fa").write_bytes(PAGE)
    with pytest.raises(ValueError, match="is not the file this world was made with: it is a web page, not data"):
        download(world)
    assert names(tmp_path / "data") == []


def serve(content, *ends, version='"1"', go_on=None):
    """Make a handler of requests for a.bin that knows ranges; its answers break off at ``ends``, one for each.

    At such an end it waits for the event ``go_on``, if that is given, with the connection open.
    """
    ends = list(ends)

    def do_get(self):
        if self.path != "/a.bin":
            SimpleHTTPRequestHandler.do_GET(self)
            return
        asked, start = self.headers["Range"], 0
        self.server.requests.append(asked)
        if asked and self.headers["If-Range"] == version:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", version)
        self.end_headers()
        end = ends.pop(0) if ends else None
        self.wfile.write(content[start:end])
        self.wfile.flush()
        if end and go_on:
            go_on.wait(60)
        self.close_connection = True

    return do_get


class TestInterruption:
    @pytest.fixture
    def world(self, make):
        return make(content=LARGE, path="genomes/a.bin")

    @pytest.fixture
    def part(self, world):
        return world.genome_path("a").with_name("a.bin.part")

    def test_a_transfer_goes_on_where_it_stopped(self, world, part, server, monkeypatch):
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE, 2 * CHUNK, 3 * CHUNK + 5))
        for arrived in (2 * CHUNK, 3 * CHUNK - 1):
            with pytest.raises(ValueError, match=r"cannot fetch .*/a\.bin .*Run the command again to go on"):
                download(world)
            assert not world.genome_path("a").exists()
            assert part.read_bytes() == LARGE[:arrived]
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE
        assert server.requests == [None, f"bytes={2 * CHUNK - 1}-", f"bytes={3 * CHUNK - 2}-"]
        assert names(world.downloaded) == ["genomes/a.bin", "peaks/p.bed"]

    def test_a_file_that_has_changed_on_the_server_is_fetched_anew(self, make, part, monkeypatch):
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE, 2 * CHUNK))
        world = make(content=LARGE, path="genomes/a.bin", sha256=None)
        with pytest.raises(ValueError, match="go on"):
            download(world)
        assert part.exists()
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE[::-1], version='"2"'))
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE[::-1]

    def test_a_server_without_ranges_sends_the_whole_file(self, world, part, server):
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x" * CHUNK)
        part.with_name("a.bin.part.version").write_text("Thu, 01 Jan 1970 00:00:00 GMT")
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE
        assert names(world.downloaded) == ["genomes/a.bin", "peaks/p.bed"]

    @pytest.mark.parametrize("kept", [0, 1, len(LARGE)])
    def test_a_part_of_any_size(self, world, part, monkeypatch, kept):
        part.parent.mkdir(parents=True)
        part.write_bytes(LARGE[:kept])
        part.with_name("a.bin.part.version").write_text('"1"')
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE))
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE

    def test_a_part_of_unknown_version_is_not_used(self, world, part):
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x" * CHUNK)
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE

    def test_a_part_that_is_longer_than_the_file(self, world, part, monkeypatch):
        part.parent.mkdir(parents=True)
        part.write_bytes(LARGE + b"more")
        part.with_name("a.bin.part.version").write_text('"1"')
        monkeypatch.setattr(Handler, "do_GET", lambda self: self.send_error(416))
        with pytest.raises(ValueError, match=r"416 .*\. Fetch it by other means"):
            download(world)
        assert names(world.downloaded) == []

    def test_a_damaged_part_is_discarded_in_the_end(self, world, part, monkeypatch):
        part.parent.mkdir(parents=True)
        part.write_bytes(b"x" * CHUNK)
        part.with_name("a.bin.part.version").write_text('"1"')
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE))
        with pytest.raises(ValueError, match="is not the file this world was made with"):
            download(world)
        assert names(world.downloaded) == []

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    def test_a_full_disk(self, world, part, monkeypatch, code):
        real, full = open, threading.Event()

        class Full:
            def __init__(self, file):
                self.file = file

            def __getattr__(self, name):
                return getattr(self.file, name)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                self.file.close()

            def write(self, content):
                if self.file.tell() >= 2 * CHUNK and not full.is_set():
                    raise OSError(code, os.strerror(code))
                return self.file.write(content)

        monkeypatch.setattr("regdna.worlds.transfer.open", lambda *a: Full(real(*a)), raising=False)
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE))
        with pytest.raises(ValueError) as error:
            download(world)
        assert f"no space left in {part.parent}; the file has {len(LARGE):,} bytes" in str(error.value)
        assert "Run the command again" in str(error.value) and "REGDNA_DATA" in str(error.value)
        assert part.read_bytes() == LARGE[: 2 * CHUNK]
        full.set()
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE

    def test_a_killed_process(self, world, part, server, monkeypatch, tmp_path):
        go_on = threading.Event()
        monkeypatch.setattr(Handler, "do_GET", serve(LARGE, 2 * CHUNK, go_on=go_on))
        script = (
            "from regdna.worlds.catalogue import open_world; from regdna.worlds.downloads import download; "
            f"download(open_world('w', {str(tmp_path)!r}, {str(tmp_path / 'built')!r}))"
        )
        with subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.DEVNULL) as process:
            try:
                until = time.monotonic() + 60
                while not (part.exists() and part.stat().st_size == 2 * CHUNK):
                    assert process.poll() is None and time.monotonic() < until
                    time.sleep(0.01)
            finally:
                process.kill()
        go_on.set()
        assert process.returncode == -signal.SIGKILL
        assert names(world.downloaded) == ["genomes/a.bin.part", "genomes/a.bin.part.version"]
        download(world)
        assert world.genome_path("a").read_bytes() == LARGE
        assert server.requests == [None, f"bytes={2 * CHUNK - 1}-"]


def test_a_second_process_waits_for_the_first(make, server, caplog):
    caplog.set_level(logging.INFO, "regdna")
    world = make()
    folder = world.genome_path("a").parent
    folder.mkdir(parents=True)
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    second = threading.Thread(target=download, args=[world])
    second.start()
    second.join(0.3)
    assert second.is_alive() and not server.requests
    assert f"another process fetches files to {folder}; waiting for it" in caplog.text
    world.genome_path("a").write_bytes(CONTENT)
    os.close(handle)
    second.join(10)
    assert server.requests == ["/p.bed"]


def test_a_simulated_world_fetches_nothing(tiny_world):
    download(tiny_world)
    assert not tiny_world.downloaded.exists()


def test_the_yeast_files_are_used_as_they_are(yeast_data, monkeypatch):
    monkeypatch.setenv("REGDNA_DATA", str(yeast_data.parent))
    monkeypatch.setattr("requests.get", lambda *_, **__: pytest.fail("asked a server"))
    before = {path: path.stat().st_mtime_ns for path in yeast_data.rglob("*")}
    download(open_world("yeast"))
    assert {path: path.stat().st_mtime_ns for path in yeast_data.rglob("*")} == before
