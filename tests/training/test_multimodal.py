import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import SwinConfig, SwinModel

from regdna.models.genebert import GeneBERT, GeneBERTConfig
from regdna.training import genebert_step
from regdna.training import multimodal as module
from regdna.training.matching_losses import literal_matching
from regdna.training.multimodal import Multimodal, pretrain_multimodal
from regdna.training.pretrained import read_pretrained

SIZES = {
    "k": 3,
    "crop": 8,
    "regions": 4,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 32,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "region_encoder": "mlp",
    "region_sizes": {"hidden": 8},
    "projection": 8,
    "pooling": "mean",
}
SMALL = Multimodal(
    GeneBERTConfig(**SIZES), steps=9, batch_size=8, stride=4, learning_rate=0.01, warm_up=0.1, check_every=4
)
HELD_OUT = ["held_out_mgm", "held_out_ngsp", "held_out_srm", "held_out_next_accuracy", "held_out_retrieval"]


def with_network(**changes):
    return replace(SMALL, network=GeneBERTConfig(**SIZES | changes))


@pytest.fixture(scope="module")
def made(cells_world, tmp_path_factory):
    return pretrain_multimodal(cells_world, tmp_path_factory.mktemp("pretrained") / "genebert", SMALL)


def weights(folder, name="trained"):
    return GeneBERT.from_pretrained(folder / name).state_dict()


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.safetensors")} | {
        "history": (folder / "history.csv").read_bytes()
    }


class TestResult:
    def test_files(self, made):
        assert {path.name for path in made.folder.iterdir()} == {
            "trained",
            "untrained",
            "history.csv",
            "pretraining.json",
        }
        assert {path.name for path in (made.folder / "trained").iterdir()} == {"config.json", "model.safetensors"}
        assert not list(made.folder.parent.glob("*checkpoints*/*"))

    def test_history(self, made):
        history = made.history
        assert list(history["step"]) == [0, 4, 8, 9] and history["learning_rate"].iloc[-1] == 0
        total = history["mgm"] + history["ngsp"] + history["srm"] / 2
        np.testing.assert_allclose(history["loss"][1:], total[1:], rtol=1e-5)
        assert list(history["masked"]) == [0.15, 0.15, 0.2, 0.2]  # five sixths of 9 steps are 7.5
        assert history["held_out_mgm"].iloc[-1] < history["held_out_mgm"][0] - 0.05
        assert history[HELD_OUT].notna().all(axis=None) and (history["srm_undefined"][1:] == 0).all()

    def test_provenance(self, made, cells_world):
        text = made.provenance
        assert text["left_out"] == sorted(cells_world.test_chromosomes | cells_world.validation_chromosomes)
        assert text["plan"]["network"]["crop"] == 8 and text["plan"]["network"]["hidden_size"] == 16
        assert len(text["motifs"]) == 579 and len(text["cell_types"]) == 17 and text["device"] == "CPU"
        assert 3.9 < text["kmer_entropy"] < np.log(64) + 0.1
        assert 1 < text["held_out_runs"] <= text["runs"]["validation"]
        assert text["held_out"] == {name: made.history[name].iloc[-1] for name in HELD_OUT}
        assert text["parameters"] == sum(w.numel() for w in GeneBERT(SMALL.network).parameters())


@pytest.mark.parametrize(
    ("off", "still"),
    [
        (("use_mgm",), ["cls.predictions.transform.dense.weight", "cls.predictions.bias"]),
        (("use_ngsp",), ["bert.pooler.dense.weight", "cls.seq_relationship.weight"]),
        (("use_srm",), ["region_encoder.network.0.weight", "sequence_projection.weight", "log_scale"]),
        (("use_mgm", "use_ngsp"), ["cls.predictions.bias", "bert.pooler.dense.weight"]),
    ],
)
def test_losses_can_be_switched_off(cells_world, tmp_path, off, still):
    made = pretrain_multimodal(cells_world, tmp_path / "genebert", replace(SMALL, **dict.fromkeys(off, False)))
    names = [name.removeprefix("use_") for name in off]
    assert made.history[names + [f"held_out_{name}" for name in names]].isna().all(axis=None)
    kept = [name for name in ("mgm", "ngsp", "srm") if name not in names]
    weight = {"mgm": 1, "ngsp": 1, "srm": 0.5}
    total = sum(weight[name] * made.history[name] for name in kept)
    np.testing.assert_allclose(made.history["loss"][1:], total[1:], rtol=1e-5)
    before, after = weights(made.folder, "untrained"), weights(made.folder)
    assert [name for name in still if not torch.equal(before[name], after[name])] == []
    assert not torch.equal(
        before["bert.embeddings.word_embeddings.weight"], after["bert.embeddings.word_embeddings.weight"]
    )


def test_weight_of_matching(cells_world, tmp_path):
    made = pretrain_multimodal(cells_world, tmp_path / "genebert", replace(SMALL, steps=2, matching_weight=3.0))
    history = made.history
    np.testing.assert_allclose(history["loss"][1:], (history["mgm"] + history["ngsp"] + 3 * history["srm"])[1:])


def test_batches_without_a_matching_loss_are_left_out_and_counted(cells_world, tmp_path, monkeypatch):
    """As the printed equation has them; here every second batch, and those of the looks, which follow a defined one."""
    calls = []

    def every_second(scores):
        calls.append(len(scores))
        return literal_matching(scores) if len(calls) % 2 else scores.sum() * torch.nan

    monkeypatch.setitem(genebert_step.LOSSES, "literal", every_second)
    plan = replace(with_network(matching="literal", projection=0), steps=8)
    made = pretrain_multimodal(cells_world, tmp_path / "genebert", plan)
    assert made.history["srm_undefined"][1:].tolist() == [0.5, 0.5]
    assert made.history[["srm", "mgm"]][1:].notna().all(axis=None)
    assert all(values.isfinite().all() for values in weights(made.folder).values())


def test_seed(made, cells_world, tmp_path):
    torch.manual_seed(99)  # what the global state is must not matter
    state = torch.get_rng_state()
    same = pretrain_multimodal(cells_world, tmp_path / "same", SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    assert content(same.folder) == content(made.folder)
    other = pretrain_multimodal(cells_world, tmp_path / "other", replace(SMALL, steps=1), seed=1)
    assert other.history["held_out_mgm"][0] != made.history["held_out_mgm"][0]


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_a_killed_run_ends_with_the_same_weights(cells_world, tmp_path, monkeypatch, dropout):
    plan = with_network(hidden_dropout_prob=dropout)
    whole = pretrain_multimodal(cells_world, tmp_path / "whole", plan)
    real, taken = module._Run._take_step, []

    def killed(self):
        taken.append(self.steps.step)
        if len(taken) == 7:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(module._Run, "_take_step", killed)
    with pytest.raises(KeyboardInterrupt):
        pretrain_multimodal(cells_world, tmp_path / "genebert", plan)
    assert not (tmp_path / "genebert").exists()
    again = pretrain_multimodal(cells_world, tmp_path / "genebert", plan)
    assert taken == [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8]
    assert content(again.folder) == content(whole.folder)
    assert not (tmp_path / "genebert.checkpoints").exists()


def test_is_made_once(made, cells_world, monkeypatch):
    def fail(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "_pretrain", fail)
    assert pretrain_multimodal(cells_world, made.folder, SMALL).provenance == made.provenance
    for change in ({"seed": 1}, {"plan": replace(SMALL, steps=10)}, {"plan": with_network(hidden_size=32)}):
        with pytest.raises(AssertionError, match="trained again"):
            pretrain_multimodal(cells_world, made.folder, **{"plan": SMALL} | change)


def test_accumulated_parts_are_one_batch_but_for_matching(cells_world, tmp_path):
    """Masked k-mers and next segments are those of the whole batch; matching is among fewer."""
    one, parts = (
        pretrain_multimodal(cells_world, tmp_path / str(n), replace(SMALL, use_srm=False, accumulation=n))
        for n in (1, 4)
    )
    for name in ("mgm", "ngsp", "held_out_mgm", "held_out_ngsp"):
        np.testing.assert_allclose(parts.history[name][1:], one.history[name][1:], rtol=2e-3)
    history = pretrain_multimodal(cells_world, tmp_path / "srm", replace(SMALL, steps=1, accumulation=4)).history
    assert history["srm"][1] < 2.5  # ln 2 and what is lost by chance, not ln 8
    with pytest.raises(ValueError, match="a batch of 8 in 8 parts: an example has no other to be told from"):
        pretrain_multimodal(cells_world, tmp_path / "none", replace(SMALL, accumulation=8))


@pytest.mark.parametrize("changes", [{}, {"use_srm": False}])
def test_two_processes_share_each_batch(cells_world, tmp_path, changes):
    """As ``accelerate launch`` starts them on a machine with two GPUs; all of a batch is matched."""
    plan = replace(SMALL, **changes)
    script = tmp_path / "pretrain.py"
    script.write_text(
        "from regdna.models.genebert import GeneBERTConfig\n"
        "from regdna.training.multimodal import Multimodal, pretrain_multimodal\n"
        "from regdna.worlds.catalogue import open_world\n"
        f"world = open_world('tiny', {str(cells_world.built.parent / 'catalogue')!r}, {str(cells_world.built)!r})\n"
        f"network = GeneBERTConfig(**{SIZES!r})\n"
        f"plan = Multimodal(network, **{ {k: v for k, v in plan.facts().items() if k != 'network'}!r})\n"
        f"pretrain_multimodal(world, {str(tmp_path / 'two')!r}, plan)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    two, one = read_pretrained(tmp_path / "two"), pretrain_multimodal(cells_world, tmp_path / "one", plan)
    for name in ("loss", "mgm", "ngsp", "srm", "retrieval", *HELD_OUT):
        np.testing.assert_allclose(two.history[name], one.history[name], rtol=2e-3, atol=1e-6, err_msg=name)
    mine, theirs = weights(one.folder), weights(two.folder)
    for name in mine:  # log_scale included, which every process holds a gradient of
        torch.testing.assert_close(theirs[name], mine[name], rtol=0.02, atol=2e-3)


def test_published_weights_of_the_region_encoder(cells_world, tmp_path):
    sizes = {"embed_dim": 4, "depths": [1], "num_heads": [1], "patch_size": 4, "window_size": 2}
    torch.manual_seed(5)
    SwinModel(SwinConfig(image_size=8, **sizes)).save_pretrained(tmp_path / "swin")
    changes = {"region_encoder": "swin", "region_image": "resize", "image_size": 8, "region_sizes": sizes}
    plan = replace(with_network(**changes), steps=1, region_weights=str(tmp_path / "swin"))
    made = pretrain_multimodal(cells_world, tmp_path / "genebert", plan)
    published = SwinModel.from_pretrained(tmp_path / "swin", add_pooling_layer=False).state_dict()
    before, after = weights(made.folder, "untrained"), weights(made.folder)
    for key, value in published.items():
        assert torch.equal(before[f"region_encoder.network.{key}"], value)
    key = "embeddings.patch_embeddings.projection.weight"
    assert not torch.equal(after[f"region_encoder.network.{key}"], published[key])  # they are trained, not kept


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps 0: pretraining takes at least 1"),
        (dict.fromkeys(("use_mgm", "use_ngsp", "use_srm"), False), "all off; there is nothing to learn"),
        ({"masking": "word"}, "masking 'word': choose one of span, dnabert, single"),
        ({"masked": 0}, "masked 0 is no share of k-mers"),
        ({"masked_later": 1.0}, "masked_later 1.0 is no share"),
        ({"matching_weight": -1.0}, "matching_weight -1.0: at least 0"),
        ({"trained_types": 0}, "trained_types 0: at least 1 cell type"),
    ],
)
def test_bad_plan(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


def test_trained_on_some_cell_types_only(made, cells_world, tmp_path, monkeypatch):
    drawn, draw = [], module.draw_batch

    def spy(examples, pairs, places, *more):
        if pairs is examples.parts["train"]:
            drawn.extend(pairs.cell_type[places])
        return draw(examples, pairs, places, *more)

    monkeypatch.setattr(module, "draw_batch", spy)
    some = pretrain_multimodal(cells_world, tmp_path / "some", replace(SMALL, trained_types=2))
    assert set(drawn) == {0, 1} and len(drawn) == SMALL.steps * SMALL.batch_size
    assert some.provenance["cell_types"] == made.provenance["cell_types"][:2]
    here, there = some.provenance["runs"], made.provenance["runs"]
    assert 0 < here["train"] < there["train"] and here["validation"] == there["validation"]
    assert some.history["held_out_mgm"][0] == made.history["held_out_mgm"][0]  # of all types, at the start


def test_what_does_not_fit(cells_world, tiny_world, tmp_path):
    def refused(message, plan=SMALL, world=cells_world):
        with pytest.raises(ValueError, match=message):
            pretrain_multimodal(world, tmp_path / "genebert", plan)

    refused("network is for 3 motifs, and JASPAR2018 has 579 of vertebrates; set motifs", with_network(motifs=3))
    refused("a batch of 8 cannot be divided by 3", replace(SMALL, accumulation=3))
    refused("no cell type has runs of 4 accessible regions on training", world=tiny_world)
    refused("world tiny is not built; run: regdna world tiny", world=replace(cells_world, built=tmp_path))
