"""Networks that name each position of a gene: neither, acceptor or donor; by a BERT over k-mers, or by convolutions.

Both see of a position no more than its context, half of it on either side, wherever in a block it stands. The
convolutions have just this reach. A BERT's attention would have any, so here a k-mer attends to its neighbors only
(as in the windows of Longformer, Beltagy et al. 2020, arXiv 2004.05150): up to so many on either side that all layers
together reach no further than the context does.

Letters: B blocks, W positions of a block, C bases of context, L = W + C, H hidden size, T k-mers.
"""

import torch
from torch import nn
from torch.nn import functional
from transformers import AttentionInterface

from regdna.models.kmer_tokenizer import KmerTokenizer

KINDS = 3  # neither, acceptor, donor
REACH = 16  # bases that the last layer sees on either side: an acceptor's matrix has fifteen in front of it
RARE = -6.0  # where the logits of sites begin, beside 0 for neither: about what one position in four hundred is worth
QUERIES = 128  # k-mers that attend at a time
# SpliceAI's residual blocks in their order (Jaganathan et al. 2019, Figure 1): width of a kernel, and its dilation.
RESIDUAL_BLOCKS = ((11, 1),) * 4 + ((11, 4),) * 4 + ((21, 10),) * 4 + ((41, 25),) * 4
SKIP_EVERY = 4  # residual blocks


def near_attention(module, query, key, value, attention_mask, scaling, dropout=0.0, near=None, **others):
    """Attend to the k-mers at most ``near`` places away; an attention of ``transformers``, named ``near``.

    Parameters
    ----------
    query, key, value : float tensors, shape (B, heads, T, H / heads)
    attention_mask
        Not used: nothing is padding.
    near : int

    Returns
    -------
    float tensor, shape (B, T, heads, H / heads), and None
    """
    number, rows = query.shape[2], []
    for begin in range(0, number, QUERIES):
        end = min(begin + QUERIES, number)
        low, high = max(begin - near, 0), min(end + near, number)
        places = torch.arange(low, high, device=query.device)
        seen = (places[begin - low : end - low, None] - places).abs() <= near
        keys, values = key[:, :, low:high], value[:, :, low:high]
        rows.append(
            functional.scaled_dot_product_attention(
                query[:, :, begin:end], keys, values, attn_mask=seen, dropout_p=dropout, scale=scaling
            )
        )
    return torch.cat(rows, 2).transpose(1, 2), None


AttentionInterface.register("near", near_attention)


class KmerSpliceLabeler(nn.Module):
    """A linear layer on the vectors of a BERT's k-mers around each position.

    A position has the vector of the k-mer whose base number (k - 1) // 2 it is, counted from 0; the layer looks at
    those of :data:`REACH` positions on either side, side by side, so that it can weigh single bases. There is neither
    [CLS] nor [SEP]; places of k-mers are counted from 1, and again from 0 where the BERT has no more.

    Parameters
    ----------
    encoder : regdna.models.genebert.GeneBERT
        Its BERT is trained; the rest of it is not used.
    context : int
        C.

    Raises
    ------
    ValueError
        If the context is too small for the layers to see anything.
    """

    def __init__(self, encoder, context):
        super().__init__()
        config = encoder.config
        self.tokenizer, self.context, self.positions = KmerTokenizer(config.k), context, config.max_position_embeddings
        self.near = (context // 2 - REACH - config.k // 2) // config.num_hidden_layers
        if self.near < 1:
            least = 2 * (config.num_hidden_layers + REACH + config.k // 2)
            raise ValueError(
                f"{config.num_hidden_layers} layers need a context of {least} bases; {context} are too few"
            )
        self.bert = encoder.bert
        self.bert.pooler = None
        self.bert.set_attn_implementation("near")
        self.head = nn.Conv1d(config.hidden_size, KINDS, 2 * REACH + 1)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor([0.0, RARE, RARE]))

    def forward(self, codes):
        """Name positions; uint8 tensor (B, L) to float tensor (B, W, 3)."""
        ids = torch.from_numpy(self.tokenizer.kmers(codes.cpu().numpy())).to(codes.device)
        places = (1 + torch.arange(ids.shape[1], device=codes.device)) % self.positions
        vectors = self.bert(ids, position_ids=places[None], near=self.near).last_hidden_state  # (B, T, H)
        begin = self.context // 2 - REACH - (self.tokenizer.k - 1) // 2
        width = codes.shape[1] - self.context + 2 * REACH
        return self.head(vectors[:, begin : begin + width].transpose(1, 2)).transpose(1, 2)


class ConvolutionalSpliceLabeler(nn.Module):
    """SpliceAI (Jaganathan et al. 2019, Figure 1), with as many of its residual blocks as the context has room for.

    At 80, 400 and 2000 bases these are SpliceAI-80nt, -400nt and -2k; at 256 six blocks, which see 240.

    Parameters
    ----------
    context : int
        C, at least 20.
    channels : int
        SpliceAI has 32.
    """

    def __init__(self, context, channels=32):
        super().__init__()
        self.context, used, reach = context, [], 0
        for width, dilation in RESIDUAL_BLOCKS:
            reach += 2 * (width - 1) * dilation
            if reach <= context:
                used.append((width, dilation))
        self.first = nn.Conv1d(4, channels, 1)
        self.blocks = nn.ModuleList(_ResidualBlock(channels, *shape) for shape in used)
        self.skips = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(1 + -(-len(used) // SKIP_EVERY)))
        self.head = nn.Conv1d(channels, KINDS, 1)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor([0.0, RARE, RARE]))

    def forward(self, codes):
        """Name positions; uint8 tensor (B, L) to float tensor (B, W, 3). An unknown base is a row of zeros."""
        x = self.first(functional.one_hot(codes.long(), 5)[..., :4].to(self.head.weight.dtype).transpose(1, 2))
        together = self.skips[0](x)
        for number, block in enumerate(self.blocks, 1):
            x = block(x)
            if number % SKIP_EVERY == 0 or number == len(self.blocks):
                together = together + self.skips[-(-number // SKIP_EVERY)](x)
        half = self.context // 2
        return self.head(together[:, :, half : codes.shape[1] - half]).transpose(1, 2)


class _ResidualBlock(nn.Module):
    def __init__(self, channels, width, dilation):
        super().__init__()
        self.steps = nn.Sequential()
        for _ in range(2):
            convolution = nn.Conv1d(channels, channels, width, dilation=dilation, padding="same")
            self.steps.extend([nn.BatchNorm1d(channels), nn.ReLU(), convolution])

    def forward(self, x):
        return x + self.steps(x)
