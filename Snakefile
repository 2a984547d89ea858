# World -> runs -> notebooks -> book. The Makefile calls it with --configfile config/*.yaml --config world=NAME,
# and for a reader's own factor with name=... peaks=... as well.
import os
import shlex

from regdna.worlds.catalogue import open_world

# One thread for each job: Snakemake fills the cores with jobs, and equal sums give equal bytes.
os.environ.update(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1", OMP_NUM_THREADS="1")

GIVEN = config.get("world", "simulated")
WORLD = config["worlds"].get(GIVEN, GIVEN)
FACTOR, PEAKS = config.get("name", ""), config.get("peaks", "")
if FACTOR in config["experiments"].get(GIVEN, []):
    raise ValueError(f"NAME={FACTOR} is a factor of the book; its runs would be overwritten, so choose another name")
EXPERIMENTS = [FACTOR] if FACTOR else config["experiments"].get(GIVEN, list(open_world(WORLD).experiments)[:3])
MODEL = config["models"][0]  # the chapters show the first model of the list
SEQUENCED = open_world(WORLD).sequenced  # chapter 2 needs reads
PEAK_CALLING = {"experiment": SEQUENCED[0], "fragment_length": 200} if SEQUENCED else {}
PEAK_CALLING = config.get("peak_calling", {}).get(GIVEN, PEAK_CALLING)
LIFTOVER = config["liftover"].get(GIVEN, {"experiment": EXPERIMENTS[0], "motif": ""})

READY = f"data/built/{WORLD}/ready.json"
RESULTS = f"results/{WORLD}"
CHAPTERS = f"{RESULTS}/own/{FACTOR}" if FACTOR else RESULTS  # a reader's own factor leaves the book as it is
PAGES = f"{CHAPTERS}/notebooks"
HTML = f"{CHAPTERS}/site/html"
CHAPTER_4 = {"04_cnn" if i == 0 else f"04_cnn-{name}": name for i, name in enumerate(EXPERIMENTS)}


LEAKS = ["SSL-leak", "SSL-leak-equal"]  # the mistakes that chapter 9 makes on purpose


def runs(experiments, models, regimes=config["regimes"]):
    return expand(
        RESULTS + "/runs/{experiment}/{model}/{regime}-{seed}/run.json",
        experiment=experiments,
        model=models,
        regime=regimes,
        seed=config["seeds"],
    )


def parameters(**values):
    return " ".join("-p " + shlex.quote(f"{name}={value}") for name, value in values.items())


def chapter_4(wildcards):
    return CHAPTER_4["04_cnn" + wildcards.more]


# Snakemake is silent about what is up to date; these two always name the page.
rule book:
    input:
        f"{HTML}/book/index.html",
    shell:
        "echo open {input}"


rule own_factor:
    input:
        f"{HTML}/notebooks/04_cnn.html",
    shell:
        "echo open {input}"


rule site:
    input:
        f"{PAGES}/01_worlds.ipynb",
        [f"{PAGES}/02_peaks.ipynb"] if SEQUENCED else [],
        f"{PAGES}/03_liftover.ipynb",
        [f"{PAGES}/{page}.ipynb" for page in CHAPTER_4],
        f"{PAGES}/09_leakage.ipynb",
        f"{RESULTS}/metrics.csv",
        "_config.yml",
        "_toc.yml",
        [str(path) for path in Path("book").rglob("*") if path.is_file()],
    output:
        f"{HTML}/book/index.html",
    shell:
        "regdna site {CHAPTERS}/site --world {WORLD} --notebooks {PAGES}"


rule own_factor_site:
    input:
        f"{PAGES}/04_cnn.ipynb",
        f"{RESULTS}/metrics.csv",
    output:
        f"{HTML}/notebooks/04_cnn.html",
    shell:
        "regdna site {CHAPTERS}/site --world {WORLD} --notebooks {PAGES} --only 04_cnn"


rule world:
    input:
        [f"data/worlds/{name}.yaml" for name in {WORLD, open_world(WORLD).description.get("extends", WORLD)}],
    output:
        READY,
    threads: workflow.cores
    shell:
        "regdna world {WORLD}"


# A stamp beside the data set: Snakemake makes and deletes the folders of its outputs, and this one appears as a whole.
rule label:
    input:
        READY,
        [PEAKS] if PEAKS else [],
    output:
        touch(RESULTS + "/datasets/{experiment}-200.made"),
    params:
        f"--peaks {shlex.quote(PEAKS)}" if PEAKS else "",
    shell:
        "regdna label {WORLD} {wildcards.experiment} --results {RESULTS} {params}"


rule train:
    input:
        RESULTS + "/datasets/{experiment}-200.made",
    output:
        RESULTS + "/runs/{experiment}/{model}/{regime}-{seed}/run.json",
    params:
        " ".join(f"--{name.replace('_', '-')} {value}" for name, value in config["training"].items()),
        f"--peaks {shlex.quote(PEAKS)}" if PEAKS else "",
    log:
        RESULTS + "/runs/{experiment}/{model}/{regime}-{seed}/train.log",  # TensorFlow talks a lot
    shell:
        "regdna train {WORLD} {wildcards.experiment} --model {wildcards.model} --regime {wildcards.regime}"
        " --seed {wildcards.seed} --results {RESULTS} {params} 2> {log}"


rule metrics:
    input:
        runs(EXPERIMENTS, [MODEL] if FACTOR else config["models"]),
        [] if FACTOR else runs(EXPERIMENTS, [MODEL], LEAKS),
    output:
        f"{RESULTS}/metrics.csv",
    shell:
        "regdna metrics {RESULTS}"


rule chapter_1:
    input:
        READY,
        source="notebooks/01_worlds.ipynb",
    output:
        f"{PAGES}/01_worlds.ipynb",
    params:
        parameters(world=WORLD),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_2:
    input:
        READY,
        source="notebooks/02_peaks.ipynb",
    output:
        f"{PAGES}/02_peaks.ipynb",
    params:
        parameters(world=WORLD, **PEAK_CALLING),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_3:
    input:
        READY,
        source="notebooks/03_liftover.ipynb",
    output:
        f"{PAGES}/03_liftover.ipynb",
    params:
        parameters(world=WORLD, **LIFTOVER),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_4:
    input:
        lambda wildcards: runs([chapter_4(wildcards)], [MODEL]),
        source="notebooks/04_cnn.ipynb",
    output:
        PAGES + "/04_cnn{more,(-[^/]*)?}.ipynb",
    params:
        lambda wildcards: parameters(
            world=WORLD,
            experiment=chapter_4(wildcards),
            peaks=PEAKS,
            model=MODEL,
            regimes=config["regimes"],
            seeds=config["seeds"],
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_9:
    input:
        runs(EXPERIMENTS, [MODEL], ["SL-aug", "SSL", *LEAKS]),
        source="notebooks/09_leakage.ipynb",
    output:
        f"{PAGES}/09_leakage.ipynb",
    params:
        parameters(world=WORLD, experiments=EXPERIMENTS, model=MODEL, seeds=config["seeds"], **config["training"]),
    shell:
        "regdna run {input.source} -o {output} {params}"
