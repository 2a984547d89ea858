import gzip
import os
import re
import zlib

import numpy as np
import pytest
from drawn import chain_lists
from hypothesis import given

from regdna.data import chain_parser
from regdna.data import chains as module
from regdna.data.chains import read_chains
from regdna.worlds.writers import write_chains

TWO = (
    b"chain 50 a 1000 + 10 115 x 1100 + 20 120 1\n30\t5\t0\n40\t10\t10\n20\n\nchain 90 b 900 + 0 7 y 800 - 1 8 2\n7\n\n"
)


@pytest.fixture
def read(tmp_path):
    """Write some content as a chain file and read it."""

    def write_and_read(content, name="some.chain"):
        (tmp_path / name).write_bytes(content)
        return read_chains(tmp_path / name, tmp_path / "cache")

    return write_and_read


def assert_equal(one, other):
    for field in one._fields:
        assert np.array_equal(getattr(one, field), getattr(other, field)), field


def test_exact_arrays(read):
    chains = read(TWO)
    assert chains.score.tolist() == [90, 50]  # the best first
    assert chains.t_names.tolist() == ["a", "b"] and chains.t_sizes.tolist() == [1000, 900]
    assert chains.q_names.tolist() == ["x", "y"] and chains.q_sizes.tolist() == [1100, 800]
    assert chains.t_chrom.tolist() == [1, 0] and chains.q_chrom.tolist() == [1, 0]
    assert chains.lengths == {"a": 1000, "b": 900}
    assert chains.t_start.tolist() == [0, 10] and chains.t_end.tolist() == [7, 115]
    assert chains.minus.tolist() == [True, False]
    assert chains.block_start.tolist() == [10, 45, 95, 0]
    assert chains.block_to.tolist() == [20, 50, 100, 1]
    assert chains.block_end.tolist() == [40, 85, 115, 7]
    assert chains.block_chain.tolist() == [1, 1, 1, 0]
    assert chains.block_offset.tolist() == [0, 3, 4]


def test_score_is_an_integer_array(read):
    assert read(TWO).score.dtype == np.int64


def test_blocks_of_one_chromosome(read):
    chains = read(TWO)
    assert [column.tolist() for column in chains.on("b")] == [[0], [7], [1], [0]]
    assert chains.on("a").start.tolist() == [10, 45, 95]
    for unknown in ("", "aa", "z"):
        assert len(chains.on(unknown).start) == 0


def test_a_chromosome_with_empty_blocks_only(read):
    chains = read(b"chain 9 Z 1000 + 0 0 x 1100 + 0 0 3\n0\n\n" + TWO + b"chain 9 A 1000 + 0 0 x 1100 + 0 0 3\n0\n\n")
    assert [len(chains.on(name).start) for name in ("A", "Z", "a", "b")] == [0, 0, 3, 1]


def test_chromosomes_beyond_the_reach_of_32_bits(read):
    size = 2**31 + 1000
    long = f"chain 5 a {size} + {size - 60} {size} x 1100 + 0 60 1\n60\n\n".encode()
    chains = read(long)
    assert chains.block_start.dtype == np.int64
    assert (chains.block_start[0], chains.block_end[0]) == (size - 60, size)
    both = read(TWO + long.replace(b" a ", b" c "), "both.chain")
    assert both.block_start.tolist() == [10, 45, 95, 0, size - 60] and both.block_end[-1] == size


def test_a_file_is_parsed_piece_by_piece(read, monkeypatch):
    text = b"".join(
        b"chain %d a 1000 + %d %d x 1100 - %d %d %d\n6\t2\t1\n3\n\n" % (i % 7, i, i + 11, i, i + 10, i)
        for i in range(400)
    )
    whole = read(text, "whole.chain")
    monkeypatch.setattr(chain_parser, "PIECE", 100)
    assert_equal(read(text, "pieces.chain"), whole)
    assert whole.block_chain.max() == 399 and len(whole.block_start) == 800
    broken = text.replace(b"chain 3 a 1000 + 388", b"chain 3 a 1000 + 387")
    line = 5 * 388 - 388 + 1
    with pytest.raises(ValueError, match=rf"line {line}, chain 'chain 3 a 1000 \+ 387 .*first genome"):
        read(broken, "broken.chain")


def test_a_chromosome_of_two_sizes_is_an_error(read):
    with pytest.raises(ValueError, match=r"line 6, chain .*: a has 900 bases here and 1000 in an earlier chain"):
        read(TWO.replace(b"b 900", b"a 900"))


def test_chains_are_held_against_their_genomes(read, tmp_path):
    chains = read(TWO)
    chains.check_genomes({"a": 1000, "b": 900, "c": 5}, {"x": 1100, "z": 8}, "some.chain")
    with pytest.raises(ValueError, match=r"some\.chain: b has 900 bases in the chains and 901 in the reference"):
        chains.check_genomes({"a": 1000, "b": 901}, {"x": 1100}, "some.chain")
    with pytest.raises(ValueError, match=r"y has 800 bases in the chains and 7 in the other genome"):
        chains.check_genomes({"a": 1000}, {"y": 7}, "some.chain")
    with pytest.raises(ValueError, match=r"its chromosomes \(a, b\) are not those of the reference \(chra, chrb\)"):
        chains.check_genomes({"chra": 1000, "chrb": 900}, {"x": 1100}, "some.chain")


@given(chain_lists)
def test_what_is_written_is_read(tmp_path_factory, drawn):
    path = tmp_path_factory.mktemp("chains") / "drawn.chain.gz"
    write_chains(path, drawn)
    chains = read_chains(path, path.parent)
    expected = sorted(drawn, key=lambda chain: -chain.score)
    assert len(chains.score) == len(expected)
    for number, chain in enumerate(expected):
        assert (chains.score[number], chains.minus[number]) == (chain.score, chain.minus)
        for side in "tq":
            place = getattr(chains, f"{side}_chrom")[number]
            assert getattr(chains, f"{side}_names")[place] == getattr(chain, f"{side}_name")
            assert getattr(chains, f"{side}_sizes")[place] == getattr(chain, f"{side}_size")
        assert chains.t_start[number] == chain.t_start[0]
        assert chains.t_end[number] == chain.t_start[-1] + chain.size[-1]
        here = chains.on(chain.t_name)
        own = here.chain == number
        assert here.start[own].tolist() == chain.t_start.tolist()
        assert here.to[own].tolist() == chain.q_start.tolist()
        assert (here.end - here.start)[own].tolist() == chain.size.tolist()
    assert len(chains.block_start) == sum(len(chain.size) for chain in drawn)
    for name in chains.t_names:
        assert (np.diff(chains.on(name).start) >= 0).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(b"\t", b" "),
        lambda text: text.replace(b" ", b"\t"),
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: text.rstrip(b"\n"),
        lambda text: text.replace(b"\n\n", b"\n"),
        lambda text: b"##matrix=1\n# a comment\n" + text.replace(b"\n40", b"\n#x\n40"),
        lambda text: text.replace(b" 1\n30", b"\n30"),  # a chain without its number
        lambda text: text.replace(b"20\n\n", b"0\t0\t0\n20\n\n"),  # an empty block
        gzip.compress,
    ],
    ids=["spaces", "tabs", "crlf", "no newline", "no blank lines", "comments", "no id", "empty block", "gzip"],
)
def test_other_spellings_read_the_same(read, change):
    assert_equal(read(change(TWO), "changed.chain"), read(TWO))


def test_gzip_is_known_by_content_not_by_name(read):
    assert_equal(read(gzip.compress(TWO), "plain.chain"), read(TWO, "zipped.chain.gz"))


def test_of_equal_scores_the_first_in_the_file_is_the_better(read):
    chains = read(TWO.replace(b"chain 90", b"chain 50"))
    assert chains.t_chrom.tolist() == [0, 1]


def test_the_cache_is_used_the_second_time(read, tmp_path, monkeypatch):
    first = read(TWO)
    assert len(list((tmp_path / "cache").glob("some.chain-*.npz"))) == 1
    monkeypatch.setattr(module, "parse", lambda *_: pytest.fail("parsed again"))
    assert_equal(read_chains(tmp_path / "some.chain", tmp_path / "cache"), first)


def test_the_cache_is_refreshed_when_the_file_changes(read, tmp_path):
    read(TWO)
    path = tmp_path / "some.chain"
    longer = TWO + b"chain 1 b 900 + 0 3 y 800 + 1 4 3\n3\n\n"
    assert len(read(longer).score) == 3
    path.write_bytes(longer.replace(b"b 900", b"c 900"))  # same size, other time
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))
    assert read_chains(path, tmp_path / "cache").t_names.tolist() == ["a", "c"]
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("ending", [".npz", ".npy"])
@pytest.mark.parametrize("kept", [0, 60, -1, None])
def test_a_damaged_cache_is_made_anew(read, tmp_path, ending, kept):
    first = read(TWO)
    (part,) = (tmp_path / "cache").glob(f"*{ending}")
    whole = part.read_bytes()
    if kept is None:
        part.unlink()
    else:
        part.write_bytes(whole[:kept])
    assert_equal(read_chains(tmp_path / "some.chain", tmp_path / "cache"), first)
    assert part.read_bytes() == whole


def test_a_cache_that_vanishes_while_it_is_opened(read, tmp_path, monkeypatch):
    """Another process makes it anew at this moment."""
    first, load = read(TWO), np.load

    def vanish(path, **options):
        path.unlink()
        return load(path, **options)

    monkeypatch.setattr(np, "load", vanish)
    assert_equal(read_chains(tmp_path / "some.chain", tmp_path / "cache"), first)


def test_a_cache_that_could_not_be_finished_is_not_taken_for_an_earlier_one(read, tmp_path, monkeypatch):
    first, path = read(TWO), tmp_path / "some.chain"
    stamp = path.stat().st_mtime_ns

    def fail(*args, **arrays):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", fail)
        other = read(TWO + b"chain 1 b 900 + 0 3 y 800 + 1 4 3\n3\n\n")
    assert len(other.score) == 3
    path.write_bytes(TWO)
    os.utime(path, ns=(1, stamp))
    assert_equal(read_chains(path, tmp_path / "cache"), first)


def test_files_of_one_name_do_not_share_a_cache(tmp_path):
    for folder, content in (("one", TWO), ("two", TWO.replace(b"chain 90 b", b"chain 90 c"))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.chain").write_bytes(content)
        os.utime(tmp_path / folder / "same.chain", (5, 5))
    names = [read_chains(tmp_path / f / "same.chain", tmp_path / "cache").t_names.tolist() for f in ("one", "two")]
    assert names == [["a", "b"], ["a", "c"]]


def test_the_default_cache_is_the_users(tmp_path, own_cache):
    path = tmp_path / "default_cache.chain"
    path.write_bytes(TWO)
    read_chains(path)
    assert len(list((own_cache / "regdna" / "chains").glob("default_cache.chain-*.npz"))) == 1


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"chain file .*none\.chain does not exist"):
        read_chains(tmp_path / "none.chain", tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"hello\n", b"30\t5\t0\n" + TWO, b"chain\n", b">chr1\nACGT\n"])
def test_not_a_chain_file(read, content):
    with pytest.raises(ValueError, match=r"some\.chain: not a chain file; its first line is not a chain header"):
        read(content)


@pytest.mark.parametrize("lost", [1, 9, 60])
def test_truncated_gzip(read, lost):
    with pytest.raises(ValueError, match=r"some\.chain\.gz: truncated or damaged gzip file .*download it again"):
        read(gzip.compress(TWO)[:-lost], "some.chain.gz")


def test_damaged_gzip(read):
    content = gzip.compress(b"")[:10] + b"\xff" * 40
    with pytest.raises(zlib.error):  # the damage is of the kind that zlib itself reports
        gzip.decompress(content)
    with pytest.raises(ValueError, match=r"some\.chain\.gz: truncated or damaged gzip file"):
        read(content, "some.chain.gz")


THIRD = b"chain 7 c 100 + 10 60 x 1100 + 20 75 3\n30\t5\t10\n15\n"


@pytest.mark.parametrize("kept", range(THIRD.index(b"\n"), len(THIRD) - 2))
def test_truncated_in_the_block_lines(read, kept):
    line = (TWO + THIRD[:1]).count(b"\n") + 1
    with pytest.raises(ValueError, match=rf"some\.chain line {line}, chain 'chain 7 c 100 .*': its block"):
        read(TWO + THIRD[:kept])


def test_a_chain_without_block_lines_is_incomplete(read):
    with pytest.raises(ValueError, match="its block lines are incomplete; the file is truncated or damaged"):
        read(TWO + THIRD[: THIRD.index(b"\n") + 1])


@pytest.mark.parametrize("kept", range(len(b"chain 7"), THIRD.index(b" 75")))
def test_truncated_in_a_header(read, kept):
    with pytest.raises(
        ValueError, match=r"some\.chain line 9, chain 'chain 7.*': \d+ fields in the header, expected 13"
    ):
        read(TWO + THIRD[:kept])


@pytest.mark.parametrize(
    "old, new, problem",
    [
        (b"+ 10 115", b"+ 10 116", "its blocks do not end where the header says (first genome)"),
        (b"+ 10 115", b"+ 11 115", "its blocks do not end where the header says (first genome)"),
        (b"+ 20 120", b"+ 20 119", "its blocks do not end where the header says (second genome)"),
        (b"40\t10\t10", b"40\t10\t11", "its blocks do not end where the header says (second genome)"),
        (b"40\t10\t10", b"50\t0\t0", None),  # both ends agree: not an error
        (b"a 1000", b"a 114", "it runs beyond a chromosome's end"),
        (b"x 1100", b"x 119", "it runs beyond a chromosome's end"),
        (b"a 1000 + 10 115", b"a 1000 + -10 95", "it runs beyond a chromosome's end"),
        (b"40\t10\t10", b"60\t-10\t-10", "negative number in a block line"),
        (b"40\t10\t10", b"40\t10", "its block lines are incomplete; the file is truncated or damaged"),
        (b"40\t10\t10", b"40\tx\t10", "a field that must be an integer is not"),
        (b"40\t10\t10", b"40.5\t10\t10", "a field that must be an integer is not"),
        (b"a 1000", b"a 1e3", "a field that must be an integer is not"),
        (b"+ 10 115", b"+ ten 115", "a field that must be an integer is not"),
        (b"chain 50", b"chain best", "a field that must be an integer is not"),
        (b"a 1000 +", b"a 1000 -", "strands must be + for the first genome and + or - for the second"),
        (b"x 1100 +", b"x 1100 *", "strands must be + for the first genome and + or - for the second"),
        (b" 120 1\n", b" 120 1 2\n", "14 fields in the header, expected 13"),
        (b" 20 120 1\n", b"\n", "10 fields in the header, expected 13"),
    ],
)
def test_header_and_blocks_are_held_against_each_other(read, old, new, problem):
    content = b"#first line\n" + TWO.replace(old, new)
    assert content.count(new) and content != b"#first line\n" + TWO
    if problem is None:
        assert (read(content).block_end - read(content).block_start).tolist() == [30, 50, 20, 7]
        return
    with pytest.raises(ValueError, match=r"some\.chain line 2, chain 'chain .*': " + re.escape(problem)):
        read(content)


def test_an_error_leaves_no_cache(read, tmp_path):
    with pytest.raises(ValueError):
        read(TWO[:-4])
    assert not (tmp_path / "cache").exists()


def test_human_chain_file(human_chain_file, tmp_path):
    chains = read_chains(human_chain_file, tmp_path)
    with gzip.open(human_chain_file, "rt") as file:
        lines = [line.split() for line in file]
    headers = [fields for fields in lines if fields[:1] == ["chain"]]
    numbers = [list(map(int, fields)) for fields in lines if fields and fields[0] != "chain"]
    assert len(chains.score) == len(headers)
    assert chains.minus.sum() == sum(fields[9] == "-" for fields in headers)
    assert set(chains.t_names) == {fields[2] for fields in headers}
    assert len(chains.block_start) == sum(numbers_[0] > 0 for numbers_ in numbers)
    assert (chains.block_end - chains.block_start).sum() == sum(numbers_[0] for numbers_ in numbers)
    for i in (0, len(headers) // 2, len(headers) - 1):  # all scores are equal, so the file's order is kept
        name, start = headers[i][2], int(headers[i][5])
        here = chains.on(name)
        assert here.start[here.chain == i][0] == start
    assert_equal(read_chains(human_chain_file, tmp_path), chains)
