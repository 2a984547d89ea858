import itertools

import numpy as np
import pandas as pd
import pytest
from drawn import SIZES, chain_lists
from hypothesis import given, settings
from hypothesis import strategies as st
from liftover import ChainFile

from regdna.data.chains import read_chains
from regdna.data.liftover import MERGE_GAP, STATUSES, aligned_pieces, lift
from regdna.worlds.writers import Chain, write_chains


def make(tmp_path, *chains):
    """Write and read chains given as (score, t_name, q_name, strand, blocks of (t, q, size))."""
    made = [
        Chain(score, t_name, SIZES[t_name], q_name, SIZES[q_name], strand == "-", *np.array(blocks).T)
        for score, t_name, q_name, strand, blocks in chains
    ]
    write_chains(tmp_path / "made.chain", made)
    return read_chains(tmp_path / "made.chain", tmp_path)


def one(chains, chrom, start, end, **settings):
    """Status, place, strand and number of pieces of one interval."""
    lifted = lift(chains, [chrom], [start], [end], **settings)
    return tuple(column[0] for column in lifted[1:-1])


def oracle(drawn, chrom, start, end, merge_gap=20, min_match=0.0, all_chains=False):
    """Lift base by base, with a dictionary for each chain; one row, or with all chains one for each that aligns."""
    spanned, rows = False, []
    for chain in sorted(drawn, key=lambda chain: -chain.score):
        if chain.t_name != chrom:
            continue
        goes_to = {}
        for number, (t, q, size) in enumerate(zip(chain.t_start, chain.q_start, chain.size)):
            for i in range(size):
                goes_to[t + i] = (q + i, number)
        spanned |= any(chain.t_start[0] <= base < chain.t_start[-1] + chain.size[-1] for base in range(start, end))
        aligned = [goes_to[base] for base in range(start, end) if base in goes_to]
        if not aligned or (rows and not all_chains):
            continue
        counts = len({number for _, number in aligned}), len(aligned)
        places = [place for place, _ in aligned]
        if len(aligned) < min_match * (end - start):
            rows.append(("partial", "", -1, -1, "", *counts))
        elif any(after - before - 1 >= merge_gap for before, after in itertools.pairwise(places)):
            rows.append(("split", "", -1, -1, "", *counts))
        else:
            if chain.minus:
                places = [chain.q_size - 1 - place for place in places]
            place = chain.q_name, min(places), max(places) + 1, "-" if chain.minus else "+"
            rows.append(("lifted", *place, *counts))
    return rows or [("deleted" if spanned else "unmapped", "", -1, -1, "", 0, 0)]


queries = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 700), st.integers(1, 200)), min_size=1, max_size=40)
options = st.fixed_dictionaries(
    {},
    optional={
        "merge_gap": st.integers(1, 60),
        "min_match": st.sampled_from([0.05, 0.5, 0.95, 1.0]),
        "all_chains": st.just(True),
    },
)


@settings(max_examples=400)
@given(chain_lists, queries, options)
def test_against_base_by_base_lifting(tmp_path_factory, drawn, queries, options):
    folder = tmp_path_factory.mktemp("lift")
    write_chains(folder / "drawn.chain", drawn)
    chrom, start, size = map(np.array, zip(*queries))
    lifted = lift(read_chains(folder / "drawn.chain", folder), chrom, start, start + size, **options)
    found = list(zip(*(column.tolist() for column in lifted)))
    rows = [oracle(drawn, c, s, s + n, **options) for c, s, n in zip(chrom, start, size)]
    assert found == [(i, *row) for i, several in enumerate(rows) for row in several]
    if "all_chains" not in options:
        assert lifted.interval.tolist() == list(range(len(queries)))


@settings(max_examples=100)
@given(chain_lists, queries)
def test_aligned_pieces_are_those_of_the_best_chain(tmp_path_factory, drawn, queries):
    folder = tmp_path_factory.mktemp("pieces")
    write_chains(folder / "drawn.chain", drawn)
    chains = read_chains(folder / "drawn.chain", folder)
    chrom, start, size = map(np.array, zip(*queries))
    lifted, pieces = lift(chains, chrom, start, start + size), aligned_pieces(chains, chrom, start, start + size)
    assert np.bincount(pieces.interval, minlength=len(start)).tolist() == lifted.pieces.tolist()
    assert np.bincount(pieces.interval, pieces.size, len(start)).tolist() == lifted.mapped.tolist()
    assert (np.diff(pieces.interval) >= 0).all()
    best = sorted(drawn, key=lambda chain: -chain.score)
    for i, chain, at, length, to in zip(*pieces):
        chain = best[chain]
        assert chain.t_name == chrom[i] and start[i] <= at and at + length <= start[i] + size[i]
        block = np.searchsorted(chain.t_start, at, side="right") - 1
        assert at + length <= chain.t_start[block] + chain.size[block]
        assert to == chain.q_start[block] + at - chain.t_start[block]


def test_the_drawn_cases_reach_every_status(tmp_path):
    chains = make(tmp_path, (10, "a", "x", "+", [(100, 100, 50), (200, 150, 50), (270, 300, 50)]))
    lifted = lift(chains, ["a"] * 4, [100, 260, 160, 400], [250, 275, 190, 450])
    assert lifted.status.tolist() == ["lifted", "lifted", "deleted", "unmapped"]
    assert one(chains, "a", 240, 280)[0] == "split"
    assert one(chains, "a", 60, 160, min_match=0.51)[0] == "partial"
    assert one(chains, "a", 60, 160, min_match=0.5)[0] == "lifted"
    assert set(STATUSES) == {"lifted", "split", "partial", "deleted", "unmapped"}


@pytest.mark.parametrize("minus", ["+", "-"])
def test_a_gap_of_19_merges_and_one_of_20_splits(tmp_path, minus):
    assert MERGE_GAP == 20
    near = make(tmp_path, (10, "a", "x", minus, [(100, 200, 50), (150, 269, 50)]))
    start, end = (200, 319) if minus == "+" else (1100 - 319, 1100 - 200)
    assert one(near, "a", 100, 200) == ("lifted", "x", start, end, minus, 2)
    (tmp_path / "far").mkdir()
    far = make(tmp_path / "far", (10, "a", "x", minus, [(100, 200, 50), (150, 270, 50)]))
    assert one(far, "a", 100, 200) == ("split", "", -1, -1, "", 2)
    assert one(far, "a", 100, 200, merge_gap=21)[0] == "lifted"
    assert one(far, "a", 100, 150)[0] == "lifted"


def test_a_gap_on_the_first_genome_alone_never_splits(tmp_path):
    chains = make(tmp_path, (10, "a", "x", "+", [(100, 200, 50), (400, 250, 50)]))
    assert one(chains, "a", 100, 450) == ("lifted", "x", 200, 300, "+", 2)


def test_part_of_a_block(tmp_path):
    chains = make(tmp_path, (10, "a", "x", "+", [(100, 200, 50)]))
    assert one(chains, "a", 110, 120) == ("lifted", "x", 210, 220, "+", 1)
    assert one(chains, "a", 90, 101) == ("lifted", "x", 200, 201, "+", 1)
    assert one(chains, "a", 149, 999) == ("lifted", "x", 249, 250, "+", 1)
    assert one(chains, "a", 150, 151)[0] == "unmapped"
    assert one(chains, "a", 99, 100)[0] == "unmapped"


def test_the_minus_strand(tmp_path):
    chains = make(tmp_path, (10, "a", "x", "-", [(100, 200, 50)]))
    # Base 110 goes to 210 on the reverse strand of 1100 bases: 889 on the forward strand.
    assert one(chains, "a", 110, 120) == ("lifted", "x", 880, 890, "-", 1)


def test_a_peak_in_a_gap_is_deleted_and_one_beside_the_chains_is_unmapped(tmp_path):
    chains = make(tmp_path, (10, "a", "x", "+", [(100, 200, 50), (300, 250, 50)]))
    assert one(chains, "a", 150, 300) == ("deleted", "", -1, -1, "", 0)
    assert one(chains, "a", 350, 400) == ("unmapped", "", -1, -1, "", 0)
    assert one(chains, "b", 150, 300) == ("unmapped", "", -1, -1, "", 0)


def test_the_best_chain_is_the_one_of_the_highest_score(tmp_path):
    wide, narrow = [(100, 200, 100)], [(150, 500, 10)]
    chains = make(tmp_path, (10, "a", "x", "+", wide), (11, "a", "y", "+", narrow))
    assert one(chains, "a", 100, 200) == ("lifted", "y", 500, 510, "+", 1)
    assert one(chains, "a", 100, 150) == ("lifted", "x", 200, 250, "+", 1)


def test_a_better_chain_that_aligns_no_base_is_passed_over(tmp_path):
    chains = make(tmp_path, (99, "a", "x", "+", [(0, 0, 50), (400, 50, 50)]), (1, "a", "y", "+", [(100, 7, 50)]))
    assert one(chains, "a", 110, 120) == ("lifted", "y", 17, 27, "+", 1)


def test_the_best_chain_decides_even_if_it_splits(tmp_path):
    chains = make(tmp_path, (99, "a", "x", "+", [(0, 0, 50), (50, 90, 50)]), (1, "a", "y", "+", [(0, 0, 100)]))
    assert one(chains, "a", 0, 100)[0] == "split"


def test_of_equal_scores_the_first_of_the_file_wins(tmp_path):
    blocks = [(0, 10, 50)]
    chains = make(tmp_path, (5, "a", "y", "+", blocks), (5, "a", "x", "+", blocks))
    assert one(chains, "a", 0, 50)[1] == "y"


def test_rows_keep_their_order(tmp_path):
    chains = make(tmp_path, (5, "b", "y", "+", [(0, 0, 500)]), (5, "a", "x", "+", [(0, 100, 500)]))
    lifted = lift(chains, ["b", "a", "b", "a"], [300, 200, 100, 0], [310, 210, 110, 10])
    assert lifted.to_chrom.tolist() == ["y", "x", "y", "x"]
    assert lifted.to_start.tolist() == [300, 300, 100, 100]


@pytest.mark.parametrize("all_chains", [False, True])
def test_no_interval(tmp_path, all_chains):
    chains = make(tmp_path, (5, "a", "x", "+", [(0, 0, 5)]))
    lifted = lift(chains, [], [], [], all_chains=all_chains)
    assert all(len(column) == 0 for column in (*lifted, *aligned_pieces(chains, [], [], [])))


@pytest.mark.parametrize("end", [10, 9])
def test_an_empty_interval_is_an_error(tmp_path, end):
    chains = make(tmp_path, (5, "a", "x", "+", [(0, 0, 50)]))
    with pytest.raises(ValueError, match=rf"interval 1 \(a:10-{end}\): end is not after start"):
        lift(chains, ["a", "a"], [0, 10], [5, end])


def test_table_puts_the_result_beside_its_input(tmp_path):
    chains = make(tmp_path, (5, "a", "x", "+", [(0, 100, 50)]))
    peaks = pd.DataFrame({"chrom": ["a", "b"], "start": [0, 0], "end": [10, 10], "name": ["p", "q"], "score": [1, 2]})
    table = lift(chains, peaks["chrom"], peaks["start"], peaks["end"]).table(peaks.set_index(pd.Index([7, 9])))
    assert table.to_dict("records") == [
        dict(chrom="a", start=0, end=10, name="p", status="lifted", to_chrom="x", to_start=100, to_end=110)
        | dict(strand="+", pieces=1, mapped=10),
        dict(chrom="b", start=0, end=10, name="q", status="unmapped", to_chrom="", to_start=-1, to_end=-1)
        | dict(strand="", pieces=0, mapped=0),
    ]


def test_all_chains_in_the_order_of_their_scores(tmp_path):
    blocks = [(100, 200, 50)]
    chains = make(tmp_path, (10, "a", "x", "+", blocks), (11, "a", "y", "+", [(120, 500, 10)]))
    lifted = lift(chains, ["b", "a", "a"], [0, 100, 140], [9, 150, 150], all_chains=True)
    assert lifted.interval.tolist() == [0, 1, 1, 2]
    assert lifted.status.tolist() == ["unmapped", "lifted", "lifted", "lifted"]
    assert lifted.to_chrom.tolist() == ["", "y", "x", "x"]
    assert lifted.mapped.tolist() == [0, 10, 50, 10]


def test_a_coordinate_beyond_all_genomes_changes_no_other_row(tmp_path):
    chains = make(tmp_path, (5, "a", "x", "+", [(0, 100, 50)]), (4, "b", "y", "+", [(0, 7, 50)]))
    far = 2 * 2**40
    lifted = lift(chains, ["a", "c", "a", "b"], [far, far, 0, 10], [far + 9, far + 9, 10, 20])
    assert lifted.status.tolist() == ["unmapped", "unmapped", "lifted", "lifted"]
    assert lifted.to_start.tolist() == [-1, -1, 100, 17]


def test_an_interval_before_a_chromosome_changes_no_other_row(tmp_path):
    chains = make(tmp_path, (5, "a", "x", "+", [(0, 100, 50)]), (4, "b", "y", "+", [(0, 7, 50)]))
    far = 2 * 2**40
    chrom, start = ["a", "", "b", "a", "z", "b"], [-5, far, -9, far, -1, 40]
    lifted = lift(chains, chrom, start, [5, far + 9, -1, far + 9, 9, far])
    assert lifted.status.tolist() == ["lifted", "unmapped", "unmapped", "unmapped", "unmapped", "lifted"]
    assert lifted.mapped.tolist() == [5, 0, 0, 0, 0, 10]
    assert lifted.to_start.tolist() == [100, -1, -1, -1, -1, 47]


def test_behind_the_last_block(tmp_path):
    chains = make(tmp_path, (5, "a", "x", "+", [(100, 100, 50)]), (5, "b", "x", "+", [(0, 0, 900)]))
    lifted = lift(chains, list("aaaabb"), [149, 150, 999, 5000, 899, 900], [9999, 151, 1000, 6000, 901, 901])
    assert lifted.status.tolist() == ["lifted", "unmapped", "unmapped", "unmapped", "lifted", "unmapped"]
    assert lifted.to_end.tolist() == [150, -1, -1, -1, 900, -1]


@pytest.mark.parametrize("minus", [False, True])
@pytest.mark.parametrize(("size", "bits"), [(2**31 - 1, 32), (2**31 + 1000, 64)])
def test_at_the_end_of_32_bits(tmp_path, size, bits, minus):
    first, blocks = size - 200, np.array([0, 150])
    chain = Chain(5, "a", size, "x", size, minus, first + blocks, first + blocks, np.array([100, 50]))
    write_chains(tmp_path / "long.chain", [chain])
    chains = read_chains(tmp_path / "long.chain", tmp_path)
    assert chains.block_end.dtype == f"int{bits}" and chains.block_end[-1] == size
    start = np.array([size - 1, size - 60, size - 300, size, size - 90, 0])
    end = np.array([size, size + 2**40, size - 110, size + 10, size - 60, 2**62])
    lifted = lift(chains, ["a"] * 6, start, end, merge_gap=51)
    assert lifted.status.tolist() == ["lifted", "lifted", "lifted", "unmapped", "deleted", "lifted"]
    assert lifted.mapped.tolist() == [1, 50, 90, 0, 0, 150]
    left = np.array([size - 1, size - 50, size - 200, -1, -1, size - 200])
    right = np.array([size, size, size - 110, -1, -1, size])
    if minus:
        left, right = (np.where(left < 0, -1, size - ends) for ends in (right, left))
    assert lifted.to_start.tolist() == left.tolist() and lifted.to_end.tolist() == right.tolist()
    pieces = aligned_pieces(chains, ["a"] * 6, start, end)
    assert pieces.interval.tolist() == [0, 1, 2, 5, 5] and pieces.size.tolist() == [1, 50, 90, 100, 50]
    assert pieces.to.tolist() == (size - np.array([1, 50, 200, 200, 50])).tolist()


def test_more_rows_than_intervals(tmp_path):
    made = range(300)
    chains = make(tmp_path, *((i + 1, "a", "x", "+", [(i % 50, 3 * i, 100)]) for i in made))
    lifted = lift(chains, ["a", "b", "a"], [60, 0, 0], [70, 9, 1], all_chains=True)
    assert np.bincount(lifted.interval).tolist() == [300, 1, 6]
    assert lifted.to_start[:300].tolist() == [3 * i + 60 - i % 50 for i in reversed(made)]
    assert lifted.to_start[300:].tolist() == [-1, *(3 * i for i in reversed(made[::50]))]
    assert lifted.status[300] == "unmapped" and set(lifted.mapped[:300]) == {10}


@pytest.mark.parametrize("all_chains", [False, True])
def test_blocks_in_long_blocks(tmp_path, all_chains):
    """Short blocks begin and end within long ones of other chains, and intervals within other intervals."""
    rng = np.random.default_rng(3)
    blocks = [[(rng.integers(0, 600), rng.integers(0, 600), size)] for size in (400, 300, 5, *rng.integers(1, 20, 40))]
    drawn = [Chain(i % 7, "a", 1000, "x", 1100, i % 2 == 0, *np.array(b).T) for i, b in enumerate(blocks)]
    write_chains(tmp_path / "nested.chain", drawn)
    start = rng.integers(0, 1000, 200)
    end = start + rng.choice([1, 10, 500], 200)
    lifted = lift(read_chains(tmp_path / "nested.chain", tmp_path), ["a"] * 200, start, end, all_chains=all_chains)
    rows = [oracle(drawn, "a", s, e, all_chains=all_chains) for s, e in zip(start.tolist(), end.tolist())]
    found = list(zip(*(column.tolist() for column in lifted)))
    assert found == [(i, *row) for i, several in enumerate(rows) for row in several]
    assert lifted.mapped.max() > 300


def test_min_match_is_met_by_just_that_share(tmp_path):
    chains = make(tmp_path, (5, "a", "x", "+", [(0, 0, 55)]))
    assert one(chains, "a", 0, 100, min_match=0.55)[0] == "lifted"
    assert one(chains, "a", 0, 100, min_match=0.56)[0] == "partial"


@pytest.mark.parametrize("gap", [0, -5])
def test_a_merge_gap_below_one(tmp_path, gap):
    with pytest.raises(ValueError, match=f"merge_gap {gap}: it must be at least 1"):
        lift(make(tmp_path, (5, "a", "x", "+", [(0, 0, 5)])), ["a"], [0], [5], merge_gap=gap)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_min_match_that_is_no_share(tmp_path, share):
    with pytest.raises(ValueError, match=r"min_match .* is not between 0 and 1"):
        lift(make(tmp_path, (5, "a", "x", "+", [(0, 0, 5)])), ["a"], [0], [5], min_match=share)


def compare_points(path, chrom, positions, cache):
    """Hold single positions against the liftover package; return how many of them it maps once."""
    lifted = lift(read_chains(path, cache), [chrom] * len(positions), positions, positions + 1)
    theirs = ChainFile(str(path))
    once = 0
    for position, *ours in zip(positions.tolist(), lifted.status, lifted.to_chrom, lifted.to_start, lifted.strand):
        matches = theirs.query(chrom, position)
        if len(matches) == 1:
            once += 1
            assert ours == ["lifted", *matches[0]]
        elif matches:
            assert ours[0] == "lifted" and tuple(ours[1:]) in matches
        else:
            assert ours[0] in ("deleted", "unmapped")
    return once


@settings(max_examples=40)
@given(chain_lists)
def test_points_against_the_liftover_package(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("points")
    write_chains(folder / "drawn.chain.gz", drawn)
    for chrom in {chain.t_name for chain in drawn}:
        compare_points(folder / "drawn.chain.gz", chrom, np.arange(800), folder)


def test_points_of_a_drawn_case_are_mapped(tmp_path):
    make(tmp_path, (10, "a", "x", "-", [(100, 200, 50), (170, 250, 30)]))
    assert compare_points(tmp_path / "made.chain", "a", np.arange(300), tmp_path) == 80


def test_human_points_against_the_liftover_package(human_chain_file, tmp_path):
    rng = np.random.default_rng(1)
    chains = read_chains(human_chain_file, tmp_path)
    once = 0
    for chrom in ("1", "9", "17", "X"):
        blocks = chains.on(chrom)
        anywhere = rng.integers(0, blocks.end.max() + 100, 500)
        edges = np.concatenate([blocks.start, blocks.end])
        near = rng.choice(edges, 500) + rng.integers(-2, 3, 500)
        once += compare_points(human_chain_file, chrom, np.r_[anywhere, near].clip(0), tmp_path)
    assert once > 1500
