"""The ``regdna`` command."""

import argparse
import logging
import os
import sys
from functools import partial
from pathlib import Path

log = logging.getLogger("regdna")


def main(arguments=None):
    """Run a subcommand; errors a user can mend are printed in one message, with exit status 1."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported by a subcommand
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("regdna").setLevel(logging.INFO)
    try:
        args.run(args)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader of our output has gone; that is fine
    except (ValueError, OSError, KeyError) as error:
        message = error.args[0] if isinstance(error, KeyError) else error
        sys.exit(f"regdna {args.command}: {message}")


def _parser():
    parser = argparse.ArgumentParser(prog="regdna", description="Regulatory DNA learned from unlabeled genomes.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name, run, description):
        command = commands.add_parser(name, help=description, description=description)
        command.set_defaults(run=run)
        return command

    add("worlds", _worlds, "List the worlds of the catalogue.")

    world = add("world", _world, "Make a world's files: simulate them, or download them and align the genomes.")
    world.add_argument("name")

    lift = add("lift", _lift, "Lift peaks over along a chain file; one line per input peak on standard output.")
    lift.add_argument("chain", help="UCSC chain file, plain or gzipped; its first genome is the one of the peaks")
    lift.add_argument("peaks", help="BED or narrowPeak file")
    lift.add_argument("--merge-gap", type=int, default=20, help="pieces this far apart are not joined (default: 20)")
    lift.add_argument("--min-match", type=float, default=0.0, help="least share of a peak's bases that must be aligned")
    lift.add_argument("--all-chains", action="store_true", help="a line for every chain, not for the best one alone")

    label = add("label", _label, "Label the bins of all genomes for one experiment, and keep them as a data set.")
    label.add_argument("world")
    label.add_argument("experiment")
    label.add_argument("--results", help="the data set lies in its folder datasets (default: results/<world>)")
    label.add_argument("--peaks", help="BED file of a factor that the world does not name")
    label.add_argument("--window", type=int, default=200, help="bases of a window around its bin (default: 200)")

    peaks = add("peaks", _peaks, "Call peaks from ChIP-seq reads with macs3.")
    peaks.add_argument("treatment", help="reads of the experiment, BED or BAM")
    peaks.add_argument("--control", help="reads of the same chromatin without the antibody, BED or BAM")
    peaks.add_argument("--genome-size", type=float, required=True, help="bases that reads can come from, as in 2.9e9")
    peaks.add_argument("-o", dest="output", required=True, help="narrowPeak file; broadPeak with --broad")
    peaks.add_argument("--q", type=float, default=0.05, help="false discovery rate to allow (default: 0.05)")
    peaks.add_argument("--broad", action="store_true", help="join neighboring peaks, as for histone marks")
    peaks.add_argument("--fragment-length", type=int, help="in bases (default: macs3 estimates it)")

    train = add("train", _train, "Train and test one model by one regime and seed.")
    train.add_argument("world")
    train.add_argument("experiment")
    train.add_argument("--model", default="cnn64")
    train.add_argument("--regime", default="SSL", help="SL, SL-aug, SSL, SSL-NS or a variant (book/regimes.md)")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--results", help="folder of the runs (default: results/<world>)")
    train.add_argument("--peaks", help="BED file of a factor that the world does not name")
    for name, kind, meaning in _budget_fields():
        train.add_argument(f"--{name.replace('_', '-')}", type=kind, help=meaning)

    pretrain = add("pretrain", _pretrain, "Pretrain a network on the unlabeled genomes of a world.")
    pretrain.add_argument("world")
    pretrain.add_argument("--model", default="dnabert2-mini", help="or findna-mini, genebert-mini, a variant")
    pretrain.add_argument("--results", help="its folder is below pretrained there (default: results/<world>)")
    pretrain.add_argument("--steps", type=int, help="gradient steps (default: 1000; FinDNA 600, GeneBERT 500)")
    pretrain.add_argument("--seed", type=int, default=0)

    evaluate = add("evaluate", _evaluate, "Score a method on classification tasks, published ones or a world's own.")
    evaluate.add_argument("world")
    evaluate.add_argument("method", help="kmers, motifs, cnn, probe-NETWORK or tune-NETWORK, as in probe-findna-mini")
    evaluate.add_argument("--tasks", nargs="+", required=True, help="EMP/H3, enhancer, ...; an unknown one lists them")
    evaluate.add_argument("--seed", type=int, default=0)
    evaluate.add_argument("--results", help="folder of the scores (default: results/<world>)")

    snp = add("snp", _snp, "Score variants by a trained model; one line of the output for each.")
    snp.add_argument("--model", required=True, help="folder of a run, which holds model.safetensors")
    snp.add_argument("--variants", required=True, help="VCF, table with a header (ADASTRA's, for instance) or BED")
    where = snp.add_mutually_exclusive_group()
    where.add_argument("--genome", help="FASTA or 2bit (default: the reference of the model's world)")
    where.add_argument("--sequences", action="store_true", help="the file holds pairs of sequences, FASTA or a table")
    snp.add_argument("-o", dest="output", required=True, help="tab-separated table")
    snp.add_argument(
        "--offsets",
        type=int,
        nargs="+",
        default=[0],
        help="of the windows' middles, in bases (default: 0)",
    )
    snp.add_argument("--forward-only", action="store_true", help="do not read the reverse strand, too")
    snp.add_argument("--any-assembly", action="store_true", help="go on where the variants do not fit the genome")

    metrics = add("metrics", _metrics, "Collect the finished runs of a results folder into its metrics.csv.")
    metrics.add_argument("results")

    run = add("run", _run, "Execute a notebook with checked parameters.")
    run.add_argument("notebook")
    run.add_argument("-p", dest="parameters", metavar="NAME=VALUE", action="append", default=[])
    run.add_argument("-o", dest="output", help="executed notebook; without it, the parameters are listed")

    site = add("site", _site, "Put executed notebooks and prose together and build the book.")
    site.add_argument("folder", help="where to build")
    site.add_argument("--world", required=True)
    site.add_argument("--notebooks", required=True, help="folder of executed notebooks")
    site.add_argument("--only", nargs="*", help="chapters to show, without the rest of the book")

    record = add("record", _record, "Keep executed notebooks as a published record.")
    record.add_argument("world")
    record.add_argument("--notebooks", required=True, help="folder of executed notebooks")
    return parser


def _budget_fields():
    return [
        ("steps", int, "gradient steps of the first phase"),
        ("finetune_steps", int, "gradient steps of the second phase"),
        ("learning_rate", float, "of the first phase"),
        ("finetune_learning_rate", float, "of the second phase"),
        ("iterations", int, "students of SSL-NS"),
        ("noise", float, "standard deviation of the noise on the teacher's confidence (SSL-NS)"),
    ]


def _worlds(args):
    from regdna.worlds.catalogue import open_world, world_names

    for name in world_names():
        print(f"{name}\t{open_world(name).title}")


def _world(args):
    from regdna.data.build import build_world
    from regdna.worlds.catalogue import open_world

    build_world(open_world(args.name))


def _lift(args):
    from regdna.data.chains import read_chains
    from regdna.data.liftover import STATUSES, lift
    from regdna.data.peaks import read_peaks
    from regdna.messages import some

    chains, peaks = read_chains(args.chain), read_peaks(args.peaks)
    lengths = chains.lengths
    if unknown := sorted(set(peaks["chrom"]) - set(lengths)):
        log.warning("no chain starts from %s; chains start from %s", some(unknown), some(sorted(lengths)))
    beyond = peaks[peaks["end"] > peaks["chrom"].map(lengths)]
    if len(beyond):
        chrom, end = beyond.iloc[0][["chrom", "end"]]
        raise ValueError(
            f"{args.peaks}: a peak ends at {chrom}:{end}, but {chrom} has {lengths[chrom]} bases in {args.chain}; "
            "peaks and chains are of different assemblies"
        )
    rule = {"merge_gap": args.merge_gap, "min_match": args.min_match, "all_chains": args.all_chains}
    table = lift(chains, peaks["chrom"], peaks["start"], peaks["end"], **rule).table(peaks)
    counts = table["status"].value_counts().reindex(STATUSES, fill_value=0)
    lines = f", {len(table)} lines" if args.all_chains else ""
    log.info("%d peaks%s: %s", len(peaks), lines, ", ".join(f"{n} {status}" for status, n in counts.items() if n))
    place = ["to_chrom", "to_start", "to_end", "strand"]
    blank = table["status"] != "lifted"
    table = table.astype(object)
    table.loc[blank, place] = ""  # these fields exist for lifted peaks only
    table.to_csv(sys.stdout, sep="\t", index=False, lineterminator="\n")


def _peaks(args):
    from regdna.data.peak_calling import call_peaks

    called = call_peaks(
        args.treatment, args.control, args.genome_size, args.output, args.q, args.broad, args.fragment_length
    )
    for part, tags in (("treatment", called.treatment), ("control", called.control)):
        if tags:
            dropped = f"{tags.left_out} left out, {tags.duplicates} duplicates"
            print(f"{part}: {tags.records} records, {dropped}, {tags.used} used")
    print(f"{called.peaks} peaks, fragments of {called.fragment_length} bases: {called.path}")


def _label(args):
    from regdna.data.datasets import dataset
    from regdna.data.ledger import Ledger
    from regdna.worlds.catalogue import PROJECT, open_world

    world = open_world(args.world)
    results = Path(args.results or PROJECT / "results" / world.name)
    made = dataset(world, args.experiment, results / "datasets", args.peaks, args.window)
    print(Ledger(made.provenance["ledger"]))
    print(f"{len(made.intervals):,} windows of {made.window} bases: {made.folder}")


def _train(args):
    from regdna.training.regimes import Budget
    from regdna.training.runs import Runner
    from regdna.worlds.catalogue import PROJECT, open_world

    world = open_world(args.world)
    given = {name: getattr(args, name) for name, _, _ in _budget_fields()}
    budget = Budget(**{name: value for name, value in given.items() if value is not None})
    results = args.results or PROJECT / "results" / world.name
    row = Runner(world, args.experiment, args.model, results, budget, args.peaks).run(args.regime, args.seed).row
    scores = row["note"] or f"test AUPR {row['aupr']:.3f}, AUROC {row['auroc']:.3f}"
    print("{experiment} {model} {regime} seed {seed}: {scores}".format(**row, scores=scores))


def _pretrain(args):
    from regdna.training.architectures import MINI
    from regdna.worlds.catalogue import PROJECT, open_world

    world = open_world(args.world)
    folder = Path(args.results or PROJECT / "results" / world.name) / "pretrained"
    own = folder / f"{args.model}-{args.seed}"
    if args.model == MINI:
        from regdna.training.masked_lm import Pretraining, pretrain

        plan = Pretraining(**({"steps": args.steps} if args.steps is not None else {}))
        made, unit = pretrain(world, folder / MINI, plan, args.seed), "hidden token"
    elif args.model.startswith("genebert"):
        from regdna.training.genebert_plans import genebert_plan
        from regdna.training.multimodal import pretrain_multimodal

        made = pretrain_multimodal(world, own, genebert_plan(args.model, args.steps), args.seed)
        found = ", ".join(f"{name[9:]} {value:.3f}" for name, value in made.provenance["held_out"].items())
        print(f"held out: {found}: {made.folder}")
        return
    else:
        from regdna.training.distill import distill
        from regdna.training.findna_plans import findna_plan

        made, unit = distill(world, own, findna_plan(args.model, args.steps), args.seed), "masked letter"
    print(f"held-out loss {made.provenance['held_out_loss']:.3f} nats for each {unit}: {made.folder}")


def _evaluate(args):
    from regdna.training.evaluation import Evaluation
    from regdna.worlds.catalogue import PROJECT, open_world

    world = open_world(args.world)
    evaluation = Evaluation(world, args.tasks, args.results or PROJECT / "results" / world.name)
    for row in evaluation.run(args.method, args.seed).itertuples():
        print(f"{row.task} {row.method} seed {row.seed}: {row.metric} {getattr(row, row.metric):.3f}")


def _snp(args):
    from regdna.training.saved import open_model
    from regdna.training.snp_effects import Views, write_effects

    if args.sequences and (args.offsets != [0] or args.any_assembly):
        raise ValueError("--offsets and --any-assembly are about a genome; leave them out with --sequences")
    model = open_model(args.model)
    views = Views(model.window, args.offsets, not args.forward_only)
    genome, others = None, ()
    if not args.sequences:
        genome, others = _genomes(args.genome, model.about["world"])
    check, progress = not args.any_assembly, sys.stderr.isatty()
    counts = write_effects(model, args.variants, args.output, genome, views, others, check, progress)
    log.info("%d records: %s", counts.sum(), ", ".join(f"{n} {status}" for status, n in counts.items()))


def _genomes(path, name):
    """Open the genome that variants are on; and the others that the model's world has here, as names and openers."""
    from regdna.data.genome import Genome
    from regdna.worlds.catalogue import open_world, world_names

    if name not in world_names():
        if not path:
            raise ValueError(f"the model's world, {name}, is not in the catalogue; give --genome or --sequences")
        return Genome(path), ()
    world = open_world(name)
    path = Path(path or world.genome_path(world.reference))
    known = {species: world.genome_path(species) for species in (world.reference, *world.relatives)}
    others = [(species, partial(Genome, there)) for species, there in known.items() if there.exists() and there != path]
    return Genome(path, world.aliases), others


def _metrics(args):
    from regdna.training.runs import collect_metrics

    print(f"{len(collect_metrics(args.results))} runs in {Path(args.results) / 'metrics.csv'}")


def _run(args):
    from regdna.report.notebooks import parameters, run_notebook

    if not args.output and args.parameters:
        raise ValueError("-p without -o: say where the executed notebook goes")
    if not args.output:
        for parameter in parameters(args.notebook):
            print(f"{parameter.name}: {parameter.type} = {parameter.default!r}  {parameter.help}")
        return
    given = {}
    for pair in args.parameters:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"-p {pair!r} is not NAME=VALUE")
        given[name] = value
    run_notebook(args.notebook, args.output, given)
    print(args.output)


def _site(args):
    from regdna.report.site import build_site

    print(build_site(args.folder, args.world, args.notebooks, args.only))


def _record(args):
    from regdna.report.record import make_record

    print(make_record(args.world, args.notebooks))
