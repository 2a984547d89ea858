"""Classifiers of whole sequences: a head on FinDNA or GeneBERT, and a convolutional network to compare with.

All take what FinDNA takes, rows of letters end to end, and give one logit for each class. Letters: T letters of all
sequences together, B sequences, K classes.
"""

import torch
from torch import nn
from torch.nn import functional

from regdna.models.findna import LETTERS
from regdna.models.kmer_tokenizer import KmerTokenizer, join_sequences
from regdna.models.packed import mean_over, pad


class FinDNAClassifier(nn.Module):
    """A linear layer on the mean of the letters' vectors, as the public code fine-tunes (the paper: "V and/or Q").

    Parameters
    ----------
    encoder : regdna.models.findna.FinDNA
        All of its weights are trained.
    classes : int
    """

    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.channels, classes)

    def forward(self, letters, lengths):
        """Classify; float (T, 5) and int64 (B,) to (B, K)."""
        return self.head(mean_over(self.encoder(letters, lengths).letters, lengths))


class GeneBERTClassifier(nn.Module):
    """A linear layer on the sequence half of a GeneBERT: its E_seq, [CLS] or the mean of the k-mers, as it was trained.

    Parameters
    ----------
    encoder : regdna.models.genebert.GeneBERT
        All weights of its ``bert`` are trained; what belongs to the matrices is not used.
    classes : int
    """

    def __init__(self, encoder, classes):
        super().__init__()
        self.encoder = encoder
        self.tokenizer = KmerTokenizer(encoder.config.k)
        self.head = nn.Linear(encoder.config.hidden_size, classes)

    def forward(self, letters, lengths):
        """Classify; float (T, 5) and int64 (B,) to (B, K)."""
        rows, inside = pad(letters, lengths)
        codes = rows.argmax(-1).masked_fill(~inside, LETTERS - 1).to(torch.uint8).cpu().numpy()
        ids = torch.from_numpy(join_sequences(self.tokenizer, codes, lengths.cpu().numpy()))
        return self.head(self.encoder(ids.to(letters.device)).sequences)


class ConvolutionalClassifier(nn.Module):
    """The shallow CNN of Phan et al. 2024 for any length and number of classes: the best match of each filter.

    Convolution of 64 kernels 24 bases wide, ReLU, maximum over the sequence, dense 10, ReLU, dense; dropout 0.2 before
    both.

    Parameters
    ----------
    classes : int
    filters, kernel, hidden : int
    """

    def __init__(self, classes, filters=64, kernel=24, hidden=10):
        super().__init__()
        self.kernel = kernel
        self.scan = nn.Conv1d(LETTERS, filters, kernel)
        self.head = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(filters, hidden), nn.ReLU(), nn.Dropout(0.2), nn.Linear(hidden, classes)
        )

    def forward(self, letters, lengths):
        """Classify; float (T, 5) and int64 (B,) to (B, K). Shorter sequences than a kernel are filled with zeros."""
        rows, inside = pad(letters, lengths)
        short = max(self.kernel - rows.shape[1], 0)
        found = functional.relu(self.scan(functional.pad(rows, (0, 0, 0, short)).transpose(1, 2)))
        # A kernel counts where all of it lies inside; at the first place of a sequence shorter than a kernel, too.
        whole = functional.pad(inside, (0, short))[:, self.kernel - 1 :].clone()
        whole[:, 0] = True
        return self.head(found.masked_fill(~whole[:, None], 0).amax(-1))


def letters_of(codes):
    """One-hot rows in the order A, C, G, T, N; uint8 tensor (T,) to float tensor (T, 5)."""
    return functional.one_hot(codes.long(), LETTERS).to(torch.get_default_dtype())
