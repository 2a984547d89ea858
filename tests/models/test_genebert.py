import math

import pytest
import torch
from transformers import AutoModel, BertConfig, BertForPreTraining

from regdna.models.genebert import GeneBERT, GeneBERTConfig

SIZES = {
    "k": 3,
    "crop": 8,
    "regions": 4,
    "motifs": 6,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "region_encoder": "mlp",
    "region_sizes": {"hidden": 5},
    "projection": 7,
}


def network(**changes):
    torch.manual_seed(0)
    return GeneBERT(GeneBERTConfig(**SIZES | changes)).eval()


def inputs(number=3, seed=1):
    rng = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 69, (number, 27), generator=rng)
    ids[:, 0], ids[:, [13, 26]] = 2, 3
    return ids, torch.randn(number, 4, 6, generator=rng)


def test_size_of_the_paper():
    with torch.device("meta"):
        model = GeneBERT(GeneBERTConfig())
    assert sum(weights.numel() for weights in model.bert.parameters()) == 89_190_912


def test_encoder_and_heads_are_berts():
    """Of the same weights, transformers' own BertForPreTraining says the same."""
    model = network()
    bert = BertConfig(**{name: SIZES[name] for name in SIZES if hasattr(BertConfig(), name)}, vocab_size=69)
    other = BertForPreTraining(bert).eval()
    mine = model.state_dict()
    other.load_state_dict({name: mine[name] for name in other.state_dict()})
    ids, _ = inputs()
    types = (torch.arange(27) > 13).long().expand(3, -1)
    output, wanted = model(ids, token_type_ids=types), other(ids, token_type_ids=types)
    torch.testing.assert_close(model.kmer_logits(output.last_hidden_state), wanted.prediction_logits)
    torch.testing.assert_close(model.next_logits(output.pooler_output), wanted.seq_relationship_logits)


@pytest.mark.parametrize("changes", [{}, {"region_encoder": "swin", "region_image": "native", "regions": 10}])
def test_saved_and_read(changes, tmp_path):
    if changes:
        changes = changes | {"motifs": 12, "region_sizes": {"embed_dim": 6}, "max_position_embeddings": 64}
    model = network(**changes)
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "model.safetensors"}
    again = AutoModel.from_pretrained(tmp_path)
    assert type(again) is GeneBERT
    mine, theirs = model.state_dict(), again.state_dict()
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    assert again.cls.predictions.decoder.weight is again.bert.embeddings.word_embeddings.weight


def test_padding_changes_nothing():
    model = network(pooling="mean")
    ids, matrix = inputs()
    padded = torch.nn.functional.pad(ids, (0, 5))
    plain, longer = model(ids, matrix=matrix), model(padded, matrix=matrix)
    for name in ("pooler_output", "sequences", "regions"):
        torch.testing.assert_close(plain[name], longer[name])


def test_poolings():
    ids, _ = inputs()
    cls, mean = network()(ids), network(pooling="mean")(ids)
    torch.testing.assert_close(cls.sequences, cls.last_hidden_state[:, 0])
    kmers = [at for at in range(27) if at not in (0, 13, 26)]
    torch.testing.assert_close(mean.sequences, mean.last_hidden_state[:, kmers].mean(1))


def test_projections():
    model = network()
    ids, matrix = inputs()
    sequences, regions = model.projected(model(ids, matrix=matrix))
    scores = sequences @ regions.T
    cosines = torch.nn.functional.cosine_similarity(sequences[:, None], regions[None], dim=-1)
    torch.testing.assert_close(scores, cosines / 0.1)  # the temperature it begins with
    with torch.no_grad():
        model.log_scale.fill_(math.log(50))
    assert (model.projected(model(ids, matrix=matrix))[0].norm(dim=1) ** 2).tolist() == pytest.approx([50] * 3)


def test_without_projection():
    model = network(projection=0, matching="literal")
    ids, matrix = inputs()
    output = model(ids, matrix=matrix)
    sequences, regions = model.projected(output)
    assert torch.equal(sequences, output.sequences) and torch.equal(regions, output.regions)
    wide = {"region_encoder": "vit", "region_image": "native", "projection": 0}
    vit = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    with pytest.raises(ValueError, match="sequence vector is 16 wide and that of the region encoder vit 8"):
        network(**wide, region_sizes=vit)


def test_the_sequence_half_does_not_depend_on_the_region_encoder():
    one, other = (network(region_sizes={"hidden": hidden}).bert.state_dict() for hidden in (5, 9))
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": "max"}, "pooling 'max': choose one of cls, mean"),
        ({"matching": "eq3"}, "matching 'eq3': choose one of infonce, global, literal"),
        ({"regions": 5}, "5 regions cannot be halved"),
        ({"crop": 12}, "12 bases makes 43 tokens of 4 regions, and there are 40 positions; crop 3 to 11 bases"),
        ({"crop": 2}, "crop 3 to 11 bases"),
        ({"k": 9}, "k is 9; from 1 to 8"),
    ],
)
def test_bad_sizes(changes, message):
    with pytest.raises(ValueError, match=message):
        GeneBERTConfig(**SIZES | changes)


def test_bad_matrix():
    ids, matrix = inputs()
    with pytest.raises(ValueError, match="2 matrices for 3 sequences"):
        network()(ids, matrix=matrix[:2])
    with pytest.raises(ValueError, match=r"shape \(3, 4, 3\): this network takes \(examples, 4 regions, 6 motifs\)"):
        network()(ids, matrix=matrix[..., :3])


def test_positions_beyond_those_learned_are_the_first_ones_again():
    short, wide = network(), network(max_position_embeddings=64)
    weights, table = short.state_dict(), "bert.embeddings.position_embeddings.weight"
    wide.load_state_dict(weights | {table: torch.cat([weights[table], weights[table][:24]])})
    ids = torch.randint(5, 69, (2, 64), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(short(ids).sequences, wide(ids).sequences)
    assert not torch.allclose(short(ids).sequences, short(ids.roll(1, 1)).sequences, atol=1e-4)
