import pytest
import torch

from regdna.models.genebert import GeneBERT
from regdna.training.genebert_plans import MINI, genebert_plan
from regdna.training.multimodal import Multimodal


def test_the_paper():
    plan = genebert_plan("genebert")
    assert plan.facts() == Multimodal(region_weights="microsoft/swin-tiny-patch4-window7-224").facts()
    assert (plan.steps, plan.batch_size, plan.learning_rate, plan.matching_weight) == (120_000, 2000, 4e-4, 0.5)
    assert plan.masked_at(99_999) == 0.15 and plan.masked_at(100_000) == 0.2
    assert plan.warm_up * plan.steps == pytest.approx(10_000)
    network = plan.network
    assert (network.k, network.regions, network.motifs, network.pooling) == (6, 10, 579, "cls")
    assert (network.region_encoder, network.region_image, network.image_size) == ("swin", "resize", 224)


def test_mini():
    plan = genebert_plan(MINI, 40)
    assert plan.steps == 40 and plan.network.region_encoder == "mlp" and plan.network.pooling == "mean"
    assert plan.region_weights is None and genebert_plan(MINI).steps == 500


def test_changes():
    assert not genebert_plan(f"{MINI}-seq").use_srm
    alone = genebert_plan(f"{MINI}-mgm")
    assert (alone.use_mgm, alone.use_ngsp, alone.use_srm) == (True, False, False)
    two = genebert_plan(f"{MINI}-ngsp-srm")
    assert (two.use_mgm, two.use_ngsp, two.use_srm) == (False, True, True)
    both = genebert_plan(f"{MINI}-swin-cls").network
    assert both.region_encoder == "swin" and both.pooling == "cls" and both.region_sizes == {"embed_dim": 24}
    assert genebert_plan(f"{MINI}-literal").network.matching == "literal"
    assert genebert_plan(f"{MINI}-global").network.matching == "global"
    assert genebert_plan(f"{MINI}-dnabert").masking == "dnabert" and genebert_plan("genebert-mean").steps == 120_000
    other = genebert_plan("genebert-vit", 7)
    assert other.network.region_encoder == "vit" and other.region_weights is None and other.steps == 7


def test_changes_with_a_number():
    plan = genebert_plan(f"{MINI}-batch16-weight0.05-types4")
    assert (plan.batch_size, plan.matching_weight, plan.trained_types) == (16, 0.05, 4)
    for name in (f"{MINI}-swin-image64", f"{MINI}-image64-swin"):
        network = genebert_plan(name).network
        assert (network.region_image, network.image_size) == ("resize", 64)
        assert network.region_sizes["embed_dim"] == 24 and network.region_sizes["window_size"] == 4
    paper = genebert_plan("genebert-image384")
    assert paper.network.image_size == 384 and not paper.network.region_sizes and paper.region_weights


@pytest.mark.parametrize("encoder", ["swin", "vit", "deit", "cvt", "mlp"])
@pytest.mark.parametrize("base", ["genebert", MINI])
def test_every_encoder_can_be_built(base, encoder):
    with torch.device("meta"):
        GeneBERT(genebert_plan(f"{base}-{encoder}").network)
        GeneBERT(genebert_plan(f"{base}-{encoder}-image{64 if base == MINI else 384}").network)


@pytest.mark.parametrize(
    "name",
    [
        "genebert-midi",
        "findna",
        "genebert-mini-",
        "genebert-mini-sequence",
        "genebertmini",
        "genebert-minis",
        "genebert-batch",
        "genebert-types2.5",
    ],
)
def test_unknown(name):
    with pytest.raises(ValueError, match=f"no network named '{name}'"):
        genebert_plan(name)
