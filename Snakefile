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
HERE = open_world(WORLD)
FIRST_THREE = list(HERE.experiments)[:3]  # of a world that the config does not name
EXPERIMENTS = {group: given.get(GIVEN, FIRST_THREE) for group, given in config["experiments"].items()}
PAGES_OF = [FACTOR] if FACTOR else EXPERIMENTS["pages"]
if FACTOR in {*EXPERIMENTS["pages"], *EXPERIMENTS["benchmark"]}:
    raise ValueError(f"NAME={FACTOR} is a factor of the book; its runs would be overwritten, so choose another name")
MODEL, SEEDS = config["model"], config["seeds"]
OTHERS, STUDENTS, TURNED = config["models"], config["noisy_student"], config["turned"]
KNOBS = [f"SSL-NS-k{k}" for k in STUDENTS["iterations"]] + [f"SSL-NS-sd{sd}" for sd in STUDENTS["noise"]]
NEAREST = [number for number in config["genomes"].get(GIVEN, [1, 5, 10]) if number < len(HERE.relatives)]
# A world whose description calls no relative near-identical has no copies to compare with.
GAIN = [name for name in config["gain"] if HERE.near_identical or name not in ("SSL-copies", "SSL-diverged")]
TURNED_WORLDS = TURNED["worlds"].get(GIVEN, [])
SEQUENCED = HERE.sequenced  # chapter 2 needs reads
SNPS = config["snp_effects"]
WITH_VARIANTS = list(SNPS["experiments"].get(GIVEN, HERE.with_variants))  # chapter 10 needs them
PEAK_CALLING = {"experiment": SEQUENCED[0], "fragment_length": 200} if SEQUENCED else {}
PEAK_CALLING = config.get("peak_calling", {}).get(GIVEN, PEAK_CALLING)
LIFTOVER = config["liftover"].get(GIVEN, {"experiment": PAGES_OF[0], "motif": ""})

LANGUAGE = config["language_model"]
LANGUAGE_EXPERIMENTS = LANGUAGE["experiments"].get(GIVEN, PAGES_OF[:1])  # chapter 5
FEW = f"SSL-nearest{LANGUAGE['nearest']}"

FINDNA = config["findna"]
FINDNA_TASKS = {
    group: FINDNA[group].get(GIVEN, PAGES_OF[:1] if group != "other_tasks" else [])
    for group in ("tasks", "other_tasks", "tuned_tasks", "ablated_tasks")
}
FINDNA_STEPS = FINDNA["steps"].get(GIVEN, FINDNA["steps"]["other"])
SELF = FINDNA["network"]
CHANGED = [f"{SELF}-{change}" for change in FINDNA["baselines"]]
ABLATED = [*FINDNA["pairs"], *(f"w{width}" for width in FINDNA["widths"]), "mnm", "agree", "t"]
GENEBERT = config["genebert"]
GENEBERT_SELF, GENEBERT_SEED = GENEBERT["network"], GENEBERT["seeds"][0]
WITH_CELLS = ["14_cells", "15_genebert", "16_genebert_tasks", "17_genebert_ablations"] if HERE.cells_path else []
WITH_COHORT = ["16a_disease_risk"] if WITH_CELLS and HERE.cohort_path else []
WITH_GENES = ["16b_splice_sites"] if WITH_CELLS and HERE.genes_path else []
TASKS = FINDNA_TASKS | {f"genebert_{group}": GENEBERT[group] for group in ("tasks", "other_tasks", "tuned_tasks", "ablated_tasks")}

READY = f"data/built/{WORLD}/ready.json"
RESULTS = f"results/{WORLD}"
CHAPTERS = f"{RESULTS}/own/{FACTOR}" if FACTOR else RESULTS  # a reader's own factor leaves the book as it is
PAGES = f"{CHAPTERS}/notebooks"
HTML = f"{CHAPTERS}/site/html"
CHAPTER_4 = {"04_cnn" if i == 0 else f"04_cnn-{name}": name for i, name in enumerate(PAGES_OF)}
LEAKS = ["SSL-leak", "SSL-leak-equal"]  # the mistakes that chapter 9 makes on purpose


def runs(experiments, models, regimes, seeds=SEEDS, results=RESULTS):
    pattern = results + "/runs/{experiment}/{model}/{regime}-{seed}/run.json"
    return expand(pattern, experiment=experiments, model=models, regime=regimes, seed=seeds)


# The cells of the benchmark, by the chapter that shows them.
CELLS = {
    "05": runs(LANGUAGE_EXPERIMENTS, [LANGUAGE["model"]], ["SL", FEW, "SSL"], LANGUAGE["seeds"])
    + runs(LANGUAGE_EXPERIMENTS, [LANGUAGE["cnn"]], ["SL", "SSL"], LANGUAGE["seeds"]),
    "04": runs(PAGES_OF, [MODEL], config["regimes"]),
    "06": runs(EXPERIMENTS["benchmark"], [MODEL], config["benchmark"])
    + runs(PAGES_OF, OTHERS["names"], OTHERS["regimes"], OTHERS["seeds"]),
    "07": runs(PAGES_OF, [MODEL], KNOBS, STUDENTS["seeds"]),
    "08": runs(PAGES_OF, [MODEL], [f"SSL-nearest{number}" for number in NEAREST]),
    "09": runs(PAGES_OF, [MODEL], LEAKS),
    "10": runs(WITH_VARIANTS, [MODEL], SNPS["regimes"]) + runs(WITH_VARIANTS, SNPS["models"], SNPS["regimes"], SNPS["seeds"]),
    "19": runs(PAGES_OF, [MODEL], GAIN),
}
TURNED_CELLS = [
    path
    for world in TURNED_WORLDS
    for path in runs(TURNED["experiments"], [MODEL], TURNED["regimes"], TURNED["seeds"], f"results/{world}")
]


def evaluated(methods, seeds, group):
    pattern = RESULTS + "/evaluated/{method}-{seed}/{group}.made"
    return expand(pattern, method=methods, seed=seeds, group=group)


# What chapters 12 and 13 show: probes with all seeds, what else there is with one, and fine-tuning.
PROBES = [f"probe-{name}" for name in (SELF, f"{SELF}-untrained", *CHANGED)]
TUNED = ["cnn", f"tune-{SELF}", f"tune-{SELF}-untrained", *(f"tune-{name}" for name in CHANGED if name.endswith("-mnm"))]
FINDNA_CELLS = {
    "12": evaluated(PROBES, FINDNA["seeds"], "tasks")
    + evaluated(["kmers", "cnn", f"probe-{SELF}-teacher", "probe-dnabert2-mini"], FINDNA["seeds"][:1], "tasks")
    + evaluated([*PROBES, "kmers"] if FINDNA_TASKS["other_tasks"] else [], FINDNA["seeds"][:1], "other_tasks")
    + evaluated(TUNED, FINDNA["seeds"][:1], "tuned_tasks"),
    "13": evaluated(
        [f"probe-{SELF}", f"probe-{SELF}-untrained", *(f"probe-{SELF}-{change}" for change in ABLATED)],
        FINDNA["seeds"][:1],
        "ablated_tasks",
    ),
}


# Chapter 16: probes with all seeds, what has no network with one, and fine-tuning. Chapter 17: networks changed in one thing.
ABLATIONS = GENEBERT["ablations"]
NUMBERED = {"types": "types", "batch": "batches", "weight": "weights"}
CHANGES = [*ABLATIONS["losses"], *ABLATIONS["encoders"]]
CHANGES += [f"{name}{value:g}" for name in ("types", "batch", "weight") for value in ABLATIONS[NUMBERED[name]]]
GENEBERT_STARTS = (GENEBERT_SELF, f"{GENEBERT_SELF}-untrained", f"{GENEBERT_SELF}-seq")
GENEBERT_CELLS = {
    "16": evaluated([f"probe-{name}" for name in GENEBERT_STARTS], GENEBERT["seeds"], "genebert_tasks")
    + evaluated(["kmers", "motifs", "cnn"], [GENEBERT_SEED], "genebert_tasks")
    + (evaluated([*(f"probe-{name}" for name in GENEBERT_STARTS)], GENEBERT["seeds"], "genebert_other_tasks") if GENEBERT["other_tasks"] else [])
    + (evaluated(["kmers", "motifs", "cnn"], [GENEBERT_SEED], "genebert_other_tasks") if GENEBERT["other_tasks"] else [])
    + evaluated(["cnn", *(f"tune-{name}" for name in GENEBERT_STARTS)], [GENEBERT_SEED], "genebert_tuned_tasks"),
    "17": evaluated([f"probe-{GENEBERT_SELF}-{change}" for change in CHANGES], [GENEBERT_SEED], "genebert_ablated_tasks")
    + evaluated(["kmers", "motifs", *(f"probe-{name}" for name in GENEBERT_STARTS[:2])], [GENEBERT_SEED], "genebert_ablated_tasks"),
}


def parameters(**values):
    return " ".join("-p " + shlex.quote(f"{name}={value}") for name, value in values.items())


def chapter_4(wildcards):
    return CHAPTER_4["04_cnn" + wildcards.more]


BENCHMARK = ["06_benchmark", "07_noisy_student", "08_genomes", "09_leakage", "19_gain", "20_understanding"]
BENCHMARK += ["06a_ceiling"] if HERE.simulated else []
BENCHMARK += ["11_findna", "12_findna_tasks", "13_findna_ablations"]
BENCHMARK += ["05a_pretraining", "05_dnabert2"] + (["10_snp_effects"] if WITH_VARIANTS else [])


# Snakemake is silent about what is up to date; these two always name the page.
rule book:
    input:
        f"{HTML}/book/index.html",
    shell:
        "echo open {input}"


# Every table and figure of the benchmark, without the site around them.
rule benchmark:
    input:
        [f"{PAGES}/{page}.ipynb" for page in [*CHAPTER_4, *BENCHMARK]],
        f"{RESULTS}/metrics.csv",


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
        [f"{PAGES}/{page}.ipynb" for page in [*WITH_CELLS, *WITH_COHORT, *WITH_GENES]],
        [f"{PAGES}/{page}.ipynb" for page in CHAPTER_4],
        [f"{PAGES}/{page}.ipynb" for page in BENCHMARK],
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


def descriptions(wildcards):
    base = open_world(wildcards.world).description.get("extends", wildcards.world)
    return [f"data/worlds/{name}.yaml" for name in {wildcards.world, base}]


rule world:
    input:
        descriptions,
    output:
        "data/built/{world}/ready.json",
    threads: lambda wildcards: 1 if open_world(wildcards.world).simulated else workflow.cores  # alignments use all
    shell:
        "regdna world {wildcards.world}"


# A stamp beside the data set: Snakemake makes and deletes the folders of its outputs, and this one appears as a whole.
rule label:
    input:
        "data/built/{world}/ready.json",
        [PEAKS] if PEAKS else [],
    output:
        touch("results/{world}/datasets/{experiment}-200.made"),
    params:
        f"--peaks {shlex.quote(PEAKS)}" if PEAKS else "",
    shell:
        "regdna label {wildcards.world} {wildcards.experiment} --results results/{wildcards.world} {params}"


# The network that chapter 5 fine-tunes; a world's genomes are all it needs.
rule pretrain:
    input:
        "data/built/{world}/ready.json",
    output:
        "results/{world}/pretrained/dnabert2-mini/pretraining.json",
    shell:
        "regdna pretrain {wildcards.world} --results results/{wildcards.world} --steps {LANGUAGE[pretraining_steps]}"


# A FinDNA of chapters 11 to 13, by name and seed.
rule distill:
    input:
        "data/built/{world}/ready.json",
    output:
        "results/{world}/pretrained/{network}-{seed}/pretraining.json",
    wildcard_constraints:
        network="findna.*",
        seed=r"\d+",
    shell:
        "regdna pretrain {wildcards.world} --results results/{wildcards.world} --model {wildcards.network}"
        " --seed {wildcards.seed} --steps {FINDNA_STEPS}"


# A GeneBERT of chapter 15, by name and seed.
rule multimodal:
    input:
        "data/built/{world}/ready.json",
    output:
        "results/{world}/pretrained/{network}-{seed}/pretraining.json",
    wildcard_constraints:
        network="genebert.*",
        seed=r"\d+",
    shell:
        "regdna pretrain {wildcards.world} --results results/{wildcards.world} --model {wildcards.network}"
        " --seed {wildcards.seed} --steps {GENEBERT[steps]}"


def network_of(wildcards):
    name = wildcards.method.partition("-")[2]
    if not name or name == "dnabert2-mini":
        return rules.pretrain.output if name else []
    name = name.removesuffix("-untrained").removesuffix("-teacher")
    return f"results/{wildcards.world}/pretrained/{name}-{wildcards.seed}/pretraining.json"


# A stamp beside the scores, which are a file for each task.
rule evaluate:
    input:
        "data/built/{world}/ready.json",
        network_of,
    output:
        touch("results/{world}/evaluated/{method}-{seed}/{group}.made"),
    params:
        lambda wildcards: " ".join(map(shlex.quote, TASKS[wildcards.group])),
    wildcard_constraints:
        seed=r"\d+",
    shell:
        "regdna evaluate {wildcards.world} {wildcards.method} --results results/{wildcards.world}"
        " --seed {wildcards.seed} --tasks {params}"


rule train:
    input:
        "results/{world}/datasets/{experiment}-200.made",
        lambda wildcards: rules.pretrain.output if wildcards.model.startswith("dnabert2-mini") else [],
    output:
        "results/{world}/runs/{experiment}/{model}/{regime}-{seed}/run.json",
    params:
        " ".join(f"--{name.replace('_', '-')} {value}" for name, value in config["training"].items()),
        f"--peaks {shlex.quote(PEAKS)}" if PEAKS else "",
    log:
        "results/{world}/runs/{experiment}/{model}/{regime}-{seed}/train.log",  # TensorFlow talks a lot
    wildcard_constraints:
        seed=r"\d+",
    shell:
        "regdna train {wildcards.world} {wildcards.experiment} --model {wildcards.model} --regime {wildcards.regime}"
        " --seed {wildcards.seed} --results results/{wildcards.world} {params} 2> {log}"


rule metrics:
    input:
        CELLS["04"] if FACTOR else list(CELLS.values()),
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
        lambda wildcards: runs([chapter_4(wildcards)], [MODEL], config["regimes"]),
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
            seeds=SEEDS,
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_5a:
    input:
        f"{RESULTS}/pretrained/dnabert2-mini/pretraining.json",
        source="notebooks/05a_pretraining.ipynb",
    output:
        f"{PAGES}/05a_pretraining.ipynb",
    params:
        parameters(world=WORLD, steps=LANGUAGE["pretraining_steps"]),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_5:
    input:
        CELLS["05"],
        source="notebooks/05_dnabert2.ipynb",
    output:
        f"{PAGES}/05_dnabert2.ipynb",
    params:
        parameters(
            world=WORLD,
            experiments=LANGUAGE_EXPERIMENTS,
            model=LANGUAGE["model"],
            pretraining_steps=LANGUAGE["pretraining_steps"],
            cnn=LANGUAGE["cnn"],
            nearest=LANGUAGE["nearest"],
            seeds=LANGUAGE["seeds"],
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_6:
    input:
        CELLS["06"],
        source="notebooks/06_benchmark.ipynb",
    output:
        f"{PAGES}/06_benchmark.ipynb",
    params:
        parameters(
            world=WORLD,
            experiments=EXPERIMENTS["benchmark"],
            model=MODEL,
            regimes=config["benchmark"],
            seeds=SEEDS,
            other_models=OTHERS["names"],
            other_experiments=PAGES_OF,
            other_regimes=OTHERS["regimes"],
            other_seeds=OTHERS["seeds"],
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_6a:
    input:
        CELLS["06"],
        source="notebooks/06a_ceiling.ipynb",
    output:
        f"{PAGES}/06a_ceiling.ipynb",
    params:
        parameters(
            world=WORLD,
            experiments=EXPERIMENTS["benchmark"],
            model=MODEL,
            regimes=config["benchmark"],
            seeds=SEEDS,
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_7:
    input:
        CELLS["04"],
        CELLS["07"],
        source="notebooks/07_noisy_student.ipynb",
    output:
        f"{PAGES}/07_noisy_student.ipynb",
    params:
        parameters(
            world=WORLD,
            experiments=PAGES_OF,
            model=MODEL,
            students=STUDENTS["iterations"],
            noises=STUDENTS["noise"],
            seeds=STUDENTS["seeds"],
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_8:
    input:
        CELLS["04"],
        CELLS["08"],
        source="notebooks/08_genomes.ipynb",
    output:
        f"{PAGES}/08_genomes.ipynb",
    params:
        parameters(world=WORLD, experiments=PAGES_OF, model=MODEL, nearest=NEAREST, seeds=SEEDS, **config["training"]),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_9:
    input:
        CELLS["04"],
        CELLS["09"],
        source="notebooks/09_leakage.ipynb",
    output:
        f"{PAGES}/09_leakage.ipynb",
    params:
        parameters(world=WORLD, experiments=PAGES_OF, model=MODEL, seeds=SEEDS, **config["training"]),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_10:
    input:
        CELLS["10"],
        source="notebooks/10_snp_effects.ipynb",
    output:
        f"{PAGES}/10_snp_effects.ipynb",
    params:
        parameters(
            world=WORLD,
            experiments=WITH_VARIANTS,
            model=MODEL,
            regimes=SNPS["regimes"],
            seeds=SEEDS,
            other_models=SNPS["models"],
            other_seeds=SNPS["seeds"],
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_14:
    input:
        READY,
        source="notebooks/14_cells.ipynb",
    output:
        f"{PAGES}/14_cells.ipynb",
    params:
        parameters(world=WORLD),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_15:
    input:
        expand(
            RESULTS + "/pretrained/{network}-{seed}/pretraining.json",
            network=[GENEBERT_SELF, f"{GENEBERT_SELF}-seq"],
            seed=GENEBERT_SEED,
        ),
        source="notebooks/15_genebert.ipynb",
    output:
        f"{PAGES}/15_genebert.ipynb",
    params:
        parameters(world=WORLD, network=GENEBERT_SELF, steps=GENEBERT["steps"], seed=GENEBERT_SEED),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_16:
    input:
        GENEBERT_CELLS["16"],
        source="notebooks/16_genebert_tasks.ipynb",
    output:
        f"{PAGES}/16_genebert_tasks.ipynb",
    params:
        parameters(
            world=WORLD,
            network=GENEBERT_SELF,
            steps=GENEBERT["steps"],
            seeds=GENEBERT["seeds"],
            tasks=GENEBERT["tasks"],
            other_tasks=GENEBERT["other_tasks"],
            tuned_tasks=GENEBERT["tuned_tasks"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_16a:
    input:
        expand(
            RESULTS + "/pretrained/{network}-{seed}/pretraining.json",
            network=[GENEBERT_SELF, f"{GENEBERT_SELF}-seq"],
            seed=GENEBERT["seeds"],
        ),
        source="notebooks/16a_disease_risk.ipynb",
    output:
        f"{PAGES}/16a_disease_risk.ipynb",
    params:
        parameters(
            world=WORLD,
            network=GENEBERT_SELF,
            steps=GENEBERT["steps"],
            seeds=GENEBERT["seeds"],
            experiments=WITH_VARIANTS,
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_16b:
    input:
        expand(
            RESULTS + "/pretrained/{network}-{seed}/pretraining.json",
            network=[GENEBERT_SELF, f"{GENEBERT_SELF}-seq"],
            seed=GENEBERT_SEED,
        ),
        source="notebooks/16b_splice_sites.ipynb",
    output:
        f"{PAGES}/16b_splice_sites.ipynb",
    params:
        parameters(
            world=WORLD,
            network=GENEBERT_SELF,
            steps=GENEBERT["steps"],
            seeds=[GENEBERT_SEED],
            **config["splicing"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_17:
    input:
        GENEBERT_CELLS["17"],
        source="notebooks/17_genebert_ablations.ipynb",
    output:
        f"{PAGES}/17_genebert_ablations.ipynb",
    params:
        parameters(
            world=WORLD,
            network=GENEBERT_SELF,
            steps=GENEBERT["steps"],
            seed=GENEBERT_SEED,
            tasks=GENEBERT["ablated_tasks"],
            **ABLATIONS,
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


# Real data without a genome around them: made by hand, since they are downloaded, and shown in the book as a record.
rule human_ctcf:
    input:
        "notebooks/21_human_ctcf.ipynb",
    output:
        "results/human_ctcf/notebooks/21_human_ctcf.ipynb",
    shell:
        "regdna run {input} -o {output}"


rule chapter_11:
    input:
        expand(
            RESULTS + "/pretrained/{network}-{seed}/pretraining.json",
            network=[SELF, f"{SELF}-mnm", f"{SELF}-mnm-left", f"{SELF}-published"],
            seed=FINDNA["seeds"][0],
        ),
        source="notebooks/11_findna.ipynb",
    output:
        f"{PAGES}/11_findna.ipynb",
    params:
        parameters(world=WORLD, network=SELF, steps=FINDNA_STEPS, seed=FINDNA["seeds"][0]),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_12:
    input:
        FINDNA_CELLS["12"],
        source="notebooks/12_findna_tasks.ipynb",
    output:
        f"{PAGES}/12_findna_tasks.ipynb",
    params:
        parameters(
            world=WORLD,
            network=SELF,
            steps=FINDNA_STEPS,
            seeds=FINDNA["seeds"],
            tasks=FINDNA_TASKS["tasks"],
            other_tasks=FINDNA_TASKS["other_tasks"],
            baselines=FINDNA["baselines"],
            tuned_tasks=FINDNA_TASKS["tuned_tasks"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_13:
    input:
        FINDNA_CELLS["13"],
        source="notebooks/13_findna_ablations.ipynb",
    output:
        f"{PAGES}/13_findna_ablations.ipynb",
    params:
        parameters(
            world=WORLD,
            network=SELF,
            steps=FINDNA_STEPS,
            seed=FINDNA["seeds"][0],
            tasks=FINDNA_TASKS["ablated_tasks"],
            pairs=FINDNA["pairs"],
            widths=FINDNA["widths"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_19:
    input:
        CELLS["04"],
        CELLS["19"],
        TURNED_CELLS,
        source="notebooks/19_gain.ipynb",
    output:
        f"{PAGES}/19_gain.ipynb",
    params:
        parameters(
            world=WORLD,
            experiments=PAGES_OF,
            model=MODEL,
            seeds=SEEDS,
            turned_worlds=TURNED_WORLDS,
            turned_experiments=TURNED["experiments"],
            turned_seeds=TURNED["seeds"],
            **config["training"],
        ),
    shell:
        "regdna run {input.source} -o {output} {params}"


rule chapter_20:
    input:
        CELLS["04"],
        source="notebooks/20_understanding.ipynb",
    output:
        f"{PAGES}/20_understanding.ipynb",
    params:
        parameters(world=WORLD, experiment=LIFTOVER["experiment"], model=MODEL, seeds=SEEDS, **config["training"]),
    shell:
        "regdna run {input.source} -o {output} {params}"
