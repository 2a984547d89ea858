import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from regdna.worlds.catalogue import open_world
from regdna.worlds.downloads import download

CONTENT = b">chr1\nACGT\n"


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
    """Make a world of one genome and one peak file on the server; keywords change the genome's entry."""
    monkeypatch.setenv("REGDNA_DATA", str(tmp_path / "data"))
    root = f"http://127.0.0.1:{server.server_port}"

    def make_world(**genome):
        genome = {
            "name": "a",
            "path": "genomes/a.fa",
            "url": f"{root}/a.fa",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
        } | genome
        peaks = {"name": "E", "path": "peaks/p.bed", "url": f"{root}/p.bed"}
        peaks["sha256"] = hashlib.sha256(b"chr1\t1\t2\n").hexdigest()
        description = {
            "name": "w",
            "title": "W",
            "simulated": False,
            "jaspar": {"release": "JASPAR2024", "tax_group": "fungi"},
            "reference": "a",
            "genomes": [genome],
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


def test_a_simulated_world_fetches_nothing(tiny_world):
    download(tiny_world)
    assert not tiny_world.downloaded.exists()


def test_the_yeast_files_are_used_as_they_are(yeast_data, monkeypatch):
    monkeypatch.setenv("REGDNA_DATA", str(yeast_data.parent))
    monkeypatch.setattr("requests.get", lambda *_, **__: pytest.fail("asked a server"))
    before = {path: path.stat().st_mtime_ns for path in yeast_data.rglob("*")}
    download(open_world("yeast"))
    assert {path: path.stat().st_mtime_ns for path in yeast_data.rglob("*")} == before
