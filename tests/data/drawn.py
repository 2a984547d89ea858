"""Chains as hypothesis draws them: overlapping, gapped, on both strands, often of equal scores."""

import numpy as np
from hypothesis import strategies as st

from regdna.worlds.writers import Chain

SIZES = {"a": 1000, "b": 900, "x": 1100, "y": 800}
GAPS = st.sampled_from([0, 0, 1, 3, 18, 19, 20, 21, 40])  # around the merge gap


@st.composite
def one_chain(draw):
    count = draw(st.integers(1, 5))
    size = np.array(draw(st.lists(st.integers(1, 40), min_size=count, max_size=count)))
    gaps = np.array(draw(st.lists(st.tuples(GAPS, GAPS), min_size=count - 1, max_size=count - 1))).reshape(-1, 2)
    before = np.cumsum(size)[:-1]
    return Chain(
        draw(st.sampled_from([10, 10, 25, 3_000_000_000])),
        t_name := draw(st.sampled_from("ab")),
        SIZES[t_name],
        q_name := draw(st.sampled_from("xy")),
        SIZES[q_name],
        draw(st.booleans()),
        draw(st.integers(0, 300)) + np.r_[0, before + np.cumsum(gaps[:, 0])].astype(np.int64),
        draw(st.integers(0, 300)) + np.r_[0, before + np.cumsum(gaps[:, 1])].astype(np.int64),
        size.astype(np.int64),
    )


chain_lists = st.lists(one_chain(), min_size=1, max_size=5)
