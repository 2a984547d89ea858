import random

import numpy as np
import pytest
import torch

from regdna.data.examples import Examples
from regdna.models.dna_tokenizer import train_tokenizer
from regdna.models.dnabert2 import DNABERT2Config, DNABERT2ForMaskedLM, DNABERT2ForSequenceClassification
from regdna.models.lora import add_lora
from regdna.training import torch_learner
from regdna.training.learners import as_learner
from regdna.training.metrics import aupr
from regdna.training.regimes import Budget, train
from regdna.training.torch_learner import TorchLearner, dnabert2_learner

LENGTH = 40
MOTIF = np.array([2, 1, 0, 3, 2, 2, 1, 1, 0, 3], np.uint8)
SIZES = {"num_hidden_layers": 1, "hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "vocab_size": 12}


def planted(number, seed):
    """Random windows, of which the first half hold the motif three times."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, (number, LENGTH)).astype(np.uint8)
    codes[: number // 2, 5:35] = np.tile(MOTIF, 3)
    labels = (np.arange(number) < number // 2).astype(np.uint8)
    return Examples(codes, labels, np.ones(number, np.float32))


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(planted(100, seed=5).codes, SIZES["vocab_size"])


@pytest.fixture(scope="module")
def examples():
    return planted(96, seed=1)


@pytest.fixture(scope="module")
def validation():
    return planted(60, seed=2)[:2]


@pytest.fixture
def learner(tokenizer):
    def make(seed=0, rank=None, batch_size=16, check_every=4, dropout=0.1, accumulation=1, checkpoints=None, **changes):
        torch.manual_seed(seed)
        model = DNABERT2ForSequenceClassification(DNABERT2Config(**SIZES | changes, hidden_dropout_prob=dropout))
        if rank:
            model = add_lora(model, rank).model
        return TorchLearner(model, tokenizer, batch_size, check_every, 1.0, accumulation, checkpoints)

    return make


def fit(learner, examples, validation, steps=8, learning_rate=0.01, seed=0):
    return learner.fit(examples, steps, learning_rate, validation, np.random.default_rng(seed))


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("rank", [None, 2])
def test_learns(learner, examples, validation, rank):
    made = learner(rank=rank)
    points = fit(made, examples, validation, steps=40, learning_rate=0.02)
    assert max(point["validation_aupr"] for point in points) > 0.95
    assert points[-1]["loss"] < 0.8 * points[1]["loss"]
    assert aupr(validation[1], made.predict(validation[0])) == max(point["validation_aupr"] for point in points)


@pytest.mark.parametrize(
    "scores, best", [([0.1, 0.5, 0.9, 0.3], 2), ([0.9, 0.5, 0.8, 0.3], 0), ([0.1, 0.2, 0.3, 0.4], 3)]
)
def test_ends_with_the_best_checkpoint(learner, examples, validation, monkeypatch, scores, best):
    made, seen = learner(), []

    def scripted(labels, predicted):
        np.testing.assert_array_equal(labels, validation[1])
        seen.append(made.weights())
        return scores[len(seen) - 1]

    monkeypatch.setattr(torch_learner, "aupr", scripted)
    points = fit(made, examples, validation, steps=12)
    assert [point["validation_aupr"] for point in points] == scores
    assert [same(weights, made.weights()) for weights in seen] == [number == best for number in range(4)]


@pytest.mark.parametrize("steps, at", [(7, [0, 3, 6, 7]), (6, [0, 3, 6]), (2, [0, 2]), (0, [0])])
def test_number_of_steps(learner, examples, validation, steps, at):
    points = fit(learner(check_every=3), examples, validation, steps=steps)
    assert [point["step"] for point in points] == at
    assert np.isnan(points[0]["loss"]) and all(np.isfinite(point["loss"]) for point in points[1:])
    assert {point["note"] for point in points} == {""}


@pytest.mark.parametrize("rank", [None, 2])
def test_same_seed_same_weights(learner, examples, validation, rank):
    results = []
    for noise, seed in ((1, 0), (2, 0), (1, 1)):
        made = learner(rank=rank)
        torch.manual_seed(noise)  # what the global state is must not matter
        points = fit(made, examples, validation, steps=6, seed=seed)
        results.append((made.weights(), points[1:]))
    assert same(results[0][0], results[1][0]) and results[0][1] == results[1][1]
    assert not same(results[0][0], results[2][0])


def test_global_random_states_stay(learner, examples, validation):
    made = learner()
    states = [torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()]  # noqa: NPY002
    fit(made, examples, validation)
    made.predict(validation[0])
    assert torch.equal(torch.get_rng_state(), states[0]) and random.getstate() == states[1]
    np.testing.assert_array_equal(np.random.get_state()[1], states[2])  # noqa: NPY002


def test_every_example_is_seen_before_any_is_seen_twice(learner, examples, validation, monkeypatch):
    few, seen = Examples(*(part[::2] for part in examples)), []  # 48 windows, 3 batches
    real = torch_learner._WeightedTrainer.compute_loss

    def spy(self, model, inputs, *args, **kwargs):
        seen.append([tuple(row) for row in inputs["input_ids"].tolist()])
        return real(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(torch_learner._WeightedTrainer, "compute_loss", spy)
    made = learner()
    fit(made, few, validation, steps=6)
    tokens = made.tokenizer.encode(few.codes)
    expected = sorted(tuple(row[:length]) for row, length in zip(tokens.ids.tolist(), tokens.lengths))
    rounds = [[tuple(t for t in row if t != 3) for batch in part for row in batch] for part in (seen[:3], seen[3:])]
    assert sorted(rounds[0]) == sorted(rounds[1]) == expected
    assert rounds[0] != rounds[1]  # shuffled anew


def test_weight_zero_means_not_there(learner, examples, validation):
    ignored = np.arange(len(examples.labels)) % 3 == 0
    flipped = np.where(ignored, 1 - examples.labels, examples.labels).astype(np.uint8)

    def loss(labels, weights):
        return fit(learner(), Examples(examples.codes, labels, weights), validation, steps=4)[1]["loss"]

    some, none = (~ignored).astype(np.float32), np.ones(len(ignored), np.float32)
    assert loss(examples.labels, some) == loss(flipped, some)
    assert loss(examples.labels, none) != loss(flipped, none)


def test_twice_the_weight_twice_the_loss(learner, examples, validation):
    losses = []
    for weight in (1, 2):
        weighted = examples._replace(weights=np.full(len(examples.labels), weight, np.float32))
        losses.append(fit(learner(check_every=1), weighted, validation, steps=1)[1]["loss"])
    assert losses[1] == pytest.approx(2 * losses[0])


def test_accumulated_parts_are_one_batch(learner, examples, validation):
    results = []
    for accumulation in (1, 4):
        made = learner(dropout=0.0, accumulation=accumulation)
        points = fit(made, examples, validation, steps=5, learning_rate=0.001)
        results.append((made.weights(), points))
    for name, weight in results[0][0].items():
        np.testing.assert_allclose(results[1][0][name], weight, atol=2e-4)
    assert results[0][1][-1]["loss"] == pytest.approx(results[1][1][-1]["loss"], rel=1e-3)
    with pytest.raises(ValueError, match="a batch of 16 cannot be divided by 3"):
        fit(learner(accumulation=3), examples, validation)


def test_rate_scale(learner, examples, validation):
    one, other = learner(), learner()
    other.rate_scale = 0.1
    fit(one, examples, validation, steps=4, learning_rate=0.001)
    fit(other, examples, validation, steps=4, learning_rate=0.01)
    assert same(one.weights(), other.weights())


class TestCheckpoints:
    @pytest.mark.parametrize("rank", [None, 2])
    @pytest.mark.parametrize("killed_at", [3, 6, 10])
    def test_a_killed_fit_ends_with_the_same_weights(
        self, learner, examples, validation, tmp_path, monkeypatch, rank, killed_at
    ):
        whole = learner(rank=rank)
        expected = fit(whole, examples, validation, steps=10)
        real, taken = torch_learner._WeightedTrainer.training_step, []

        def killed(self, *args, **kwargs):
            taken.append(self.state.global_step)
            if len(taken) == killed_at:
                raise KeyboardInterrupt
            return real(self, *args, **kwargs)

        monkeypatch.setattr(torch_learner._WeightedTrainer, "training_step", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(learner(rank=rank, checkpoints=tmp_path), examples, validation, steps=10)
        again = learner(rank=rank, checkpoints=tmp_path)
        points = fit(again, examples, validation, steps=10)
        done = (killed_at - 1) // 4 * 4
        assert taken == [*range(killed_at), *range(done, 10)]
        np.testing.assert_equal(points, expected)
        assert same(again.weights(), whole.weights())

    def test_a_finished_fit_takes_no_more_steps(self, learner, examples, validation, tmp_path, monkeypatch):
        first, second = learner(checkpoints=tmp_path), learner(checkpoints=tmp_path)
        points = fit(first, examples, validation)
        monkeypatch.setattr(torch_learner._WeightedTrainer, "training_step", None)
        np.testing.assert_equal(fit(second, examples, validation), points)
        assert same(first.weights(), second.weights())

    def test_another_fit_is_not_taken_for_it(self, learner, examples, validation, tmp_path):
        fit(learner(checkpoints=tmp_path), examples, validation)
        for change in ({"seed": 1}, {"learning_rate": 0.02}, {"steps": 9}):
            fit(learner(checkpoints=tmp_path), examples, validation, **change)
        flipped = examples._replace(labels=1 - examples.labels)
        fit(learner(checkpoints=tmp_path), flipped, validation)
        fit(learner(checkpoints=tmp_path), examples, (validation[0][1:], validation[1][1:]))
        frozen = learner(checkpoints=tmp_path)
        frozen.model.bert.embeddings.word_embeddings.weight.requires_grad_(False).add_(0.01)
        fit(frozen, examples, validation)
        assert len(list(tmp_path.iterdir())) == 7


class TestPredict:
    def test_any_order_and_number(self, learner, validation, monkeypatch):
        made = learner()
        together = made.predict(validation[0])
        assert together.dtype == np.float32 and together.shape == (60,) and ((together > 0) & (together < 1)).all()
        alone = np.concatenate([made.predict(validation[0][row : row + 1]) for row in range(60)])
        np.testing.assert_allclose(together, alone, atol=1e-6)
        for tokens in (1, 100):  # one row in each batch, a few
            monkeypatch.setattr(torch_learner, "BATCH_TOKENS", tokens)
            np.testing.assert_allclose(made.predict(validation[0]), together, atol=1e-6)
        assert made.predict(validation[0][:0]).shape == (0,)

    def test_is_the_softmax_of_the_logits(self, learner, validation):
        made = learner()
        tokens = made.tokenizer.encode(validation[0])
        with torch.no_grad():
            logits = made.model.eval()(torch.tensor(tokens.ids), torch.tensor(tokens.mask)).logits
        expected = 1 / (1 + np.exp((logits[:, 0] - logits[:, 1]).numpy()))
        np.testing.assert_allclose(made.predict(validation[0]), expected, atol=1e-6)

    def test_batches_of_like_lengths(self):
        lengths = np.array([3, 9, 4, 200, 5, 9000])
        order = np.argsort(lengths)
        batches = list(torch_learner._batches(order, lengths))
        assert [list(batch) for batch in batches] == [[0, 2, 4, 1, 3], [5]]


class TestTrouble:
    def test_collapse_is_said_and_never_best(self, learner, examples, validation, caplog):
        made = learner()
        torch.nn.init.zeros_(made.model.classifier.weight)
        points = fit(made, examples, validation, steps=0)
        assert points[0]["note"] == "constant scores" and np.isnan(points[0]["validation_aupr"])
        assert "step 0: constant scores" in caplog.text

    def test_recovers_from_a_collapsed_start(self, learner, examples, validation):
        made = learner()
        torch.nn.init.zeros_(made.model.classifier.weight)
        points = fit(made, examples, validation, steps=8)
        best = np.nanmax([point["validation_aupr"] for point in points])
        assert np.isnan(points[0]["validation_aupr"]) and np.isfinite(best)
        assert aupr(validation[1], made.predict(validation[0])) == best

    def test_divergence_keeps_the_start(self, learner, examples, validation):
        made = learner()
        before = made.weights()
        broken = examples._replace(weights=np.full(len(examples.labels), np.inf, np.float32))
        points = fit(made, broken, validation, steps=4)
        assert points[-1]["note"] == "scores are not finite" and same(made.weights(), before)


class TestWeights:
    @pytest.mark.parametrize("rank", [None, 2])
    def test_there_and_back(self, learner, examples, validation, rank):
        made, other = learner(rank=rank), learner(rank=rank)
        fit(made, examples, validation, steps=8)
        weights = made.weights()
        assert all(weight.dtype == np.float32 for weight in weights.values())
        assert all("lora" in name or "classifier" in name for name in weights) == bool(rank)
        other.load_weights(weights)
        np.testing.assert_array_equal(other.predict(validation[0]), made.predict(validation[0]))

    @pytest.mark.parametrize("change", ["name", "shape"])
    def test_of_another_model(self, learner, change):
        weights = learner().weights()
        name = next(iter(weights))
        weights["other" if change == "name" else name] = weights.pop(name)[:1]
        with pytest.raises(ValueError, match="weights of another model"):
            learner().load_weights(weights)


def test_tokenizer_of_another_size(learner):
    with pytest.raises(ValueError, match="the tokenizer has 12 tokens, the model 13"):
        learner(vocab_size=13)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tokenizer):
    """A pretrained model as it lies on the Hub."""
    folder = tmp_path_factory.mktemp("pretrained")
    torch.manual_seed(0)
    DNABERT2ForMaskedLM(DNABERT2Config(**SIZES, max_position_embeddings=20)).save_pretrained(folder)
    tokenizer.save(folder)
    return folder


class TestFromPretrained:
    @pytest.mark.parametrize("rank", [4, None])
    def test_learner(self, folder, rank):
        made = dnabert2_learner(folder, seed=3, rank=rank, pooling="max", rate_scale=0.5)
        assert made.model.config.pooling == "max" and made.tokenizer.max_tokens == 20
        assert made.rate_scale == 0.5 and ("lora" in str(made.weights().keys())) == (rank is not None)
        assert same(made.weights(), dnabert2_learner(folder, 3, rank, "max").weights())

    def test_in_a_regime(self, folder, examples, validation):
        class Source:
            def labelled(self, rng):
                return examples

            def evaluation(self, split):
                return validation

        trained = train("SL", lambda seed: dnabert2_learner(folder, seed, check_every=5), Source(), Budget(10, 5), 0)
        assert list(trained.history["step"]) == [0, 5, 10, 10, 15] and trained.steps == 15
        assert as_learner(trained.learner) is trained.learner


def test_of_many_negatives_an_even_part_is_watched(learner, examples, monkeypatch):
    codes, labels = planted(60, seed=2)[:2]
    seen = []
    monkeypatch.setattr(torch_learner, "aupr", lambda labels, scores: seen.append(labels) or aupr(labels, scores))
    one = learner()
    one.negatives_watched = 7
    fit(one, examples, (codes, labels), steps=2)
    assert all(watched.tolist() == [1] * 30 + [0] * 7 for watched in seen) and len(seen) == 2
    np.testing.assert_array_equal(
        torch_learner._thinned(codes, labels, 7)[0][30:], codes[30:60][[0, 4, 9, 14, 19, 24, 29]]
    )
    np.testing.assert_array_equal(torch_learner._thinned(codes, labels, 2000)[0], codes)
