"""GeneBERT (Mo et al. 2021, arXiv 2110.05231), on the conventions of Hugging Face.

A BERT over the k-mers of ten regions in two segments, and an encoder of their region × TF matrix beside it. Three
heads: one names masked k-mers, one says from the tanh-pooled [CLS] vector whether the second segment follows the
first, and two projections bring sequence and matrix into one space, where they are matched
(:mod:`regdna.training.matching_losses`).

There is no public code, and the paper leaves much open. What is decided here:

* k = 6, and 55 bases of each region, so that ten of them fit into BERT's 512 positions (the paper's regions are 505
  bases on average, ten times as much as fits).
* Sequence and matrix are compared after a linear projection each, scaled to length one, times exp(log_scale). The
  paper compares the raw vectors, which only works where both are as wide (Swin-T and BERT-base: 768);
  ``projection=0`` is its way. ``matching="literal"``, its Eq. 3, is not scaled.
* ``pooling`` is what stands for the sequence: ``cls``, as published, or ``mean``, over its k-mers, which learns far
  faster in short runs.

Encoder and first two heads have the names of ``transformers.BertForPreTraining``.

Letters: B examples, T tokens, H hidden size, R regions, M motifs, P width of the common space, V vocabulary.
"""

import math
from dataclasses import dataclass, field

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import AutoConfig, AutoModel, BertConfig, BertModel, BertPreTrainedModel
from transformers.models.bert.modeling_bert import BertPreTrainingHeads
from transformers.utils.generic import ModelOutput

from regdna.models.kmer_tokenizer import CLS, PAD, SEP, KmerTokenizer, tokens_for
from regdna.models.region_encoder import RegionEncoder

POOLINGS = ("cls", "mean")
MATCHINGS = ("infonce", "global", "literal")
FIRST_TEMPERATURE = 0.1
SHARPEST = math.log(100)  # what log_scale is kept below, as CLIP does (Radford et al. 2021, arXiv 2103.00020)


@strict
class GeneBERTConfig(BertConfig):
    """Sizes of the network; the defaults are BERT-base and Swin-T, with which the paper's headline numbers were made.

    Attributes
    ----------
    k : int
        Bases of a k-mer; the vocabulary follows from it.
    regions, crop : int
        R, even, and bases that are read of each.
    motifs : int
        M.
    region_encoder, region_image, image_size, region_sizes : str, str, int, dict
        See :class:`regdna.models.region_encoder.RegionEncoder`.
    projection : int
        P; 0 for none.
    pooling : str
        ``cls`` or ``mean``.
    matching : str
        ``infonce``, ``global`` or ``literal``.
    others
        As :class:`transformers.BertConfig` has them.

    Raises
    ------
    ValueError
        If there is no such pooling or matching, the regions are odd, or their tokens are more than the positions.
    """

    model_type = "genebert"

    k: int = 6
    vocab_size: int | None = None
    regions: int = 10
    crop: int = 55
    motifs: int = 579
    region_encoder: str = "swin"
    region_image: str = "resize"
    image_size: int = 224
    region_sizes: dict = field(default_factory=dict)
    projection: int = 256
    pooling: str = "cls"
    matching: str = "infonce"

    def __post_init__(self, **kwargs):
        self.vocab_size = KmerTokenizer(self.k).size
        for name, known in (("pooling", POOLINGS), ("matching", MATCHINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} {getattr(self, name)!r}: choose one of {', '.join(known)}")
        if self.regions < 2 or self.regions % 2:
            raise ValueError(f"{self.regions} regions cannot be halved into two segments; give an even number")
        tokens = tokens_for(self.regions, self.crop, self.k)
        if self.crop < self.k or tokens > self.max_position_embeddings:
            widest = (self.max_position_embeddings - 3) // self.regions + self.k - 1
            raise ValueError(
                f"a crop of {self.crop} bases makes {tokens} tokens of {self.regions} regions, and there are "
                f"{self.max_position_embeddings} positions; crop {self.k} to {widest} bases, or add positions"
            )
        super().__post_init__(**kwargs)


@dataclass
class GeneBERTOutput(ModelOutput):
    """What the network gives.

    Attributes
    ----------
    last_hidden_state : float tensor, shape (B, T, H)
    pooler_output : float tensor, shape (B, H)
        Dense layer and tanh of [CLS], for the next segment.
    sequences : float tensor, shape (B, H)
        E_seq, by ``config.pooling``.
    regions : float tensor, shape (B, D), or None without matrices
        E_reg.
    """

    last_hidden_state: torch.Tensor | None = None
    pooler_output: torch.Tensor | None = None
    sequences: torch.Tensor | None = None
    regions: torch.Tensor | None = None


class GeneBERT(BertPreTrainedModel):
    """Both encoders and the heads.

    Parameters
    ----------
    config : GeneBERTConfig

    Raises
    ------
    ValueError
        If the matrix is too small for the region encoder, or ``projection`` is 0 and the encoders' widths differ.
    """

    config_class = GeneBERTConfig
    _tied_weights_keys = {  # noqa: RUF012
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    }

    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config)
        self.cls = BertPreTrainingHeads(config)
        self.region_encoder = RegionEncoder(
            config.region_encoder,
            config.regions,
            config.motifs,
            config.region_image,
            config.image_size,
            config.hidden_size,
            config.region_sizes,
        )
        channels = self.region_encoder.channels
        if config.projection:
            self.sequence_projection = nn.Linear(config.hidden_size, config.projection)
            self.region_projection = nn.Linear(channels, config.projection)
        elif channels != config.hidden_size:
            raise ValueError(
                f"the sequence vector is {config.hidden_size} wide and that of the region encoder "
                f"{config.region_encoder} {channels}; without a projection they cannot be compared"
            )
        else:
            self.sequence_projection = self.region_projection = nn.Identity()
        self.log_scale = nn.Parameter(torch.tensor(-math.log(FIRST_TEMPERATURE)))
        self.post_init()

    def get_output_embeddings(self):
        """Give the decoder; torch.nn.Linear."""
        return self.cls.predictions.decoder

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, matrix=None):
        """Turn tokens, and matrices if given, into vectors.

        Parameters
        ----------
        input_ids : int64 tensor, shape (B, T)
            As :func:`regdna.models.kmer_tokenizer.join_regions` makes them; or any [CLS] k-mers [SEP]. Of more tokens
            than there are positions, the next have the positions of the first again, as Longformer's were copied
            (Beltagy et al. 2020, arXiv 2004.05150).
        attention_mask : tensor, shape (B, T), optional
            0 at padding; by default where ``input_ids`` are [PAD].
        token_type_ids : int64 tensor, shape (B, T), optional
            0 by default.
        matrix : float tensor, shape (B, R, M), optional

        Returns
        -------
        GeneBERTOutput

        Raises
        ------
        ValueError
            If there are not as many matrices as sequences, or they have another shape.
        """
        if matrix is not None and len(matrix) != len(input_ids):
            raise ValueError(f"{len(matrix)} matrices for {len(input_ids)} sequences; each needs its own")
        if attention_mask is None:
            attention_mask = input_ids != PAD
        positions = torch.arange(input_ids.shape[1], device=input_ids.device) % self.config.max_position_embeddings
        encoded = self.bert(input_ids, attention_mask, token_type_ids, positions[None])
        vectors = encoded.last_hidden_state
        if self.config.pooling == "cls":
            pooled = vectors[:, 0]
        else:
            kmer = attention_mask.bool() & (input_ids != CLS) & (input_ids != SEP)
            pooled = (vectors * kmer[..., None]).sum(1) / kmer.sum(1, keepdim=True)
        regions = None if matrix is None else self.region_encoder(matrix)
        return GeneBERTOutput(vectors, encoded.pooler_output, pooled, regions)

    def kmer_logits(self, vectors):
        """Name k-mers; (..., H) to (..., V)."""
        return self.cls.predictions(vectors)

    def next_logits(self, pooled):
        """Say whether the second segment follows the first; ``pooler_output`` (B, H) to (B, 2), column 1 for yes."""
        return self.cls.seq_relationship(pooled)

    def projected(self, output):
        """Bring both into one space.

        Parameters
        ----------
        output : GeneBERTOutput
            Made with matrices.

        Returns
        -------
        sequences, regions : float32 tensors, shape (B, P)
            ``sequences @ regions.T`` are the scores of all pairs. Each is of length exp(log_scale / 2), so that the
            scores are cosines times exp(log_scale); as they are with the matching ``literal``.
        """
        both = self.sequence_projection(output.sequences).float(), self.region_projection(output.regions).float()
        if self.config.matching == "literal":
            return both
        length = (self.log_scale / 2).exp()
        return tuple(functional.normalize(vectors, dim=-1) * length for vectors in both)


AutoConfig.register(GeneBERTConfig.model_type, GeneBERTConfig)
AutoModel.register(GeneBERTConfig, GeneBERT)
