"""DNABERT-2 (Zhou et al. 2024, arXiv 2306.15006) in plain PyTorch, on the conventions of Hugging Face.

A BERT encoder with layer norm after each residual, ALiBi instead of positions (Press et al. 2022, arXiv 2108.12409) and
a gated feed-forward (Shazeer 2020, arXiv 2002.05202). Parameters are named as in the published checkpoint; read that by
:mod:`regdna.models.dnabert2_checkpoint`. It runs on CPU and GPU, with PyTorch's own attention.

Letters: B batch, T tokens, H hidden size, h heads, V vocabulary.
"""

import torch
from huggingface_hub.dataclasses import strict
from torch import nn
from torch.nn import functional
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling, MaskedLMOutput, SequenceClassifierOutput
from transformers.utils.generic import can_return_tuple

from regdna.models.dnabert2_layers import Embeddings, Encoder, MaskedLMHead, Pooler, attention_bias

POOLINGS = ("mean", "cls", "max", "pooler")


@strict
class DNABERT2Config(PreTrainedConfig):
    """Sizes of the network; the defaults are those of zhihan1996/DNABERT-2-117M.

    Attributes
    ----------
    pooling : str
        How a sequence becomes one vector for the classifier: ``mean`` or ``max`` over the tokens that are not padding,
        [CLS] and [SEP] included; ``cls``, the vector of the first token; ``pooler``, that vector through a dense layer
        and tanh, as upstream does it. The published checkpoint holds no pooler, so that one starts at random.
    max_position_embeddings : int
        Tokens at which a tokenizer made for this model cuts. ALiBi itself has no longest sequence.

    Raises
    ------
    ValueError
        If the heads do not divide the hidden size, the activation is not GELU, or there is no such pooling.
    """

    model_type = "dnabert2"

    vocab_size: int = 4096
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.0
    classifier_dropout: float | int | None = None
    max_position_embeddings: int = 512
    type_vocab_size: int = 2
    initializer_range: float = 0.02
    layer_norm_eps: float = 1e-12
    pad_token_id: int | None = 3
    tie_word_embeddings: bool = True  # without it, a saved model would come back with a decoder of its own
    pooling: str = "mean"

    def __post_init__(self, **kwargs):
        kwargs.pop("auto_map", None)  # the published one points to Python files beside the weights, which we never run
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of {self.num_attention_heads} heads")
        if self.hidden_act != "gelu":
            raise ValueError(f"hidden_act {self.hidden_act!r}: DNABERT-2 has the exact 'gelu'")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling {self.pooling!r}: choose one of {', '.join(POOLINGS)}")
        super().__post_init__(**kwargs)


class DNABERT2PreTrainedModel(PreTrainedModel):
    """What the models share: their configuration, and how Hugging Face names and starts them."""

    config_class = DNABERT2Config
    base_model_prefix = "bert"
    _input_embed_layer = "word_embeddings"
    _supports_sdpa = True
    accepts_loss_kwargs = False  # forward passes what it does not name to the encoder; transformers' trainer must know


class DNABERT2Model(DNABERT2PreTrainedModel):
    """The encoder.

    Parameters
    ----------
    config : DNABERT2Config
    add_pooling_layer : bool
        With it 117,068,544 parameters at the published size; the published checkpoint has none.
    """

    def __init__(self, config, add_pooling_layer=True):
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.pooler = Pooler(config) if add_pooling_layer else None
        self.post_init()

    @can_return_tuple
    def forward(
        self,
        input_ids=None,
        attention_mask=None,
        token_type_ids=None,
        inputs_embeds=None,
        output_hidden_states=None,
        output_attentions=None,
    ):
        """Turn tokens into vectors.

        Parameters
        ----------
        input_ids : int tensor, shape (B, T)
            Padded on the right, so that the first token is [CLS].
        attention_mask : int or bool tensor, shape (B, T), optional
            0 at padding; by default nothing is. Padding changes no result: padded positions come back as zeros.
        token_type_ids : int tensor, shape (B, T), optional
            0 by default.
        inputs_embeds : float tensor, shape (B, T, H), optional
            Token vectors instead of ``input_ids``.
        output_hidden_states : bool, optional
            Return the vectors before the first layer and after each, too.
        output_attentions : bool, optional
            Must not be true: the attention weights are never formed.

        Returns
        -------
        BaseModelOutputWithPooling
            ``last_hidden_state`` (B, T, H); ``pooler_output`` (B, H) or None; ``hidden_states``, a tuple of tensors of
            shape (B, T, H), or None.

        Raises
        ------
        ValueError
            If not exactly one of ``input_ids`` and ``inputs_embeds`` is given, the mask has another shape, a sequence
            is empty, or attention weights are asked for.
        """
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError("give input_ids or inputs_embeds, and not both")
        if output_attentions:
            raise ValueError("output_attentions: the attention used here never forms its weights; there are none")
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        mask = _checked_mask(attention_mask, words.shape[:2])
        x = self.embeddings(words, token_type_ids)
        kind = x.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else x.dtype  # that of the scores
        bias = attention_bias(self.config.num_attention_heads, mask, words.shape[:2], dtype, x.device)
        wanted = self.config.output_hidden_states if output_hidden_states is None else output_hidden_states
        states = self.encoder(x, bias, every=wanted)
        if mask is not None:
            states = [state.masked_fill(~mask[..., None], 0) for state in states]
        pooled = self.pooler(states[-1]) if self.pooler is not None else None
        return BaseModelOutputWithPooling(
            last_hidden_state=states[-1],
            pooler_output=pooled,
            hidden_states=tuple(states) if wanted else None,
        )


def _checked_mask(mask, shape):
    if not all(shape):
        raise ValueError(f"tokens of shape {tuple(shape)}: there is nothing in it")
    if mask is not None and mask.shape != shape:
        raise ValueError(f"attention_mask has the shape {tuple(mask.shape)}, the tokens {tuple(shape)}")
    return None if mask is None or mask.bool().all() else mask.bool()


class DNABERT2ForMaskedLM(DNABERT2PreTrainedModel):
    """The encoder with the head that says which token was masked; its decoder is the table of token vectors."""

    _tied_weights_keys = {"cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight"}  # noqa: RUF012

    def __init__(self, config):
        super().__init__(config)
        self.bert = DNABERT2Model(config, add_pooling_layer=False)
        self.cls = MaskedLMHead(config)
        self.post_init()

    def get_output_embeddings(self):
        """Give the decoder; torch.nn.Linear."""
        return self.cls.predictions.decoder

    @can_return_tuple
    def forward(self, input_ids=None, attention_mask=None, labels=None, **others):
        """Score every token of the vocabulary at every position.

        Parameters
        ----------
        labels : int64 tensor, shape (B, T), optional
            The true tokens; -100 where no loss is taken.
        input_ids, attention_mask, others
            As :meth:`DNABERT2Model.forward` takes them.

        Returns
        -------
        MaskedLMOutput
            ``loss`` (mean over the labelled positions, or None), ``logits`` (B, T, V), meaningless at padding,
            ``hidden_states``.
        """
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **others)
        logits = self.cls(encoded.last_hidden_state)
        loss = None if labels is None else functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        return MaskedLMOutput(loss=loss, logits=logits, hidden_states=encoded.hidden_states)


class DNABERT2ForSequenceClassification(DNABERT2PreTrainedModel):
    """The encoder, one vector for each sequence (``config.pooling``), dropout, and a linear classifier.

    Raises
    ------
    ValueError
        If ``config.num_labels`` is below 2.
    """

    def __init__(self, config):
        super().__init__(config)
        if config.num_labels < 2:
            raise ValueError(f"num_labels {config.num_labels}: a classifier needs at least 2")
        self.bert = DNABERT2Model(config, add_pooling_layer=config.pooling == "pooler")
        own = config.classifier_dropout
        self.dropout = nn.Dropout(config.hidden_dropout_prob if own is None else own)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)
        self.post_init()

    @can_return_tuple
    def forward(self, input_ids=None, attention_mask=None, labels=None, **others):
        """Classify sequences.

        Parameters
        ----------
        labels : int64 tensor, shape (B,), optional
        input_ids, attention_mask, others
            As :meth:`DNABERT2Model.forward` takes them.

        Returns
        -------
        SequenceClassifierOutput
            ``loss`` (mean cross-entropy, or None), ``logits`` (B, labels), ``hidden_states``.
        """
        encoded = self.bert(input_ids, attention_mask, return_dict=True, **others)
        vectors = _pooled(encoded, attention_mask, self.config.pooling)
        logits = self.classifier(self.dropout(vectors))
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        return SequenceClassifierOutput(loss=loss, logits=logits, hidden_states=encoded.hidden_states)


def _pooled(encoded, mask, pooling):
    """One vector for each sequence, (B, H)."""
    hidden = encoded.last_hidden_state
    if pooling == "pooler":
        return encoded.pooler_output
    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "mean":
        return hidden.mean(1) if mask is None else hidden.sum(1) / mask.sum(1, keepdim=True)  # padding is zeros
    return hidden.amax(1) if mask is None else hidden.masked_fill(~mask.bool()[..., None], -torch.inf).amax(1)


AutoConfig.register(DNABERT2Config.model_type, DNABERT2Config)
AutoModel.register(DNABERT2Config, DNABERT2Model)
AutoModelForMaskedLM.register(DNABERT2Config, DNABERT2ForMaskedLM)
AutoModelForSequenceClassification.register(DNABERT2Config, DNABERT2ForSequenceClassification)
