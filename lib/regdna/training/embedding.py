"""Sequences as vectors, by pretrained networks whose weights stay as they are."""

import numpy as np
import torch

from regdna.models.dna_tokenizer import DNATokenizer
from regdna.models.dnabert2 import DNABERT2Model
from regdna.models.dnabert2_checkpoint import load_published, published_folder
from regdna.models.kmer_tokenizer import KmerTokenizer, join_regions, join_sequences
from regdna.models.packed import max_over, mean_over
from regdna.models.sequence_classifiers import letters_of
from regdna.training.ordered_trainer import padded_batch, this_process

FEATURES = ("mean", "max", "cls")
LETTERS_AT_ONCE = 16_384
RUNS_AT_ONCE = 32


@torch.no_grad()
def embed(model, sequences, features=("mean", "max")):
    """Embed sequences by a FinDNA.

    Parameters
    ----------
    model : regdna.models.findna.FinDNA
    sequences : regdna.data.sequences.Sequences
        Of any lengths; those of like length go through the network together.
    features : sequence of str
        What is set side by side: ``mean`` and ``max`` of the letters' vectors V, and ``cls``, the vectors Q of the
        [CLS] tokens.

    Returns
    -------
    float32 array, shape (N, D)

    Raises
    ------
    ValueError
        If there is no such feature.
    """
    if unknown := set(features) - set(FEATURES):
        raise ValueError(f"no feature {min(unknown)!r}; choose of {', '.join(FEATURES)}")
    device = this_process().device
    model.to(device).eval()
    parts, rows = [], []
    for batch in batches_of_letters(sequences.lengths, np.argsort(sequences.lengths, kind="stable")):
        some = sequences.take(batch)
        vectors = model(letters_of(torch.from_numpy(some.codes)).to(device), torch.from_numpy(some.lengths).to(device))
        pooled = {
            "mean": lambda v: mean_over(v.letters, v.lengths),
            "max": lambda v: max_over(v.letters, v.lengths),
            "cls": lambda v: v.cls.flatten(1),
        }
        parts.append(torch.cat([pooled[feature](vectors) for feature in features], 1).float().cpu())
        rows.append(batch)
    embedded = np.empty((len(sequences), parts[0].shape[1] if parts else 0), np.float32)
    if parts:
        embedded[np.concatenate(rows)] = torch.cat(parts).numpy()
    return embedded


@torch.no_grad()
def embed_tokens(folder, sequences):
    """Embed sequences by a pretrained DNABERT-2: the mean of its tokens' vectors, [CLS] and [SEP] included.

    Parameters
    ----------
    folder : path or str
        As :func:`regdna.models.dnabert2_checkpoint.published_folder` takes it.
    sequences : regdna.data.sequences.Sequences
        What is longer than the model's longest sequence loses its end; that is logged.

    Returns
    -------
    float32 array, shape (N, H)
    """
    model = load_published(folder, DNABERT2Model)
    device = this_process().device
    model.to(device).eval()
    tokens = DNATokenizer.read(published_folder(folder)).encode(sequences.strings())
    embedded = np.empty((len(sequences), model.config.hidden_size), np.float32)
    for rows in batches_of_letters(tokens.lengths, np.argsort(tokens.lengths, kind="stable")):
        batch = {name: part.to(device) for name, part in padded_batch(tokens.ids[rows], tokens.mask[rows]).items()}
        vectors = model(**batch).last_hidden_state.float()  # zeros at padding
        embedded[rows] = (vectors.sum(1) / batch["attention_mask"].sum(1, keepdim=True)).cpu().numpy()
    return embedded


@torch.no_grad()
def embed_runs(model, codes):
    """Embed runs of regions by a GeneBERT: its E_seq, [CLS] or the mean of the k-mers, as it was trained.

    Parameters
    ----------
    model : regdna.models.genebert.GeneBERT
    codes : uint8 array, shape (N, R, crop)
        Of as many regions as the model reads, an even number; of any crop for which there are positions.

    Returns
    -------
    float32 array, shape (N, H)
    """
    device = this_process().device
    model.to(device).eval()
    tokenizer = KmerTokenizer(model.config.k)
    embedded = np.empty((len(codes), model.config.hidden_size), np.float32)
    for at in range(0, len(codes), RUNS_AT_ONCE):
        segments = join_regions(tokenizer.kmers(codes[at : at + RUNS_AT_ONCE]))
        ids, types = (torch.from_numpy(each).to(device) for each in segments)
        embedded[at : at + RUNS_AT_ONCE] = model(ids, token_type_ids=types).sequences.float().cpu().numpy()
    return embedded


@torch.no_grad()
def embed_kmers(model, sequences):
    """Embed sequences by a GeneBERT: its E_seq, [CLS] or the mean of the k-mers, as it was trained.

    Parameters
    ----------
    model : regdna.models.genebert.GeneBERT
    sequences : regdna.data.sequences.Sequences
        Of any lengths, each one segment; those of like length go through the network together.

    Returns
    -------
    float32 array, shape (N, H)
    """
    device = this_process().device
    model.to(device).eval()
    tokenizer = KmerTokenizer(model.config.k)
    embedded = np.empty((len(sequences), model.config.hidden_size), np.float32)
    for rows in batches_of_letters(sequences.lengths, np.argsort(sequences.lengths, kind="stable")):
        ids = torch.from_numpy(join_sequences(tokenizer, *sequences.take(rows).padded())).to(device)
        embedded[rows] = model(ids).sequences.float().cpu().numpy()
    return embedded


def batches_of_letters(lengths, order, at_once=LETTERS_AT_ONCE):
    """Cut an order of sequences into batches of at most so many letters, at least one sequence each.

    Parameters
    ----------
    lengths : int array, shape (N,)
    order : int array, shape (M,)
        Rows.
    at_once : int

    Returns
    -------
    list of int array
    """
    batches, begin, held = [], 0, 0
    for place, row in enumerate(order):
        if held and held + lengths[row] > at_once:
            batches.append(order[begin:place])
            begin, held = place, 0
        held += lengths[row]
    return [*batches, order[begin:]] if held else batches
