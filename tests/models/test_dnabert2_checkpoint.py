"""Reading weights that lie in a folder as they do on the Hub."""

import json
import logging

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file

from regdna.models import dnabert2_checkpoint
from regdna.models.dnabert2 import (
    DNABERT2Config,
    DNABERT2ForMaskedLM,
    DNABERT2Model,
)
from regdna.models.dnabert2_checkpoint import load_published, published_shapes, read_checkpoint

SIZES = {"vocab_size": 40, "num_hidden_layers": 2, "hidden_size": 24, "intermediate_size": 36, "num_attention_heads": 4}
# As on the Hub since 2024: no model_type, no pad_token_id, and a map to Python files that must not be followed.
HUB_CONFIG = SIZES | {
    "_name_or_path": "",
    "alibi_starting_size": 512,
    "attention_probs_dropout_prob": 0.0,
    "auto_map": {"AutoModel": "bert_layers.BertModel", "AutoConfig": "configuration_bert.BertConfig"},
    "classifier_dropout": None,
    "gradient_checkpointing": False,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "position_embedding_type": "absolute",
    "torch_dtype": "float32",
    "transformers_version": "4.28.0",
    "use_cache": True,
}
IDS = torch.tensor([[1, 9, 17, 30, 2], [1, 5, 2, 3, 3]])
MASK = (IDS != 3).long()


def random_weights(**more):
    generator = torch.Generator().manual_seed(0)
    shapes = published_shapes(DNABERT2Config(**SIZES)) | more
    weights = {name: torch.randn(shape, generator=generator) * 0.2 for name, shape in shapes.items()}
    return weights | {"cls.predictions.decoder.weight": weights["bert.embeddings.word_embeddings.weight"]}


def write(folder, weights, kind="bin", config=HUB_CONFIG):
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    if kind == "bin":
        torch.save(weights, folder / "pytorch_model.bin")
    else:
        save_file({name: tensor.clone() for name, tensor in weights.items()}, folder / "model.safetensors")
    return folder


@pytest.fixture
def hub(tmp_path):
    return write(tmp_path / "hub", random_weights())


@pytest.mark.parametrize("kind", ["bin", "safetensors"])
def test_every_tensor_finds_its_place(tmp_path, kind):
    weights = random_weights()
    model = load_published(write(tmp_path / "hub", weights, kind), DNABERT2ForMaskedLM)
    found = model.state_dict()
    assert found.keys() == weights.keys()
    for name, tensor in weights.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    assert model.config.pad_token_id == 3 and not hasattr(model.config, "auto_map") and not model.training


def test_published_sizes():
    """The 142 tensors of the published file, 117,074,176 numbers besides the decoder, which is the table."""
    shapes = published_shapes(DNABERT2Config())
    assert len(shapes) == 142
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 117_074_176 + 4096 * 768
    assert shapes["bert.encoder.layer.11.attention.self.Wqkv.weight"] == (2304, 768)
    assert shapes["bert.encoder.layer.0.mlp.gated_layers.weight"] == (6144, 768)


def test_transformers_reads_it_too(hub):
    model, report = DNABERT2ForMaskedLM.from_pretrained(hub, output_loading_info=True)
    assert not any(report.values())
    torch.testing.assert_close(model.state_dict(), load_published(hub, DNABERT2ForMaskedLM).state_dict())


def test_the_same_encoder_in_every_model(hub):
    bare, whole = load_published(hub, DNABERT2Model), load_published(hub, DNABERT2ForMaskedLM)
    classifier = load_published(hub, pooling="max")
    with torch.no_grad():
        hidden = bare(IDS, MASK).last_hidden_state
        torch.testing.assert_close(whole.bert(IDS, MASK).last_hidden_state, hidden, rtol=0, atol=0)
        torch.testing.assert_close(classifier.bert(IDS, MASK).last_hidden_state, hidden, rtol=0, atol=0)
    assert classifier.config.pooling == "max"


@pytest.mark.parametrize(
    "pooling, new", [("mean", ["classifier"]), ("pooler", ["bert.pooler.dense", "classifier"])], ids=["mean", "pooler"]
)
def test_what_starts_at_random_is_named_and_seeded(hub, pooling, new, caplog):
    state = torch.get_rng_state()
    with caplog.at_level(logging.INFO, logger="regdna"):
        one, same, other = (load_published(hub, seed=seed, pooling=pooling) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    names = [f"{name}.{part}" for name in new for part in ("bias", "weight")]
    assert ", ".join(names) in caplog.text
    for name, tensor in one.state_dict().items():
        assert torch.equal(tensor, same.state_dict()[name])
        random = name in names and name.endswith("weight")
        assert torch.equal(tensor, other.state_dict()[name]) != random


def test_a_pooler_is_read_where_there_is_one(tmp_path):
    pooler = {"bert.pooler.dense.weight": (24, 24), "bert.pooler.dense.bias": (24,)}
    weights = random_weights(**pooler)
    folder = write(tmp_path / "hub", weights)
    classifier = load_published(folder, pooling="pooler")
    assert torch.equal(classifier.bert.pooler.dense.weight, weights["bert.pooler.dense.weight"])
    assert torch.equal(load_published(folder, DNABERT2Model).pooler.dense.bias, weights["bert.pooler.dense.bias"])
    load_published(folder, DNABERT2ForMaskedLM)  # has no place for it, and needs none


def test_our_own_folder(hub, tmp_path):
    """A safetensors file holds the tied decoder once."""
    model = load_published(hub, DNABERT2ForMaskedLM)
    model.save_pretrained(tmp_path / "own")
    back = load_published(tmp_path / "own", DNABERT2ForMaskedLM)
    torch.testing.assert_close(back.state_dict(), model.state_dict(), rtol=0, atol=0)


class TestBadInput:
    def broken(self, tmp_path, change, message, config=HUB_CONFIG):
        weights = random_weights()
        change(weights)
        with pytest.raises(ValueError, match=message):
            read_checkpoint(write(tmp_path / "hub", weights, config=config))

    def test_missing(self, tmp_path):
        name = "bert.encoder.layer.1.mlp.layernorm.weight"
        self.broken(tmp_path, lambda weights: weights.pop(name), f"pytorch_model.bin .* missing: {name}")

    def test_unexpected(self, tmp_path):
        name = "bert.encoder.layer.2.mlp.wo.bias"
        self.broken(tmp_path, lambda weights: weights.update({name: torch.ones(24)}), f"unexpected: {name}")

    def test_another_shape(self, tmp_path):
        message = r"word_embeddings.weight \(40, 24\) instead of \(41, 24\)"
        self.broken(tmp_path, lambda weights: None, message, HUB_CONFIG | {"vocab_size": 41})

    def test_untied(self, tmp_path):
        name = "cls.predictions.decoder.weight"
        self.broken(tmp_path, lambda weights: weights.update({name: torch.ones(40, 24)}), "they are one tensor")

    def test_stock_bert(self, tmp_path):
        def rename(weights):
            for name in [name for name in weights if "Wqkv" in name]:
                weights[name.replace("Wqkv", "query")] = weights.pop(name)

        config = HUB_CONFIG | {"model_type": "bert"}
        self.broken(tmp_path, rename, "missing: .*Wqkv.*unexpected: .*query", config)

    def test_another_architecture(self, tmp_path):
        config = HUB_CONFIG | {"model_type": "esm"}
        self.broken(tmp_path, lambda weights: None, "config.json: a model of type 'esm', not DNABERT-2", config)

    def test_foreign_code_in_a_bin_file_is_not_run(self, tmp_path):
        class Bomb:
            def __reduce__(self):
                return (open, (str(tmp_path / "ran"), "w"))

        folder = write(tmp_path / "hub", {"bert": Bomb()})
        with pytest.raises(Exception, match=r"[Ww]eights.only"):
            read_checkpoint(folder)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize("kind, name", [("bin", "pytorch_model.bin"), ("safetensors", "model.safetensors")])
    def test_truncated(self, tmp_path, kind, name):
        path = write(tmp_path / "hub", random_weights(), kind) / name
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ValueError, match=f"(?s){name}: truncated or damaged .*download it again"):
            read_checkpoint(path.parent)

    @pytest.mark.parametrize("lost, message", [("config.json", "no config.json"), ("pytorch_model.bin", "no weights")])
    def test_lost_file(self, hub, lost, message):
        (hub / lost).unlink()
        with pytest.raises(FileNotFoundError, match=message):
            read_checkpoint(hub)

    def test_no_network(self, monkeypatch):
        def offline(*args, **kwargs):
            raise LocalEntryNotFoundError("no connection")

        monkeypatch.setattr(dnabert2_checkpoint, "snapshot_download", offline)
        with pytest.raises(FileNotFoundError, match=r"zhihan1996/DNABERT-2-117M is no folder.*give a folder"):
            read_checkpoint("zhihan1996/DNABERT-2-117M")

    def test_no_such_folder(self):
        with pytest.raises(FileNotFoundError, match="/no/such/folder is no folder"):
            read_checkpoint("/no/such/folder")


@pytest.mark.parametrize("kind, asked", [("safetensors", 1), ("bin", 2)])
def test_from_the_hub(tmp_path, monkeypatch, kind, asked):
    folder, calls = write(tmp_path / "hub", random_weights(), kind), []

    def download(name, revision, allow_patterns):
        calls.append((name, revision, allow_patterns[-1]))
        return str(folder)

    monkeypatch.setattr(dnabert2_checkpoint, "snapshot_download", download)
    assert read_checkpoint("owner/name@abc").folder == folder
    files = ["model.safetensors", "pytorch_model.bin"][:asked]
    assert calls == [("owner/name", "abc", file) for file in files]
