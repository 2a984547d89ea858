"""A transformer that reads tokens, such as DNABERT-2, as a learner of the regimes."""

import hashlib
import json
import logging
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch.nn import functional
from transformers import TrainerCallback

from regdna.files import atomic, write_text
from regdna.models.dna_tokenizer import DNATokenizer
from regdna.models.dnabert2_checkpoint import load_published, published_folder
from regdna.models.lora import add_lora
from regdna.training.metrics import aupr
from regdna.training.ordered_trainer import (
    OrderedTrainer,
    endless_order,
    last_checkpoint,
    padded_batch,
    this_process,
    training_arguments,
    undisturbed,
)

BATCH_TOKENS = 8192  # of a batch that is scored
BEST = "best.safetensors"  # the file that makes a checkpoint complete
COLLAPSED = 1e-6  # all scores this near to each other rank nothing but rounding errors

logger = logging.getLogger(__name__)


def dnabert2_learner(source, seed, rank=8, pooling="mean", **others):
    """Make a learner that fine-tunes a pretrained DNABERT-2, by LoRA or as a whole.

    Parameters
    ----------
    source : path or str
        As :func:`regdna.models.dnabert2_checkpoint.published_folder` takes it; ``tokenizer.json`` lies there, too.
    seed : int
        Of the weights that are not pretrained.
    rank : int or None
        Of LoRA on ``Wqkv``, with twice as much for ``alpha``; None trains every weight.
    pooling : str
        See :class:`regdna.models.dnabert2.DNABERT2Config`.
    others
        As :class:`TorchLearner` takes them.

    Returns
    -------
    TorchLearner
    """
    folder = published_folder(source)
    model = load_published(folder, seed=seed, pooling=pooling)
    tokenizer = DNATokenizer.read(folder, model.config.max_position_embeddings)
    if rank is not None:
        adapted = add_lora(model, rank, 2 * rank, seed=seed)
        model = adapted.model
        logger.info("LoRA trains %d of %d parameters", adapted.trainable, adapted.total)
    return TorchLearner(model, tokenizer, **others)


class TorchLearner:
    """Trains a classifier of token sequences by AdamW on cross-entropy, through ``transformers.Trainer``.

    Parameters
    ----------
    model : transformers.PreTrainedModel or peft.PeftModel
        Takes ``input_ids`` and ``attention_mask``, gives ``logits`` of shape (B, 2). What requires a gradient is
        trained.
    tokenizer : regdna.models.dna_tokenizer.DNATokenizer
    batch_size : int
        Examples of one gradient step.
    check_every : int
        Gradient steps between two looks at the validation bins.
    rate_scale : float
        Factor on the learning rate that the regimes give, whose 0.003 is made for CNNs. A third, so 0.001, is usual for
        LoRA, a hundredth is what DNABERT-2's authors fine-tune the whole network with.
    accumulation : int
        Parts that a batch is computed in, one after the other, to save memory.
    checkpoints : path, optional
        Folder for a checkpoint at each look, so that the same fit, begun again after it was killed, goes on where it
        was. What is trained, and on what, is hashed, so another fit is never taken for it. Remove it when all is done.
    negatives_watched : int
        Validation bins without a peak that a look takes in, at most, evenly over the genome: it would else take longer
        than the training between two looks. Of those with one, all are.

    Raises
    ------
    ValueError
        If tokenizer and model have vocabularies of different sizes.
    """

    is_learner = True

    def __init__(
        self,
        model,
        tokenizer,
        batch_size=32,
        check_every=100,
        rate_scale=1 / 3,
        accumulation=1,
        checkpoints=None,
        negatives_watched=2000,
    ):
        tokenizer.check(model.config)
        self.model, self.tokenizer = model.to(this_process().device), tokenizer
        self.batch_size, self.check_every, self.accumulation = batch_size, check_every, accumulation
        self.negatives_watched = negatives_watched
        self.rate_scale, self.checkpoints = rate_scale, checkpoints and Path(checkpoints)

    def fit(self, examples, steps, learning_rate, validation, rng):
        """Take gradient steps, and end with the weights of the best validation AUPR (early stopping by checkpoint).

        The weights at the start count as a checkpoint, so a second phase cannot make a model worse on validation.
        Within a phase the learning rate rises and falls; see
        :func:`regdna.training.ordered_trainer.training_arguments`.

        Parameters
        ----------
        examples : regdna.data.examples.Examples
        steps : int
        learning_rate : float
            Is multiplied by ``rate_scale``.
        validation : tuple of (codes, labels)
        rng : numpy.random.Generator
            Decides the order of the examples, which are shuffled anew when all have been seen, and dropout.

        Returns
        -------
        list of dict
            Checkpoints: step, loss (mean since the one before; NaN for the first), validation_aupr, and note, which
            says why the AUPR is NaN where it is: ``scores are not finite`` or ``constant scores``, a model that has
            collapsed. Such a checkpoint is never the best.
        """
        codes, labels = _thinned(*validation, self.negatives_watched)
        watch = _Watch(self, self.tokenizer.encode(codes), labels)
        watch.look(0, np.nan)
        if steps:
            rate = learning_rate * self.rate_scale
            dataset = _Shuffled(self.tokenizer.encode(examples.codes), examples, steps * self.batch_size, rng)
            model = [weight.float().numpy(force=True) for weight in self.model.state_dict().values()]
            name = dataset.fingerprint((rate, steps), watch.tokens.ids, watch.labels, *model)
            with undisturbed(), tempfile.TemporaryDirectory() as temporary:
                folder = self.checkpoints / name if self.checkpoints else Path(temporary)
                arguments = training_arguments(
                    folder,
                    steps,
                    self.batch_size,
                    rate,
                    int(rng.integers(2**31)),
                    self.accumulation,
                    save_strategy="steps" if self.checkpoints else "no",
                    save_steps=self.check_every,
                    save_total_limit=1,
                    logging_strategy="no",
                )
                trainer = _WeightedTrainer(self.model, arguments, dataset, watch)
                trainer.train(resume_from_checkpoint=watch.resume(folder))
        self.load_weights(watch.best_weights)
        return watch.points

    def predict(self, codes):
        """Give the probability of a positive.

        Parameters
        ----------
        codes : uint8 array, shape (N, L)

        Returns
        -------
        float32 array, shape (N,)
        """
        return self._score(self.tokenizer.encode(codes))

    def weights(self):
        """Copy the weights that are trained; dict of str to float32 array."""
        return {name: weight.detach().float().cpu().numpy().copy() for name, weight in self._trained().items()}

    def load_weights(self, weights):
        """Set the weights that are trained.

        Raises
        ------
        ValueError
            If names or shapes are not those of :meth:`weights`.
        """
        trained = self._trained()
        shapes = {name: tuple(weight.shape) for name, weight in trained.items()}
        given = {name: np.shape(weight) for name, weight in weights.items()}
        if wrong := sorted(name for name in shapes.keys() | given if shapes.get(name) != given.get(name)):
            name = wrong[0]
            raise ValueError(
                f"weights of another model: {len(wrong)} names or shapes differ, first {name}, "
                f"{given.get(name, 'absent')} instead of {shapes.get(name, 'absent')}"
            )
        with torch.no_grad():
            for name, weight in trained.items():
                weight.copy_(torch.as_tensor(weights[name]))

    def _trained(self):
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    @torch.inference_mode()
    def _score(self, tokens):
        """Score sequences in batches of like lengths, so that little is computed for padding."""
        scores = np.empty(len(tokens.ids), np.float32)
        self.model.eval()
        device = next(self.model.parameters()).device
        half = device.type == "cuda" and torch.cuda.is_bf16_supported()
        order, lengths = np.argsort(tokens.lengths, kind="stable"), tokens.lengths
        for rows in _batches(order, lengths):
            batch = {name: part.to(device) for name, part in padded_batch(tokens.ids[rows], tokens.mask[rows]).items()}
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                logits = self.model(**batch).logits
            scores[rows] = logits.float().softmax(1)[:, 1].cpu().numpy()
        return scores


def _thinned(codes, labels, negatives):
    """All positives, and so many negatives at most, in their order."""
    rows = np.flatnonzero(labels == 0)
    rows = rows[np.linspace(0, len(rows) - 1, min(negatives, len(rows))).astype(int)]
    rows = np.sort(np.concatenate([np.flatnonzero(labels == 1), rows]))
    return codes[rows], labels[rows]


def _batches(order, lengths):
    """Cut rows, sorted by length, into batches of at most BATCH_TOKENS tokens or one row."""
    begin = 0
    while begin < len(order):
        tokens = lengths[order[begin:]] * np.arange(1, len(order) - begin + 1)  # of a batch that ends there
        end = begin + max(1, int(np.searchsorted(tokens, BATCH_TOKENS, "right")))
        yield order[begin:end]
        begin = end


class _Shuffled:
    """A data set in the order in which it is trained on, each example once before any comes again."""

    def __init__(self, tokens, examples, number, rng):
        self.order = endless_order(len(examples.labels), number, rng)
        self.tokens, self.labels, self.weights = tokens, examples.labels.astype(np.int64), examples.weights

    def fingerprint(self, numbers, *others):
        """Hash what a fit depends on; the seed of dropout comes of the same stream as the order."""
        parts = hashlib.sha256(repr(numbers).encode())
        for part in (self.order, self.tokens.ids, self.labels, self.weights, *others):
            parts.update(np.ascontiguousarray(part))
        return parts.hexdigest()[:16]

    def __len__(self):
        return len(self.order)

    def __getitems__(self, places):
        rows = self.order[places]
        batch = padded_batch(self.tokens.ids[rows], self.tokens.mask[rows])
        return batch | {"labels": torch.tensor(self.labels[rows]), "weights": torch.tensor(self.weights[rows])}


class _WeightedTrainer(OrderedTrainer):
    """Cross-entropy, each example with its weight; the mean is over the examples, not over the weights."""

    loss_is_scaled_for_ga = False  # the trainer divides by the number of parts

    def __init__(self, model, arguments, dataset, watch):
        super().__init__(model, arguments, dataset, callbacks=[watch])
        self.losses = watch.losses

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels, weights = inputs.pop("labels"), inputs.pop("weights")
        losses = functional.cross_entropy(model(**inputs).logits.float(), labels, reduction="none")
        loss = (losses * weights).mean()
        self.losses.append(loss.detach())
        return loss


class _Watch(TrainerCallback):
    """Looks at the validation bins every so many steps and remembers the best weights."""

    def __init__(self, learner, tokens, labels):
        self.learner, self.tokens, self.labels = learner, tokens, labels
        self.points, self.losses, self.best, self.best_weights = [], [], -np.inf, learner.weights()

    def on_step_end(self, args, state, control, **others):
        if state.global_step % self.learner.check_every == 0 or state.global_step == args.max_steps:
            loss = torch.stack(self.losses).mean().item()
            self.losses.clear()
            self.look(state.global_step, loss)

    def on_save(self, args, state, control, **others):
        """Complete a checkpoint of the trainer, whose own files are there by now."""
        if args.should_save:
            folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
            write_text(folder / "points.json", json.dumps({"points": self.points, "best": self.best}))
            with atomic(folder / BEST) as temporary:
                save_file(self.best_weights, temporary)

    def resume(self, folder):
        """Remember what the newest complete checkpoint knows; returns its path, None if there is none."""
        checkpoint = last_checkpoint(folder, BEST)
        if checkpoint:
            known = json.loads((Path(checkpoint) / "points.json").read_text())
            self.points, self.best = known["points"], known["best"]
            self.best_weights = load_file(Path(checkpoint) / BEST)
            logger.info("goes on from %s", checkpoint)
        return checkpoint

    def look(self, step, loss):
        scores = self.learner._score(self.tokens)
        note = _trouble(scores)
        score = np.nan if note else aupr(self.labels, scores)
        if note:
            logger.warning("step %d: %s", step, note)
        self.points.append({"step": step, "loss": loss, "validation_aupr": score, "note": note})
        if score > self.best:
            self.best, self.best_weights = score, self.learner.weights()


def _trouble(scores):
    """Say what is wrong with the scores, "" if nothing."""
    if not np.isfinite(scores).all():
        return "scores are not finite"
    return "constant scores" if np.ptp(scores) <= COLLAPSED else ""
