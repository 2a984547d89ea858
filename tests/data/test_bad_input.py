"""What a user may hand in: each is an error that says what to do, or a drop that is counted, or does not matter."""

import dataclasses
import gzip

import pytest
from handmade import SIZE, bed, block, handmade_world

from regdna import cli
from regdna.data.datasets import open_dataset
from regdna.data.labels import label_world
from regdna.worlds import catalogue

EACH = [("one", 0, 200), ("two", 0, 200), ("three", 0, 200)]
MORE = [*EACH, ("one", 400, 700), ("one", 850, 1150), ("three", 1000, 1400)]
PEAKS = "".join(f"{chrom}\t{start}\t{end}\tp{i}\n" for i, (chrom, start, end) in enumerate(MORE))
CHAINS = {"rel": [block("one", 0, 400, 1200), block("two", 0, 200, to_chrom="s"), block("three", 900, 2000, 500)]}


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A world that ``regdna label small`` finds; ``peaks`` and ``chains`` are written anew by the tests."""
    made = handmade_world(tmp_path / "world", CHAINS, PEAKS)
    opened = {"small": made}
    monkeypatch.setattr(catalogue, "open_world", opened.__getitem__)

    def change(**description):
        opened["small"] = dataclasses.replace(made, **description)
        return opened["small"]

    return made, change


def command(tmp_path, name="label", *more):
    cli.main([name, "small", "E", "--results", str(tmp_path / "results"), *more])


def refused(tmp_path, *arguments):
    """Run a command that must fail without a trace of results; returns its message."""
    with pytest.raises(SystemExit) as stop:
        command(tmp_path, *arguments)
    assert not (tmp_path / "results" / "datasets" / "E-200").exists()
    return stop.value.code


def told(world):
    """All that labels say, whatever the order of the peaks."""
    labels = label_world(world, "E")
    names = labels.peaks["name"].to_numpy()
    return (
        labels.bins.to_dict("list"),
        sorted(labels.lifted.assign(peak=names[labels.lifted["peak"]]).values.tolist()),
        sorted(labels.pseudo.assign(peak=names[labels.pseudo["peak"]]).values.tolist()),
        labels.ledger.steps,
    )


class TestWhatDoesNotMatter:
    def test_the_order_of_peaks(self, world):
        path, before = world[0].peaks_path("E"), told(world[0])
        assert before[0]["positive"].count(True) == 8 and len(before[2]) == 6
        path.write_text("".join(reversed(PEAKS.splitlines(keepends=True))))
        assert told(world[0]) == before

    def test_windows_line_ends(self, world):
        made, before = world[0], told(world[0])
        for path in (made.peaks_path("E"), made.genome_path("ref"), made.genome_path("rel")):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        for path in (made.genome_path("ref"), made.genome_path("rel")):
            path.with_name(f"{path.name}.fai").unlink()  # of the other line ends
        chain = made.chain_path("rel")
        chain.write_bytes(gzip.compress(gzip.decompress(chain.read_bytes()).replace(b"\n", b"\r\n")))
        assert told(made) == before

    @pytest.mark.parametrize("more", [[("one", 400, 700)], [("one", 450, 650)], [("one", 860, 1140), MORE[0], MORE[5]]])
    def test_peaks_that_are_repeated_or_lie_in_others(self, world, more):
        """The same bins as of the merged peaks; the second one's homolog is a duplicate that is counted."""
        made, before = world[0], label_world(world[0], "E")
        made.peaks_path("E").write_text(PEAKS + bed(*more))
        after = label_world(made, "E")
        assert after.bins.equals(before.bins)
        columns = ["chrom", "start", "split"]
        assert sorted(after.pseudo[columns].values.tolist()) == sorted(before.pseudo[columns].values.tolist())
        assert after.ledger.steps[-1]["dropped"]["duplicate"] > 0

    def test_peaks_that_overlap_count_each_for_itself(self, world):
        """A bin must lie by more than half in one peak: two that cover it only together do not make it positive."""
        for peaks, positive in (
            ([("one", 410, 500), ("one", 490, 580)], False),
            ([("one", 410, 580)], True),
            ([("one", 410, 500), ("one", 490, 595)], True),
        ):
            world[0].peaks_path("E").write_text(bed(*EACH, *peaks))
            bins = label_world(world[0], "E").bins
            at = (bins["chrom"] == "one") & (bins["start"] == 400)
            assert bins.loc[at, ["positive", "touched"]].values.tolist() == [[positive, True]]


PEAK_FILES = {
    "an empty file": ("", "E.narrowPeak: holds no peak"),
    "comments only": ("# nothing\ntrack name=x\n\n", "E.narrowPeak: holds no peak"),
    "a peak without length": (
        PEAKS + "one\t500\t500\n",
        "E.narrowPeak line 7: end 500 is not after start 500",
    ),
    "a peak beyond the end": (
        PEAKS + f"two\t2900\t{SIZE + 1}\n",
        f"E.narrowPeak line 7: end {SIZE + 1} is beyond two, which has {SIZE} bases",
    ),
    "other names of chromosomes": (
        PEAKS.replace("one", "chr1"),
        "E.narrowPeak line 1: chromosome 'chr1' is not in ref.fa; it has one, two, three; if it is one of these by "
        "another name, say so under chromosome_aliases in the world's description",
    ),
    "commas": (
        PEAKS.replace("\t", ","),
        "E.narrowPeak line 1: its fields are separated by commas; BED is separated by tabs",
    ),
    "commas and spaces": (
        PEAKS.replace("\t", ", "),
        "E.narrowPeak line 1: its fields are separated by commas; BED is separated by tabs",
    ),
    "thousands separators": (
        PEAKS + "three\t1,000\t1,400\n",
        "E.narrowPeak line 7: start '1,000' is not an integer; write it without thousands separators",
    ),
    "thousands separators of another kind": (
        PEAKS + "three\t1000\t1'400\n",
        'E.narrowPeak line 7: end "1\'400" is not an integer; write it without thousands separators',
    ),
    "a header": (
        "chrom\tstart\tend\tname\n" + PEAKS,
        "E.narrowPeak line 1: 'chrom\\tstart\\tend\\tname' looks like a header; begin it with # or delete it",
    ),
    "a header below a comment": (
        "#made by hand\nchr\tbegin\tstop\n" + PEAKS,
        "E.narrowPeak line 2: 'chr\\tbegin\\tstop' looks like a header; begin it with # or delete it",
    ),
}


@pytest.mark.parametrize("case", PEAK_FILES)
def test_peak_files_that_are_refused(world, tmp_path, case):
    text, message = PEAK_FILES[case]
    path = world[0].peaks_path("E")
    path.write_text(text)
    assert refused(tmp_path) == f"regdna label: {path.parent}/{message}"
    mine = tmp_path / "E.narrowPeak"
    mine.write_text(text)
    path.unlink()
    assert refused(tmp_path, "label", "--peaks", str(mine)) == f"regdna label: {tmp_path}/{message}"


@pytest.mark.parametrize("header", ["#chrom\tstart\tend\n", "track name=peaks\n", "browser hide all\n"])
def test_a_header_that_says_so_is_fine(world, header):
    before = told(world[0])
    world[0].peaks_path("E").write_text(header + PEAKS)
    assert told(world[0]) == before


@pytest.mark.parametrize("text", ["one 0 200 a,b,c 0 +\n", "one\t0\t200\ta,b,c,d\n"])
def test_commas_in_a_name_are_fine(world, text):
    world[0].peaks_path("E").write_text(PEAKS + text)
    assert len(label_world(world[0], "E").peaks) == 7


def test_aliases_mend_other_names_of_chromosomes(world, tmp_path, capsys):
    made, change = world
    before = told(made)
    made.peaks_path("E").write_text(PEAKS.replace("one", "chr1"))
    assert "chromosome_aliases" in refused(tmp_path)
    assert told(change(aliases={"chr1": "one"})) == before
    command(tmp_path)
    assert set(open_dataset(tmp_path / "results" / "datasets" / "E-200").intervals["source_chrom"]) == {
        "",
        "one",
        "two",
        "three",
    }


def renamed(old, new):
    return lambda text: text.replace(old, new)


CHAIN_FILES = {
    "another length of a chromosome of the reference": (
        renamed(f"one {SIZE} ", "one 2999 "),
        f"one has 2999 bases in the chains and {SIZE} in the reference; they are of different assemblies",
    ),
    "another length of a chromosome of the relative": (
        renamed(f" s {SIZE} ", " s 3001 "),
        f"s has 3001 bases in the chains and {SIZE} in the other genome; they are of different assemblies",
    ),
    "other names of the reference": (
        lambda text: text.replace("one", "chr1").replace("two", "chr2").replace("three", "chr3"),
        "its chromosomes (chr1, chr2, chr3) are not those of the reference (one, two, three); rename those of one of "
        "the two",
    ),
    "other names of the relative": (
        lambda text: text.replace(" r ", " chrR ").replace(" s ", " chrS "),
        "its chromosomes (chrR, chrS) are not those of the other genome (r, s); rename those of one of the two",
    ),
    "no chain": (lambda text: "", "not a chain file; its first line is not a chain header"),
    "peaks in its place": (lambda text: PEAKS, "not a chain file; its first line is not a chain header"),
}


@pytest.mark.parametrize("case", CHAIN_FILES)
def test_chain_files_that_are_refused(world, tmp_path, case):
    change, message = CHAIN_FILES[case]
    path = world[0].chain_path("rel")
    path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()).decode()).encode()))
    assert refused(tmp_path) == f"regdna label: {path}: {message}"


def test_chains_to_one_chromosome_that_the_relative_lacks(world, tmp_path):
    path = world[0].chain_path("rel")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()).replace(b" s ", b" t ")))
    message = "the chains to rel lead to 't', which its genome lacks; chains and genome are of different assemblies"
    assert refused(tmp_path) == f"regdna label: {message}"


@pytest.mark.parametrize("split, lost", [("test", "three"), ("validation", "two"), ("train", "one")])
def test_a_split_without_a_peak_is_labelled_but_not_learned_from(world, tmp_path, capsys, split, lost):
    """All its bins are negatives; to train on it is refused."""
    kept = [line for line in PEAKS.splitlines(keepends=True) if not line.startswith(lost)]
    world[0].peaks_path("E").write_text("".join(kept))
    command(tmp_path)
    assert f"select (ref), peaks: {len(kept)} in, {len(kept)} out, dropped: none" in capsys.readouterr().out
    rows = open_dataset(tmp_path / "results" / "datasets" / "E-200").intervals
    assert (rows["label"][rows["split"] == split] == 0).all()
    assert (rows["split"] == split).sum() == 15
    with pytest.raises(SystemExit) as stop:
        command(tmp_path, "train")
    assert stop.value.code == (
        f"regdna train: E: no {split} chromosome has a positive bin; check the peaks and the split"
    )


def test_peaks_on_chromosomes_that_the_world_leaves_out_are_counted(world, tmp_path, capsys):
    _, change = world
    change(chromosomes=("two", "three"))
    command(tmp_path)
    assert "select (ref), peaks: 6 in, 3 out, dropped: 3 other chromosome\n" in capsys.readouterr().out
