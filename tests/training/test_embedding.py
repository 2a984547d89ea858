import numpy as np
import pytest
import torch

from regdna.data.sequences import Sequences
from regdna.models.findna import FinDNA, FinDNAConfig
from regdna.models.genebert import GeneBERT, GeneBERTConfig
from regdna.models.kmer_tokenizer import KmerTokenizer
from regdna.models.sequence_classifiers import letters_of
from regdna.training.embedding import batches_of_letters, embed, embed_kmers, embed_runs

LENGTHS = [2, 300, 5, 8192, 1000, 77, 1]


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return FinDNA(FinDNAConfig(layers=1, track=2, hidden=8, longest=74, cls_tokens=3)).eval()


def sequences(lengths=LENGTHS):
    rng = np.random.default_rng(0)
    return Sequences.of(["".join(rng.choice(list("ACGTN"), length)) for length in lengths])


def test_lengths_from_1_to_8192_by_hand(model):
    some = sequences()
    embedded = embed(model, some, ("mean", "max", "cls"))
    assert embedded.shape == (7, 5 * model.channels) and embedded.dtype == np.float32
    for row in range(7):
        one = some.take([row])
        with torch.no_grad():
            vectors = model(letters_of(torch.from_numpy(one.codes)), torch.from_numpy(one.lengths))
        expected = torch.cat([vectors.letters.mean(0), vectors.letters.amax(0), vectors.cls.flatten()])
        np.testing.assert_allclose(embedded[row], expected.numpy(), atol=1e-5)


def test_order_of_sequences_changes_nothing(model):
    some, order = sequences(), np.array([3, 0, 6, 1, 5, 2, 4])
    np.testing.assert_allclose(embed(model, some.take(order)), embed(model, some)[order], atol=1e-5)


def test_none(model):
    assert embed(model, sequences().take([])).shape == (0, 0)


def test_unknown_feature(model):
    with pytest.raises(ValueError, match="no feature 'median'; choose of mean, max, cls"):
        embed(model, sequences(), ("mean", "median"))


def test_batches():
    lengths = np.array([3, 4, 10, 1, 2, 2])
    batches = batches_of_letters(lengths, np.array([5, 0, 2, 1, 3, 4]), at_once=7)
    assert [batch.tolist() for batch in batches] == [[5, 0], [2], [1, 3, 4]]
    assert batches_of_letters(lengths, np.array([], int)) == []


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_runs(pooling):
    """Some batches, as one by one; the mean is that of the k-mers' vectors, by hand."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = GeneBERTConfig(
        k=3, crop=6, regions=4, motifs=2, region_encoder="mlp", max_position_embeddings=20, pooling=pooling, **sizes
    )
    network = GeneBERT(config)
    codes = np.random.default_rng(0).integers(0, 5, (70, 4, 6)).astype(np.uint8)
    embedded = embed_runs(network, codes)
    assert embedded.shape == (70, 8) and embedded.dtype == np.float32
    for row in (0, 31, 32, 69):
        kmers = KmerTokenizer(3).kmers(codes[row]).reshape(2, -1)
        ids = torch.tensor([[2, *kmers[0], 3, *kmers[1], 3]])
        types = torch.tensor([[0] * 10 + [1] * 9])
        with torch.no_grad():
            vectors = network.bert(ids, token_type_ids=types).last_hidden_state[0]
        wanted = vectors[0] if pooling == "cls" else vectors[[*range(1, 9), *range(10, 18)]].mean(0)
        np.testing.assert_allclose(embedded[row], wanted, atol=1e-5)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_kmers(pooling):
    """Sequences of any lengths in one batch, more k-mers than positions among them, as one by one."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    config = GeneBERTConfig(
        k=3, crop=6, regions=4, motifs=2, region_encoder="mlp", max_position_embeddings=20, pooling=pooling, **sizes
    )
    network = GeneBERT(config)
    letters = np.random.default_rng(0).choice(list("ACGTN"), 400)
    sequences = Sequences.of(["".join(letters[:length]) for length in (40, 3, 1, 400, 12)])
    embedded = embed_kmers(network, sequences)
    assert embedded.shape == (5, 8) and embedded.dtype == np.float32
    for row in range(5):
        np.testing.assert_allclose(embed_kmers(network, sequences.take([row]))[0], embedded[row], atol=1e-5)
    kmers = KmerTokenizer(3).kmers(sequences.padded()[0][4, :12])
    with torch.no_grad():
        vectors = network.bert(torch.tensor([[2, *kmers, 3]])).last_hidden_state[0]
    np.testing.assert_allclose(embedded[4], vectors[0] if pooling == "cls" else vectors[1:-1].mean(0), atol=1e-5)
    assert embed_kmers(network, sequences.take([])).shape == (0, 8)
