"""DNABERT-2 against an implementation written from its formulas, in which every score is formed."""

import math

import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForSequenceClassification

from regdna.models.dnabert2 import (
    DNABERT2Config,
    DNABERT2ForMaskedLM,
    DNABERT2ForSequenceClassification,
    DNABERT2Model,
)
from regdna.models.dnabert2_layers import alibi_slopes

SMALL = {"vocab_size": 40, "num_hidden_layers": 3, "hidden_size": 48, "intermediate_size": 72}


def build(kind, heads=4, seed=0, **changes):
    """A small model with weights large enough that every term of the formulas shows."""
    torch.manual_seed(seed)
    model = kind(DNABERT2Config(**SMALL | {"num_attention_heads": heads} | changes)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape) * 0.3 + (parameter.ndim == 1) * 0.2)
    return model


def tokens(lengths, seed=1):
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, SMALL["vocab_size"], (len(lengths), max(lengths)), generator=generator)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return ids.masked_fill(mask == 0, 3), mask


def slopes_by_hand(n):
    def series(power):
        return [2 ** (-8 * h / power) for h in range(1, power + 1)]

    power = 2 ** int(math.log2(n))
    return series(n) if power == n else series(power) + series(2 * power)[::2][: n - power]


def norm(x, weights, name):
    mean, variance = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, unbiased=False)
    return (x - mean) / torch.sqrt(variance + 1e-12) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(x, weights, name):
    return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def by_hand(weights, ids, mask, heads, types=None, swapped=False):
    """Vectors of all layers, one sequence and one head after the other; a list of (B, T, H), zeros at padding."""
    states = [[] for _ in range(1 + SMALL["num_hidden_layers"])]
    types = torch.zeros_like(ids) if types is None else types
    for row, kind, real in zip(ids, types, mask.sum(1)):
        x = weights["embeddings.word_embeddings.weight"][row] + weights["embeddings.token_type_embeddings.weight"][kind]
        x = norm(x, weights, "embeddings.LayerNorm")
        states[0].append(x)
        length, hidden = x.shape
        for number in range(SMALL["num_hidden_layers"]):
            at = f"encoder.layer.{number}."
            q, k, v = linear(x, weights, at + "attention.self.Wqkv").split(hidden, dim=1)
            mixed, width = [], hidden // heads
            for head, slope in enumerate(slopes_by_hand(heads)):
                part = slice(head * width, (head + 1) * width)
                scores = torch.empty(length, length)
                for i in range(length):
                    for j in range(length):
                        padding = 0.0 if j < real else -10000.0
                        scores[i, j] = q[i, part] @ k[j, part] / math.sqrt(width) - slope * abs(i - j) + padding
                weight = torch.exp(scores - scores.max(1, keepdim=True).values)
                mixed.append(weight / weight.sum(1, keepdim=True) @ v[:, part])
            mixed = linear(torch.cat(mixed, 1), weights, at + "attention.output.dense")
            x = norm(x + mixed, weights, at + "attention.output.LayerNorm")
            halves = linear(x, weights, at + "mlp.gated_layers").split(SMALL["intermediate_size"], dim=1)
            opened, value = halves[::-1] if swapped else halves
            x = norm(x + linear(gelu(opened) * value, weights, at + "mlp.wo"), weights, at + "mlp.layernorm")
            states[number + 1].append(x)
    return [torch.stack(state) * mask[..., None] for state in states]


def masked_lm_by_hand(weights, hidden):
    x = gelu(linear(hidden, weights, "cls.predictions.transform.dense"))
    x = norm(x, weights, "cls.predictions.transform.LayerNorm")
    return x @ weights["bert.embeddings.word_embeddings.weight"].T + weights["cls.predictions.decoder.bias"]


def encoder_weights(model):
    return {name.removeprefix("bert."): tensor for name, tensor in model.state_dict().items()}


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("heads", [4, 12])
@pytest.mark.parametrize("lengths", [(9, 9), (11, 4, 7), (1, 6)], ids=["unpadded", "padded", "one token"])
class TestAgainstTheFormulas:
    @torch.no_grad()
    def test_encoder(self, heads, lengths):
        model, (ids, mask) = build(DNABERT2Model, heads), tokens(lengths)
        types = (torch.arange(ids.shape[1]) >= 5).long().expand(ids.shape)
        for kind in (None, types):
            expected = by_hand(model.state_dict(), ids, mask, heads, kind)
            found = model(ids, mask, kind, output_hidden_states=True)
            assert len(found.hidden_states) == 1 + SMALL["num_hidden_layers"]
            for one, other in zip(found.hidden_states, expected):
                close(one, other)
            close(found.last_hidden_state, expected[-1])
            pooled = torch.tanh(linear(expected[-1][:, 0], model.state_dict(), "pooler.dense"))
            close(found.pooler_output, pooled)

    @torch.no_grad()
    def test_masked_lm(self, heads, lengths):
        model, (ids, mask) = build(DNABERT2ForMaskedLM, heads), tokens(lengths)
        hidden = by_hand(encoder_weights(model), ids, mask, heads)[-1]
        expected = masked_lm_by_hand(model.state_dict(), hidden)
        labels = ids.where((torch.arange(ids.shape[1]) % 3 == 0) & (mask == 1), -100)
        found = model(ids, mask, labels)
        close(found.logits, expected)
        close(found.loss, -expected.log_softmax(-1)[labels >= 0].gather(1, labels[labels >= 0][:, None]).mean())

    @torch.no_grad()
    @pytest.mark.parametrize("pooling", ["mean", "cls", "max", "pooler"])
    def test_classifier(self, heads, lengths, pooling):
        model = build(DNABERT2ForSequenceClassification, heads, pooling=pooling, num_labels=3)
        ids, mask = tokens(lengths)
        weights = model.state_dict()
        rows = zip(by_hand(encoder_weights(model), ids, mask, heads)[-1], lengths)
        pools = {
            "mean": lambda x: x.mean(0),
            "max": lambda x: x.max(0).values,
            "cls": lambda x: x[0],
            "pooler": lambda x: torch.tanh(linear(x[0], weights, "bert.pooler.dense")),
        }
        vectors = torch.stack([pools[pooling](row[:length]) for row, length in rows])
        labels = torch.arange(len(lengths))
        found = model(ids, mask, labels)
        close(found.logits, linear(vectors, weights, "classifier"))
        close(found.loss, functional.nll_loss(found.logits.log_softmax(1), labels))


@torch.no_grad()
def test_halves_of_the_gate_are_not_alike():
    model, (ids, mask) = build(DNABERT2Model), tokens((8,))
    swapped = by_hand(model.state_dict(), ids, mask, 4, swapped=True)[-1]
    assert (model(ids, mask).last_hidden_state - swapped).abs().max() > 0.5


@torch.no_grad()
@pytest.mark.parametrize("heads", [4, 12])
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "pooler"])
def test_padding_changes_no_result(heads, pooling):
    model = build(DNABERT2ForSequenceClassification, heads, pooling=pooling)
    ids, mask = tokens((14, 5, 9, 2))
    together = model(ids, mask, output_hidden_states=True)
    for row, length in enumerate(mask.sum(1)):
        alone = model(ids[row : row + 1, :length], output_hidden_states=True)
        close(together.logits[row], alone.logits[0])
        for one, other in zip(together.hidden_states, alone.hidden_states):
            close(one[row, :length], other[0])
            assert not one[row, length:].any()  # padded positions come back as zeros
    wider = functional.pad(ids, (0, 6), value=7), functional.pad(mask, (0, 6))
    close(model(*wider).logits, together.logits)
    torch.testing.assert_close(model(ids, mask.bool()).logits, together.logits, rtol=0, atol=0)


def test_padding_gets_no_gradient():
    model, (ids, mask) = build(DNABERT2Model), tokens((6, 3))
    words = model.get_input_embeddings()(ids).detach().requires_grad_()
    model(inputs_embeds=words, attention_mask=mask).last_hidden_state.square().sum().backward()
    assert not words.grad[1, 3:].any() and words.grad[1, :3].abs().min() > 0
    with torch.no_grad():
        close(model(inputs_embeds=words, attention_mask=mask).pooler_output, model(ids, mask).pooler_output)


@pytest.mark.parametrize(
    "heads, exponents",
    [
        (4, [-2, -4, -6, -8]),
        (8, [-1, -2, -3, -4, -5, -6, -7, -8]),
        (12, [-1, -2, -3, -4, -5, -6, -7, -8, -0.5, -1.5, -2.5, -3.5]),
        (1, [-8]),
        (3, [-4, -8, -2]),
    ],
)
def test_slopes(heads, exponents):
    slopes = alibi_slopes(heads)
    assert slopes.dtype == torch.float32
    torch.testing.assert_close(slopes, torch.tensor([2.0**e for e in exponents]), rtol=1e-7, atol=0)


def test_published_size():
    """The numbers of parameters of Zhou et al.'s network; nothing is allocated."""
    with torch.device("meta"):
        config = DNABERT2Config()
        assert DNABERT2Model(config).num_parameters() == 117_068_544
        assert DNABERT2Model(config, add_pooling_layer=False).num_parameters() == 116_477_952
        masked_lm = DNABERT2ForMaskedLM(config)
        assert masked_lm.num_parameters() == 117_074_176 and len(masked_lm.state_dict()) == 142
        stock = DNABERT2ForSequenceClassification(DNABERT2Config(pooling="pooler"))
        assert stock.num_parameters() == 117_070_082
        assert DNABERT2ForSequenceClassification(config).num_parameters() == 117_070_082 - 590_592


def test_nothing_is_stored_but_parameters():
    model = build(DNABERT2ForMaskedLM)
    assert not list(model.buffers()) and model.config._attn_implementation == "sdpa"


@torch.no_grad()
def test_any_length():
    model = build(DNABERT2Model, max_position_embeddings=8)
    assert model(torch.full((1, 700), 9)).last_hidden_state.isfinite().all()


class TestTiedDecoder:
    def test_survives_saving(self, tmp_path):
        model, (ids, mask) = build(DNABERT2ForMaskedLM), tokens((9, 4))
        model.save_pretrained(tmp_path)
        back, report = DNABERT2ForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
        assert not any(report.values())
        assert back.cls.predictions.decoder.weight is back.bert.embeddings.word_embeddings.weight
        with torch.no_grad():
            torch.testing.assert_close(back.eval()(ids, mask).logits, model(ids, mask).logits, rtol=0, atol=0)

    def test_is_trained_once(self):
        model, (ids, mask) = build(DNABERT2ForMaskedLM), tokens((9, 4))
        model(ids, mask, ids).loss.backward()
        names = dict(model.named_parameters())
        assert (
            "cls.predictions.decoder.weight" not in names and names["bert.embeddings.word_embeddings.weight"].grad.any()
        )


def test_classifier_survives_saving(tmp_path):
    model, (ids, mask) = build(DNABERT2ForSequenceClassification, pooling="max"), tokens((9, 4))
    model.save_pretrained(tmp_path)
    back = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(back) is DNABERT2ForSequenceClassification and back.config.pooling == "max"
    with torch.no_grad():
        torch.testing.assert_close(back.eval()(ids, mask).logits, model(ids, mask).logits, rtol=0, atol=0)


@torch.no_grad()
def test_settings_of_hugging_face():
    ids, mask = tokens((9, 4))
    model = build(DNABERT2ForSequenceClassification, output_hidden_states=True)
    found = model(ids, mask)
    assert len(found.hidden_states) == 4 and model(ids, mask, output_hidden_states=False).hidden_states is None
    logits, states = model(ids, mask, return_dict=False)
    torch.testing.assert_close(logits, found.logits, rtol=0, atol=0)
    torch.testing.assert_close(states, found.hidden_states, rtol=0, atol=0)
    model.config.return_dict = False
    assert torch.equal(model(ids, mask)[0], logits)


@torch.no_grad()
def test_half_precision():
    model, (ids, mask) = build(DNABERT2ForSequenceClassification), tokens((9, 4))
    exact = model(ids, mask).logits
    with torch.autocast("cpu", torch.bfloat16):
        near = model(ids, mask).logits
    assert near.isfinite().all() and (near - exact).abs().max() < 0.1 * exact.abs().max()
    assert model.to(torch.bfloat16)(ids, mask).logits.isfinite().all()


def test_dropout_only_in_training():
    model, (ids, mask) = build(DNABERT2ForSequenceClassification, attention_probs_dropout_prob=0.2), tokens((9, 4))
    assert torch.equal(model(ids, mask).logits, model(ids, mask).logits)
    model.train()
    assert not torch.equal(model(ids, mask).logits, model(ids, mask).logits)


class TestBadInput:
    @pytest.mark.parametrize(
        "changes, message",
        [
            ({"hidden_size": 50}, "hidden_size 50 is no multiple of 4 heads"),
            ({"hidden_act": "relu"}, "hidden_act 'relu'"),
            ({"pooling": "first"}, "pooling 'first': choose one of mean, cls, max, pooler"),
        ],
    )
    def test_configuration(self, changes, message):
        with pytest.raises(ValueError, match=message):
            DNABERT2Config(**SMALL | {"num_attention_heads": 4} | changes)

    def test_one_label(self):
        with pytest.raises(ValueError, match="num_labels 1"):
            build(DNABERT2ForSequenceClassification, num_labels=1)

    @pytest.mark.parametrize(
        "given, message",
        [
            ({}, "give input_ids or inputs_embeds"),
            ({"input_ids": torch.ones(1, 2).long(), "inputs_embeds": torch.ones(1, 2, 48)}, "and not both"),
            ({"input_ids": torch.ones(1, 0).long()}, "there is nothing in it"),
            ({"input_ids": torch.ones(1, 2).long(), "attention_mask": torch.ones(1, 3)}, r"shape \(1, 3\)"),
            ({"input_ids": torch.ones(1, 2).long(), "output_attentions": True}, "output_attentions"),
        ],
    )
    def test_forward(self, given, message):
        with pytest.raises(ValueError, match=message):
            build(DNABERT2Model)(**given)
