import numpy as np
import pytest
import torch

from regdna.models.findna import FinDNA, FinDNAConfig
from regdna.models.genebert import GeneBERT, GeneBERTConfig
from regdna.models.sequence_classifiers import (
    ConvolutionalClassifier,
    FinDNAClassifier,
    GeneBERTClassifier,
    letters_of,
)

LENGTHS = [2, 40, 24, 1, 90]


def classifiers():
    torch.manual_seed(0)
    encoder = FinDNA(FinDNAConfig(layers=1, track=3, hidden=10, longest=64, projection=7))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
    small = GeneBERTConfig(k=3, crop=6, regions=2, motifs=2, region_encoder="mlp", max_position_embeddings=60, **sizes)
    heads = {
        "findna": FinDNAClassifier(encoder, 3),
        "cnn": ConvolutionalClassifier(3, filters=16),
        "genebert": GeneBERTClassifier(GeneBERT(small), 3),
        "genebert, mean": GeneBERTClassifier(GeneBERT(GeneBERTConfig(**small.to_dict() | {"pooling": "mean"})), 3),
    }
    return {kind: model.eval() for kind, model in heads.items()}


def codes(lengths=LENGTHS):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 5, sum(lengths)).astype(np.uint8))


@pytest.mark.parametrize("kind", ["findna", "cnn", "genebert", "genebert, mean"])
def test_a_batch_is_its_sequences(kind):
    """Of any lengths, shorter than a kernel, too; what stands beside a sequence changes nothing."""
    model, letters = classifiers()[kind], letters_of(codes())
    together = model(letters, torch.tensor(LENGTHS))
    assert together.shape == (5, 3)
    alone = torch.cat([model(part, torch.tensor([len(part)])) for part in letters.split(LENGTHS)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)
    assert (together.std(0) > 0).all()


def test_letters():
    assert letters_of(torch.tensor([0, 3, 4], dtype=torch.uint8)).tolist() == [
        [1, 0, 0, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_the_best_match_of_a_kernel_wherever_it_lies():
    model = ConvolutionalClassifier(2, filters=1, kernel=4).eval()
    with torch.no_grad():
        model.scan.weight.zero_()
        for place, letter in enumerate([0, 1, 2, 3]):  # ACGT
            model.scan.weight[0, letter, place] = 1
        model.scan.bias.fill_(-3)
        model.head = torch.nn.Identity()
    found = [model(letters_of(torch.tensor(s)), torch.tensor([len(s)])).item() for s in (
        [3, 3, 0, 1, 2, 3], [0, 1, 2, 3, 3], [0, 1, 2, 2, 2, 2]
    )]  # fmt: skip
    assert found == [1, 1, 0]
