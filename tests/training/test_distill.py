import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from regdna.models.findna import FinDNA, FinDNAConfig
from regdna.training import distill as module
from regdna.training import student_teacher
from regdna.training.distill import Distillation, distill
from regdna.training.pretrained import read_pretrained

SIZES = {"layers": 1, "track": 2, "hidden": 8, "longest": 74, "projection": 6}
NETWORK = FinDNAConfig(**SIZES)
SMALL = Distillation(
    NETWORK, steps=9, batch_size=8, windows=60, width=64, momentum=0.9, learning_rate=0.01, check_every=4
)


@pytest.fixture(scope="module")
def made(tiny_world, tmp_path_factory):
    return distill(tiny_world, tmp_path_factory.mktemp("pretrained") / "findna", SMALL)


def weights(folder, name):
    return FinDNA.from_pretrained(folder / name).state_dict()


def content(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.safetensors")} | {
        "history": (folder / "history.csv").read_bytes()
    }


class TestResult:
    def test_files(self, made):
        names = {"student", "teacher", "untrained", "history.csv", "pretraining.json"}
        assert {path.name for path in made.folder.iterdir()} == names
        assert {path.name for path in (made.folder / "teacher").iterdir()} == {"config.json", "model.safetensors"}
        assert not list(made.folder.parent.glob("*checkpoints*/*"))

    def test_history(self, made):
        history = made.history
        assert list(history["step"]) == [0, 4, 8, 9]
        assert history["learning_rate"].iloc[-1] == 0 and history["momentum"].iloc[-1] == 1
        assert history["held_out_student"].iloc[-1] < history["held_out_student"][0] - 0.1
        half = (history["masked_loss"] + history["contrastive_loss"]) / 2
        np.testing.assert_allclose(history["loss"][1:], half[1:], rtol=1e-5)
        assert (history["entropy_each"][1:] <= history["entropy_of_mean"][1:] + 1e-6).all()
        assert history["entropy_of_mean"].max() <= np.log(6) + 1e-6

    def test_provenance(self, made, tiny_world):
        text = made.provenance
        assert text["world"]["world"] == "tiny" and text["simulated"] and text["device"] == "CPU"
        assert text["left_out"] == sorted(tiny_world.test_chromosomes | tiny_world.validation_chromosomes)
        assert text["plan"]["steps"] == 9 and text["plan"]["network"]["track"] == 2
        assert 1.2 < text["letter_entropy"] < np.log(5) and text["shuffled_loss"] > 1.2
        assert text["parameters"] == sum(w.numel() for w in FinDNA(NETWORK).parameters())

    def test_three_networks(self, made):
        student, teacher, untrained = (weights(made.folder, name) for name in ("student", "teacher", "untrained"))
        for key in student:
            if student[key].ndim == 2:
                assert not torch.equal(student[key], teacher[key]) and not torch.equal(teacher[key], untrained[key])
        way = sum((student[key] - untrained[key]).square().sum() for key in student)
        left = sum((student[key] - teacher[key]).square().sum() for key in student)
        assert left < way  # the teacher has gone towards the student


def test_teacher_is_the_running_average_of_the_student(tiny_world, tmp_path, monkeypatch):
    real, seen = student_teacher.average_teacher, []

    def watched(teacher, student, momentum):
        real(teacher, student, momentum)
        seen.append((momentum, student.letters_out.weight.detach().clone()))

    monkeypatch.setattr(student_teacher, "average_teacher", watched)
    made = distill(tiny_world, tmp_path / "findna", SMALL)
    average = weights(made.folder, "untrained")["letters_out.weight"]
    for momentum, student in seen:
        average = momentum * average + (1 - momentum) * student
    torch.testing.assert_close(weights(made.folder, "teacher")["letters_out.weight"], average)
    assert len(seen) == 9


def test_masked_letters_only(tiny_world, tmp_path):
    made = distill(tiny_world, tmp_path / "findna", replace(SMALL, alpha=1.0))
    assert made.history[["contrastive_loss", "entropy_each", "entropy_of_mean"]].isna().all(axis=None)
    np.testing.assert_allclose(made.history["loss"][1:], made.history["masked_loss"][1:])
    before, after = weights(made.folder, "untrained"), weights(made.folder, "student")
    assert torch.equal(before["projection.weight"], after["projection.weight"])
    assert not torch.equal(before["letters_out.weight"], after["letters_out.weight"])


def test_agreement_only(tiny_world, tmp_path):
    made = distill(tiny_world, tmp_path / "findna", replace(SMALL, alpha=0.0, pair="DIT+NR"))
    before, after = weights(made.folder, "untrained"), weights(made.folder, "student")
    assert torch.equal(before["letters_out.weight"], after["letters_out.weight"])
    assert not torch.equal(before["projection.weight"], after["projection.weight"])


def test_masked_letters_first(tiny_world, tmp_path):
    plan = replace(SMALL, masked_only=4)
    history = distill(tiny_world, tmp_path / "findna", plan).history
    np.testing.assert_allclose(history["loss"][1], history["masked_loss"][1] / 2)
    assert history["loss"][2] > history["masked_loss"][2] / 2 + 0.1


def test_seed(made, tiny_world, tmp_path):
    torch.manual_seed(99)  # what the global state is must not matter
    state = torch.get_rng_state()
    same = distill(tiny_world, tmp_path / "same", SMALL)
    assert torch.equal(torch.get_rng_state(), state)
    assert content(same.folder) == content(made.folder)
    other = distill(tiny_world, tmp_path / "other", replace(SMALL, steps=1), seed=1)
    assert other.history["held_out_student"][0] != made.history["held_out_student"][0]


@pytest.mark.parametrize("change", [{}, {"dropout": 0.3}, {"readout": "mean", "projection_norm": True}])
def test_a_killed_run_ends_with_the_same_weights(tiny_world, tmp_path, monkeypatch, change):
    plan = replace(SMALL, network=FinDNAConfig(**SIZES | change))
    whole = distill(tiny_world, tmp_path / "whole", plan)
    real, taken = module._Run.take_step, []

    def killed(self):
        taken.append(self.engine.step)
        if len(taken) == 7:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(module._Run, "take_step", killed)
    with pytest.raises(KeyboardInterrupt):
        distill(tiny_world, tmp_path / "findna", plan)
    assert not (tmp_path / "findna").exists()
    again = distill(tiny_world, tmp_path / "findna", plan)
    assert taken == [0, 1, 2, 3, 4, 5, 6, 4, 5, 6, 7, 8]
    assert content(again.folder) == content(whole.folder)
    assert not (tmp_path / "findna.checkpoints").exists()


def test_is_made_once(made, tiny_world, monkeypatch):
    def fail(*args):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "_distill", fail)
    assert distill(tiny_world, made.folder, SMALL).provenance == made.provenance
    network = FinDNAConfig(**SIZES | {"readout": "mean"})
    for change in ({"seed": 1}, {"plan": replace(SMALL, steps=10)}, {"plan": replace(SMALL, network=network)}):
        with pytest.raises(AssertionError, match="trained again"):
            distill(tiny_world, made.folder, **{"plan": SMALL} | change)


def test_accumulated_parts_are_one_batch(made, tiny_world, tmp_path):
    parts = distill(tiny_world, tmp_path / "parts", replace(SMALL, accumulation=4))
    np.testing.assert_allclose(parts.history["masked_loss"][1:], made.history["masked_loss"][1:], rtol=2e-3)
    np.testing.assert_allclose(parts.history["contrastive_loss"][1:], made.history["contrastive_loss"][1:], rtol=2e-3)


@pytest.mark.parametrize("alpha", [0.5, 1.0])
def test_two_processes_share_each_batch(tiny_world, tmp_path, alpha):
    """As ``accelerate launch`` starts them on a machine with two GPUs."""
    plan = replace(SMALL, alpha=alpha)
    script = tmp_path / "pretrain.py"
    script.write_text(
        "from regdna.models.findna import FinDNAConfig\n"
        "from regdna.training.distill import Distillation, distill\n"
        "from regdna.worlds.catalogue import open_world\n"
        f"world = open_world('tiny', {str(tiny_world.built.parent / 'catalogue')!r}, {str(tiny_world.built)!r})\n"
        f"network = FinDNAConfig(**{SIZES!r})\n"
        f"plan = Distillation(network, **{ {k: v for k, v in plan.facts().items() if k != 'network'}!r})\n"
        f"distill(world, {str(tmp_path / 'two')!r}, plan)\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--standalone", script]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    two, one = read_pretrained(tmp_path / "two"), distill(tiny_world, tmp_path / "one", plan)
    np.testing.assert_allclose(two.history["masked_loss"][1:], one.history["masked_loss"][1:], rtol=2e-3)
    np.testing.assert_allclose(two.history["held_out_student"], one.history["held_out_student"], rtol=2e-3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps 0: pretraining takes at least 1"),
        ({"alpha": 1.5}, "alpha 1.5 is no share: 0 to 1"),
        ({"pair": "DIT+M"}, "pair 'DIT\\+M' masks nothing for the student, and alpha 0.5 asks for it"),
        ({"pair": "XYZ"}, "two views joined by"),
    ],
)
def test_bad_plan(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **changes)


def test_batch_that_cannot_be_divided(tiny_world, tmp_path):
    with pytest.raises(ValueError, match="a batch of 8 cannot be divided by 3"):
        distill(tiny_world, tmp_path / "findna", replace(SMALL, accumulation=3))


def test_world_not_built(tiny_world, tmp_path):
    with pytest.raises(ValueError, match="world tiny is not built; run: regdna world tiny"):
        distill(replace(tiny_world, built=tmp_path), tmp_path / "findna", SMALL)
