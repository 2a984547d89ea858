import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from regdna.data.examples import Examples
from regdna.training.regimes import FIRST_PHASES, Budget, check_regime, confidence, stream, train

BUDGET = Budget(steps=7, finetune_steps=3, learning_rate=0.5, finetune_learning_rate=0.25, iterations=3, noise=0.1)
KINDS = {
    "labelled": 0,
    "augmented": 1,
    "pseudo_labelled": 2,
    "leaked": 3,
    "leaked, equal": 4,
    "repeated": 5,
    "pseudo_augmented": 6,
    "copies": 7,
    "diverged": 8,
    "nearest 5": 9,
    "nearest 12": 10,
}
MISTAKES = ["SSL-leak", "SSL-leak-equal"]
POSITIVES = 6


class FakeSource:
    """Gives examples whose codes say which method gave them, and writes down what it was asked for."""

    def __init__(self):
        self.asked = []

    def _examples(self, kind, rng):
        self.asked.append(kind)
        labels = np.repeat(np.array([1, 0], np.uint8), POSITIVES)
        codes = np.full((2 * POSITIVES, 3), KINDS[kind], np.uint8)
        codes[:, 1] = rng.integers(0, 200, len(codes))
        return Examples(codes, labels, np.ones(len(labels), np.float32))

    def __getattr__(self, name):
        if name not in KINDS:
            raise AttributeError(name)
        return lambda rng: self._examples(name, rng)

    def nearest(self, rng, number):
        return self._examples(f"nearest {number}", rng)

    def leaked(self, rng, equal):
        return self._examples("leaked, equal" if equal else "leaked", rng)

    def evaluation(self, split):
        self.asked.append(f"evaluation {split}")
        return np.zeros((4, 3), np.uint8), np.array([1, 0, 0, 1])


class FakeLearner:
    """Writes down what it is asked to do; its probabilities tell learners apart."""

    is_learner = True

    def __init__(self, seed, number):
        self.seed, self.number = seed, number
        self.fits, self.predicted = [], []

    def fit(self, examples, steps, learning_rate, validation, rng):
        self.fits.append((examples, steps, learning_rate, validation, rng.integers(1 << 40)))
        return [{"step": step, "loss": 0.5, "validation_aupr": 0.1 * self.number} for step in (0, steps)]

    def predict(self, codes):
        self.predicted.append(codes)
        return probabilities(len(codes), self.number)


def probabilities(rows, number):
    return np.linspace(0, 0.05 + 0.1 * number, rows)  # near zero, so that noise makes some weights negative


def trained(regime, seed=5, budget=BUDGET):
    """Train; returns the source, all learners that were made, and the result."""
    source, learners = FakeSource(), []

    def make(learner_seed):
        learners.append(FakeLearner(learner_seed, len(learners)))
        return learners[-1]

    return source, learners, train(regime, make, source, budget, seed)


def kind(examples):
    return next(name for name, code in KINDS.items() if (examples.codes[:, 0] == code).all())


def test_import_needs_no_framework():
    code = "import sys, regdna.training.regimes; print({'keras', 'tensorflow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("set()", 0), done.stderr


@pytest.mark.parametrize("regime", ["ssl", "SSL-nearest", "SSL-nearest5x", "SSL-NS-k", "SSL-NS-sd0.1-k3", "SL-NS"])
def test_unknown_regime(regime):
    known = "SL, SL-neg, SL-aug, SSL, .*SSL-nearest5 .any number., SSL-NS, SSL-NS-k3, SSL-NS-sd0.3 .any numbers."
    with pytest.raises(ValueError, match=f"^no regime named '{regime}'; regimes: {known}$"):
        trained(regime)


@pytest.mark.parametrize(
    "regime", ["SSL-nearest5", "SSL-NS", "SSL-NS-k3", "SSL-NS-sd0", "SSL-NS-sd0.3", "SSL-NS-k3-sd1"]
)
def test_regimes_with_a_number(regime):
    check_regime(regime)


FIRST = {
    "SL": "labelled",
    "SL-aug": "augmented",
    "SSL": "pseudo_labelled",
    "SSL-leak": "leaked",
    "SSL-leak-equal": "leaked, equal",
    "SL-neg": "repeated",
    "SSL-aug": "pseudo_augmented",
    "SSL-copies": "copies",
    "SSL-diverged": "diverged",
    "SSL-nearest5": "nearest 5",
    "SSL-nearest12": "nearest 12",
}
REGIMES = [*FIRST, "SSL-NS"]


def test_every_first_phase_is_tested():
    assert set(FIRST_PHASES) == {name for name in FIRST if "nearest" not in name}


@pytest.mark.parametrize("regime, first", FIRST.items())
def test_phases(regime, first):
    source, (learner,), result = trained(regime)
    assert [kind(examples) for examples, *_ in learner.fits] == [first, "labelled"]
    assert [steps for _, steps, *_ in learner.fits] == [7, 3]
    assert [rate for _, _, rate, *_ in learner.fits] == [0.5, 0.25]
    assert all((examples.weights == 1).all() for examples, *_ in learner.fits)
    assert result.learner is learner and learner.seed == 5
    assert result.steps == 10
    assert result.pseudo_positives == (POSITIVES if regime.startswith("SSL") else 0)
    assert [asked for asked in source.asked if not asked.startswith("evaluation")] == [first, "labelled"]


def test_phases_of_the_noisy_student():
    source, learners, _ = trained("SSL-NS")
    teacher, *students = learners
    assert len(students) == 3
    assert [kind(examples) for examples, *_ in teacher.fits] == ["labelled", "labelled"]
    for student in students:
        assert [kind(examples) for examples, *_ in student.fits] == ["pseudo_labelled", "labelled"]
    for learner in learners:
        assert [steps for _, steps, *_ in learner.fits] == [7, 3]
        assert [rate for _, _, rate, *_ in learner.fits] == [0.5, 0.25]
    assert source.asked.count("pseudo_labelled") == 1  # every student sees the same examples
    assert "augmented" not in source.asked


@pytest.mark.parametrize(
    "regime, number, noise", [("SSL-NS-k2", 2, 0.1), ("SSL-NS-sd0", 3, 0), ("SSL-NS-k1-sd0.5", 1, 0.5)]
)
def test_knobs_of_the_noisy_student(regime, number, noise):
    _, learners, _ = trained(regime)
    changed = Budget(**{**vars(BUDGET), "iterations": number, "noise": noise})
    _, same, _ = trained("SSL-NS", budget=changed)
    assert len(learners) == 1 + number
    for one, other in zip(learners, same, strict=True):
        for (examples, *_), (others, *_) in zip(one.fits, other.fits, strict=True):
            np.testing.assert_array_equal(examples.weights, others.weights)


@pytest.mark.parametrize("iterations", [1, 2, 5])
def test_steps(iterations):
    budget = Budget(steps=20, finetune_steps=4, iterations=iterations)
    for regime in FIRST:
        assert trained(regime, budget=budget)[2].steps == 24
    _, learners, result = trained("SSL-NS", budget=budget)
    assert result.steps == (iterations + 1) * 24
    assert result.steps == sum(steps for learner in learners for _, steps, *_ in learner.fits)


def test_each_student_is_the_next_teacher():
    _, learners, result = trained("SSL-NS")
    assert [len(learner.predicted) for learner in learners] == [1, 1, 1, 0]
    assert result.learner is learners[-1]
    homologs = learners[1].fits[0][0].codes
    for learner in learners[:-1]:
        np.testing.assert_array_equal(learner.predicted[0], homologs)


def test_each_student_starts_from_weights_of_its_own():
    _, learners, _ = trained("SSL-NS")
    assert learners[0].seed == 5
    assert len({learner.seed for learner in learners}) == len(learners)


def test_weights_of_the_noisy_student():
    _, learners, _ = trained("SSL-NS")
    clipped = 0
    for iteration, (teacher, student) in enumerate(pairwise(learners), 1):
        examples = student.fits[0][0]
        noise = stream(5, f"noise {iteration}").normal(0, 0.1, len(examples.labels))
        expected = np.maximum(0, probabilities(len(examples.labels), teacher.number) + noise).astype(np.float32)
        positive = examples.labels == 1
        np.testing.assert_array_equal(examples.weights[positive], expected[positive])
        np.testing.assert_array_equal(examples.weights[~positive], np.ones(POSITIVES, np.float32))
        assert examples.weights.dtype == np.float32
        clipped += int((examples.weights == 0).sum())
    assert clipped > 0  # the case of a negative sum has been seen
    assert all((student.fits[1][0].weights == 1).all() for student in learners[1:])


def test_confidence_by_hand():
    class Noise:
        def normal(self, mean, sd, number):
            assert (mean, sd, number) == (0, 0.1, 4)
            return np.array([0.05, -0.3, 0.3, 0.0])

    np.testing.assert_allclose(confidence(np.array([0.5, 0.2, 0.9, 0.0]), 0.1, Noise()), [0.55, 0, 1.2, 0])


def test_confidence_without_noise_is_the_probability():
    np.testing.assert_array_equal(confidence(np.array([0.25, 1.0]), 0.0, np.random.default_rng(0)), [0.25, 1.0])


@pytest.mark.parametrize("regime", REGIMES)
def test_test_bins_are_never_asked_for(regime):
    source, learners, _ = trained(regime)
    evaluations = {asked for asked in source.asked if asked.startswith("evaluation")}
    assert evaluations == {"evaluation validation"}
    for learner in learners:
        for *_, validation, _ in learner.fits:
            np.testing.assert_array_equal(validation[1], [1, 0, 0, 1])


@pytest.mark.parametrize("regime", REGIMES)
def test_seed_decides_everything(regime):
    def account(seed):
        _, learners, result = trained(regime, seed)
        fits = [
            (examples.codes.tolist(), examples.weights.tolist(), order)
            for learner in learners
            for examples, *_, order in learner.fits
        ]
        return [learner.seed for learner in learners], fits, result.history.to_dict("list")

    assert account(1) == account(1)
    (seeds, fits, _), (other_seeds, other_fits, _) = account(1), account(2)
    assert not set(seeds) & set(other_seeds)
    for (codes, _, order), (other_codes, _, other_order) in zip(fits, other_fits):
        assert codes != other_codes and order != other_order


def test_regimes_share_their_labelled_examples():
    supervised, semi = trained("SL")[1][0], trained("SSL")[1][0]
    np.testing.assert_array_equal(supervised.fits[1][0].codes, semi.fits[1][0].codes)


@pytest.mark.parametrize("regime", [name for name in REGIMES if name not in MISTAKES])
def test_no_regime_but_a_mistake_sees_homologs_of_test_peaks(regime):
    assert not {asked for asked in trained(regime)[0].asked if asked.startswith("leaked")}


def test_mistakes_differ_from_ssl_in_the_first_phase_alone():
    right, *wrong = (trained(regime)[1][0] for regime in ("SSL", *MISTAKES))
    for learner in wrong:
        np.testing.assert_array_equal(learner.fits[1][0].codes, right.fits[1][0].codes)
        assert [order for *_, order in learner.fits] == [order for *_, order in right.fits]
        assert learner.seed == right.seed


def test_history_of_one_learner():
    history = trained("SSL")[2].history
    assert list(history.columns) == ["stage", "step", "loss", "validation_aupr"]
    assert history["stage"].tolist() == ["first phase"] * 2 + ["fine-tuning"] * 2
    assert history["step"].tolist() == [0, 7, 7, 10]


def test_history_of_the_noisy_student():
    history = trained("SSL-NS")[2].history
    names = ["teacher", "student 1", "student 2", "student 3"]
    assert history["stage"].tolist() == [
        f"{n}: {p}" for n in names for p in ("first phase", "fine-tuning") for _ in "ab"
    ]
    assert history["step"].tolist() == [10 * n + step for n in range(4) for step in (0, 7, 7, 10)]
    assert history.index.tolist() == list(range(16))


def test_streams_of_different_purposes_differ():
    draws = {stream(seed, purpose).integers(1 << 60) for seed in (0, 1) for purpose in ("a", "b", "ab")}
    assert len(draws) == 6
    assert stream(0, "a").integers(1 << 60) == stream(0, "a").integers(1 << 60)


def test_default_budget_is_the_one_of_the_documentation():
    assert Budget() == Budget(500, 100, 3e-3, 3e-4, 5, 0.1)
