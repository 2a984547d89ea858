import pytest
import torch
from torch.nn import functional

from regdna.models.genebert import GeneBERT, GeneBERTConfig
from regdna.models.splice_labeler import ConvolutionalSpliceLabeler, KmerSpliceLabeler, near_attention


def encoder(k=4, layers=2, **others):
    torch.manual_seed(0)
    config = GeneBERTConfig(
        k=k,
        regions=2,
        crop=12,
        motifs=16,
        hidden_size=16,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
        region_encoder="mlp",
        region_image="native",
        projection=4,
        initializer_range=0.4,
        **others,
    )
    return GeneBERT(config)


def labeler(kind, context, **others):
    network = ConvolutionalSpliceLabeler(context, 8) if kind == "cnn" else KmerSpliceLabeler(encoder(**others), context)
    return network.eval()


@pytest.mark.parametrize("others", [{}, {"k": 3, "layers": 1}, {"k": 6, "layers": 4}])
@pytest.mark.parametrize(
    "kind, context", [("cnn", 80), ("cnn", 256), ("cnn", 400), ("bert", 80), ("bert", 256), ("bert", 400)]
)
def test_a_position_sees_its_context_and_no_more(kind, context, others):
    if kind == "cnn" and others:
        pytest.skip("has no k-mers")
    network, width, at = labeler(kind, context, **others).double(), 700, 350
    codes = torch.randint(0, 4, (1, width + context), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    places = torch.arange(width + context)
    beyond = (places < at) | (places > at + context)  # of position ``at``, which is base at + context / 2
    whole = network(codes)
    assert whole.shape == (1, width, 3)
    other = network(torch.where(beyond, 3 - codes, codes))
    torch.testing.assert_close(other[:, at], whole[:, at], rtol=0, atol=1e-12)
    seen = (other != whole).any(-1)[0]
    assert seen[: at - 8].all() and seen[at + 9 :].all()  # the CNN of 256 bases sees 240, attention a few less


@pytest.mark.parametrize("kind", ["cnn", "bert"])
def test_it_sees_nearly_all_of_it(kind):
    """Both sides of 400 bases, up to a few: SpliceAI-400nt sees all, attention what can be divided by its layers."""
    network = labeler(kind, 400).double()
    codes = torch.randint(0, 4, (1, 500), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    for place in (50 + 2, 50 + 398):
        other = codes.clone()
        other[0, place] = 3 - other[0, place]
        assert (network(other)[0, 50] != network(codes)[0, 50]).any()


def test_where_a_block_begins_changes_nothing_but_the_places_of_kmers():
    network = labeler("cnn", 80)
    codes = torch.randint(0, 4, (1, 300), dtype=torch.uint8)
    torch.testing.assert_close(network(codes[:, 20:])[0, :100], network(codes)[0, 20:120])


def test_of_which_base_a_vector_is():
    """A head that copies the k-mers' own embeddings finds a motif at its own base."""
    network = labeler("bert", 80, layers=1)
    codes = torch.zeros((1, 180), dtype=torch.uint8)
    codes[0, 90] = 2
    with torch.no_grad():
        network.bert.encoder = torch.nn.Identity()
        network.bert.forward = lambda ids, **others: type(
            "Output", (), {"last_hidden_state": functional.one_hot(ids, 261).float()}
        )
        network.head = torch.nn.Conv1d(261, 3, 33)
        network.head.weight.zero_()
        network.head.bias.zero_()
        network.head.weight[1, network.tokenizer.kmers(codes[0, 89:93].numpy())[0], 16] = 1.0  # AGAA: the G is base 1
    assert network(codes)[0, :, 1].nonzero().tolist() == [[50]]


@pytest.mark.parametrize("number", [1, 5, 127, 128, 129, 300])
@pytest.mark.parametrize("near", [1, 7, 200])
def test_attention_in_parts_is_attention_with_a_mask(number, near):
    generator = torch.Generator().manual_seed(0)
    query, key, value = torch.randn(3, 2, 2, number, 4, generator=generator)
    places = torch.arange(number)
    mask = (places[:, None] - places).abs() <= near
    expected = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=0.5)
    found, _ = near_attention(None, query, key, value, None, scaling=0.5, near=near)
    torch.testing.assert_close(found.transpose(1, 2), expected)


@pytest.mark.parametrize("context, blocks", [(20, 1), (80, 4), (256, 6), (400, 8), (2000, 12), (10_000, 16)])
def test_blocks_as_in_spliceai(context, blocks):
    assert len(ConvolutionalSpliceLabeler(context).blocks) == blocks


def test_more_kmers_than_positions():
    assert labeler("bert", 400)(torch.zeros((2, 500), dtype=torch.uint8)).shape == (2, 100, 3)


def test_sites_are_rare_from_the_first_step():
    for kind in ("cnn", "bert"):
        shares = labeler(kind, 80)(torch.randint(0, 4, (4, 580), dtype=torch.uint8)).softmax(-1).mean((0, 1))
        assert shares[0] > 0.9


def test_too_small_a_context():
    with pytest.raises(ValueError, match="2 layers need a context of 40 bases; 38 are too few"):
        KmerSpliceLabeler(encoder(), 38)
    assert KmerSpliceLabeler(encoder(), 40).near == 1


def test_an_unknown_base_is_no_letter():
    network = labeler("cnn", 80)
    codes = torch.full((1, 180), 4, dtype=torch.uint8)
    assert torch.isfinite(network(codes)).all()
    assert torch.isfinite(labeler("bert", 80)(codes)).all()
