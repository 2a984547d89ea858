import copy

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file

from regdna.models.dnabert2 import DNABERT2Config, DNABERT2ForSequenceClassification, DNABERT2Model
from regdna.models.lora import add_lora

SIZES = {"vocab_size": 40, "num_hidden_layers": 2, "hidden_size": 24, "intermediate_size": 36, "num_attention_heads": 4}
IDS = torch.tensor([[1, 9, 17, 30, 2], [1, 5, 2, 3, 3]])
MASK = (IDS != 3).long()


def classifier(pooling="mean"):
    torch.manual_seed(0)
    return DNABERT2ForSequenceClassification(DNABERT2Config(**SIZES, pooling=pooling)).eval()


@torch.no_grad()
def logits(model):
    return model.eval()(input_ids=IDS, attention_mask=MASK).logits


def train_a_little(model):
    """Gradient steps large enough that the adapters matter."""
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=3.0)
    for _ in range(5):
        optimizer.zero_grad()
        model(input_ids=IDS, attention_mask=MASK, labels=torch.tensor([0, 1])).loss.backward()
        optimizer.step()
    return model


@pytest.mark.parametrize("pooling, head", [("mean", 24 * 2 + 2), ("pooler", 24 * 2 + 2 + 24 * 24 + 24)])
def test_what_is_trained(pooling, head):
    model = classifier(pooling)
    before = model.num_parameters()
    adapted = add_lora(model, rank=4)
    lora = 2 * 4 * (24 + 72)
    assert (adapted.trainable, adapted.total) == (lora + head, before + lora)
    assert sum(p.numel() for p in adapted.model.parameters() if p.requires_grad) == lora + head


def test_published_size():
    """Wqkv, rank 8: 294,912 parameters in 12 layers, and the classifier."""
    with torch.device("meta"):
        model = DNABERT2ForSequenceClassification(DNABERT2Config())
        adapted = add_lora(model)
    assert adapted.trainable == 294_912 + 1_538


@pytest.mark.parametrize(
    "targets, layers", [(("Wqkv",), 2), (("Wqkv", "wo"), 4), (("dense",), 2), (("1.mlp.gated_layers",), 1)]
)
def test_targets(targets, layers):
    adapted = add_lora(classifier("pooler"), targets=targets)
    names = [name for name, _ in adapted.model.named_parameters() if "lora_A" in name]
    assert len(names) == layers and not [name for name in names if "pooler" in name]


def test_starts_as_the_plain_model():
    plain = classifier()
    expected = logits(plain)
    torch.testing.assert_close(logits(add_lora(plain).model), expected, rtol=0, atol=0)


def test_only_adapters_and_head_move():
    model = classifier("pooler")
    before = copy.deepcopy(model.state_dict())
    adapted = train_a_little(add_lora(model).model)
    after = adapted.merge_and_unload().state_dict()
    moved = {name for name, tensor in before.items() if not torch.equal(after[name], tensor)}
    wqkv = {f"bert.encoder.layer.{number}.attention.self.Wqkv.weight" for number in range(2)}
    heads = {f"{name}.{part}" for name in ("classifier", "bert.pooler.dense") for part in ("weight", "bias")}
    assert moved == wqkv | heads


@pytest.mark.parametrize("pooling", ["mean", "pooler"])
def test_merged_equals_unmerged(pooling):
    adapted = train_a_little(add_lora(classifier(pooling), targets=("Wqkv", "gated_layers")).model)
    unmerged = logits(adapted)
    assert (unmerged - logits(classifier(pooling))).abs().max() > 0.02
    merged = adapted.merge_and_unload()
    assert type(merged) is DNABERT2ForSequenceClassification and not [
        n for n, _ in merged.named_modules() if "lora" in n
    ]
    torch.testing.assert_close(logits(merged), unmerged, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "pooler"])
def test_saved_alone(tmp_path, pooling):
    adapted = train_a_little(add_lora(classifier(pooling)).model)
    adapted.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    assert not [name for name in weights if not any(part in name for part in ("lora_", "classifier.", "pooler."))]
    assert sum(tensor.numel() for tensor in weights.values()) == sum(
        p.numel() for p in adapted.parameters() if p.requires_grad
    )
    back = PeftModel.from_pretrained(classifier(pooling), tmp_path)
    torch.testing.assert_close(logits(back), logits(adapted), rtol=0, atol=0)


def test_seed():
    models = [add_lora(classifier(), seed=seed).model.state_dict() for seed in (0, 0, 1)]
    one, same, other = ({name: tensor for name, tensor in model.items() if "lora_A" in name} for model in models)
    torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert not [name for name in one if torch.equal(one[name], other[name])]


def test_global_random_state_stays():
    model, state = classifier(), torch.get_rng_state()
    add_lora(model, seed=5)
    assert torch.equal(torch.get_rng_state(), state)


class TestBadInput:
    @pytest.mark.parametrize("targets", [("query", "value"), ("Wqkv", "query"), ("qkv",)])
    def test_no_such_layer(self, targets):
        with pytest.raises(ValueError, match=r"matches no linear layer .* there are Wqkv, dense, gated_layers, wo"):
            add_lora(classifier(), targets=targets)

    def test_no_targets(self):
        with pytest.raises(ValueError, match="no LoRA targets"):
            add_lora(classifier(), targets=())

    def test_no_classifier(self):
        with pytest.raises(ValueError, match="DNABERT2Model gets no adapters"):
            add_lora(DNABERT2Model(DNABERT2Config(**SIZES)))
