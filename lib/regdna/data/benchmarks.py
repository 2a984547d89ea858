"""Published classification tasks by name: GUE, Genomic Benchmarks, MTcDNA, and CTCF in human cells."""

import re
import zipfile
import zlib
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from Bio.SeqIO.FastaIO import SimpleFastaParser
from sklearn.model_selection import train_test_split

from regdna.data.sequence_sets import read_labelled_fasta
from regdna.data.sequences import Sequences
from regdna.data.shuffles import SHUFFLED, against_shuffles
from regdna.data.tasks import Part, Task, overlap_notes
from regdna.worlds.collections import collection_names, open_collection
from regdna.worlds.downloads import download

SPLIT_FILES = {"train": "train.csv", "validation": "dev.csv", "test": "test.csv"}
LEAST_CDNA = 5000  # MTcDNA has cDNA of more bases than these only


def task_names(group=None):
    """List the tasks that can be opened, in the order of their descriptions.

    Parameters
    ----------
    group : str, optional
        ``gue``, ``genomic_benchmarks``, ``mtcdna`` or ``human_ctcf``; all by default.

    Returns
    -------
    list of str
    """
    return [name for collection in _benchmarks(group) for name in collection.tasks]


def open_task(name):
    """Read a published task; its files must be there, since some are large and some cannot be fetched by a program.

    * ``gue``: the Genome Understanding Evaluation (Zhou et al. 2024, DNABERT-2), such as ``EMP/H3``. Where no training
      file is there and none is known by a URL, the validation file is trained on, there is no validation part, and
      a note says so.
    * ``genomic_benchmarks``: Grešová et al. 2023, such as ``human_nontata_promoters``, from the archive of the task or
      a folder of its name beside it. It has no validation part; a learner takes one from the training part.
    * ``mtcdna``: ``MTcDNA/1024``, ``MTcDNA/4096`` and ``MTcDNA/8192`` (Yu et al. 2024, FinDNA), cDNA of mice against
      turtles: those of more than 5000 bases, cut to the first so many; 60 % for training, 20 % each for validation and
      test, drawn as their code does it (``train_test_split`` of scikit-learn, twice, seed 1). Their code fills the
      shorter ones with N; here they stay short.
    * ``human_ctcf``: windows of 201 bases that CTCF binds in GM12878 cells, and others; parts by chromosome.

    With ``:shuffled`` behind its name, such as ``tf/0:shuffled``, a task of two classes has dinucleotide shuffles of
    its positives for negatives; see :func:`regdna.data.shuffles.against_shuffles`.

    Parameters
    ----------
    name : str
        As :func:`task_names` lists it.

    Returns
    -------
    regdna.data.tasks.Task

    Raises
    ------
    ValueError
        If there is no such task, or a file is not what it should be; file and row are named.
    FileNotFoundError
        If a file is absent; the message says where to get it and where to put it.
    """
    name, _, negatives = name.partition(":")
    collection = _collection(name)
    described = collection.tasks[name]
    parts, notes, dropped = _READERS[collection.name](collection, name, described)
    task = Task(
        name=name,
        group=collection.name,
        title=described["title"],
        classes=tuple(described["classes"]),
        metric=described.get("metric", collection.metric),
        parts=parts,
        notes=notes + overlap_notes(parts),
        dropped=dropped,
    )
    if negatives not in ("", SHUFFLED):
        raise ValueError(f"task {name}:{negatives}: the negatives are the published ones, or {name}:{SHUFFLED}")
    return against_shuffles(task) if negatives else task


def fetch_task(name):
    """Download the files of a task that are not there, where they have an address; see :func:`open_task` for errors."""
    name = name.partition(":")[0]
    collection = _collection(name)
    if name in collection.sources and (collection.downloaded / name).is_dir():
        return  # an archive that somebody has unpacked
    own = collection.tasks[name].get("files", ())
    wanted = {
        part: source
        for part, source in collection.sources.items()
        if (part in own or f"{part}/".startswith(f"{name}/")) and not collection.path(part).exists()
    }
    download(replace(collection, sources=wanted))


def _collection(name):
    benchmarks = _benchmarks()
    collection = next((collection for collection in benchmarks if name in collection.tasks), None)
    if collection is None:
        raise ValueError(f"no task named {name!r}; tasks: {', '.join(n for c in benchmarks for n in c.tasks)}")
    return collection


def _benchmarks(group=None):
    collections = [c for c in map(open_collection, collection_names()) if c.tasks and group in (None, c.name)]
    if not collections:
        raise ValueError(f"no group of tasks named {group!r}; groups: {', '.join(c.name for c in _benchmarks())}")
    return collections


def _read_gue(collection, name, described):
    classes, parts, notes = described["classes"], {}, []
    files = {split: f"{name}/{file}" for split, file in SPLIT_FILES.items()}
    published = {f"{name}/{file}": size for file, size in zip(SPLIT_FILES.values(), described["sizes"])}
    fetched = {source.path for source in collection.sources.values()}
    if not (collection.downloaded / files["train"]).exists() and files["train"] not in fetched:
        if not (collection.downloaded / files["validation"]).exists() and files["validation"] not in fetched:
            raise collection.absence(files["train"])
        files = {"train": files["validation"], "test": files["test"]}
        notes = [
            f"Trained on the published dev split of {described['sizes'][1]:,} sequences, since the training split of "
            f"{described['sizes'][0]:,} is not at hand."
        ]
    for split, file in files.items():
        if not (collection.downloaded / file).exists():
            raise collection.absence(file)
        parts[split] = _read_csv(collection.downloaded / file, classes)
        if (found := len(parts[split].labels)) != published[file]:
            notes.append(f"{file} has {found:,} sequences; the published one has {published[file]:,}.")
    return parts, tuple(notes), {}


def _read_csv(path, classes):
    try:
        # Every line a row, so that numbers of lines are right in errors; "NA" is a sequence.
        settings = {"dtype": str, "keep_default_na": False, "skip_blank_lines": False, "encoding": "utf-8-sig"}
        table = pd.read_csv(path, **settings)
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: not comma-separated text ({error})") from error
    if missing := [column for column in ("sequence", "label") if column not in table]:
        raise ValueError(f"{path}: no column {missing[0]!r}; it has {', '.join(map(str, table.columns))}")

    def line(row):
        return f"{path} line {row + 2}"

    texts = table["label"].str.strip()
    known = texts.isin([str(label) for label in range(len(classes))])
    if not known.all():
        row = int(np.argmin(known))
        problem = "is none of" if re.fullmatch("-?[0-9]+", texts[row]) else "is not an integer, one of"
        raise ValueError(f"{line(row)}: label {table['label'][row]!r} {problem} 0 to {len(classes) - 1}")
    labels = texts.astype(np.int64).to_numpy()
    if absent := set(range(len(classes))) - set(labels.tolist()):
        raise ValueError(f"{path}: no row has the label {min(absent)} ({classes[min(absent)]})")
    return Part(Sequences.of(table["sequence"].str.strip(), line), labels)


def _read_genomic_benchmark(collection, name, described):
    classes, rows = described["classes"], {"train": [], "test": []}
    for where, (split, kind, file), text in _class_files(collection, name):
        if split not in rows or kind not in classes:
            raise ValueError(f"{where}: not in train or test, in a folder of one of the classes {', '.join(classes)}")
        number = PurePosixPath(file).stem
        rows[split].append((classes.index(kind), int(number) if number.isdecimal() else -1, file, where, text))
    parts = {}
    for split, found in rows.items():
        labels, _, _, places, texts = zip(*sorted(found)) if found else ((),) * 5
        if absent := set(range(len(classes))) - set(labels):
            where = f"{split}/{classes[min(absent)]}"
            raise ValueError(f"{collection.downloaded / name}: {where} holds no sequence; fetch the task again")
        parts[split] = Part(Sequences.of(texts, places.__getitem__), np.array(labels, np.int64))
    return parts, (), {}


def _class_files(collection, name):
    """Yield (name for errors, (split, class, file), text) of each sequence's file, from a folder or the archive.

    The archive is read where it is: unpacked it would be up to 289,000 files.
    """
    folder, archive = collection.downloaded / name, collection.path(name)
    if folder.is_dir():
        for path in folder.glob("*/*/*.txt"):
            yield str(path), path.relative_to(folder).parts, path.read_text("ascii", "replace").strip()
        return
    if not archive.exists():
        raise collection.absence(archive.name)
    try:
        with zipfile.ZipFile(archive) as zipped:
            for file in zipped.namelist():
                parts = PurePosixPath(file).parts
                if parts[0] == name and len(parts) == 4 and file.endswith(".txt"):
                    yield f"{archive}: {file}", parts[1:], zipped.read(file).decode("ascii", "replace").strip()
    except (EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{archive}: truncated or damaged ({error}); delete it and fetch it again") from error


def _read_mtcdna(collection, name, described):
    length, texts, places, labels, dropped = described["length"], [], [], [], 0
    for label, kind in enumerate(described["classes"]):
        for file in described["paths"][kind]:
            path = collection.downloaded / file
            if not path.exists():
                raise collection.absence(file)
            with open(path, encoding="ascii", errors="replace") as lines:
                records = [*SimpleFastaParser(lines)]
            long = [(title, letters) for title, letters in records if len(letters) > LEAST_CDNA]
            if not long:
                raise ValueError(f"{path}: {len(records)} FASTA records, none of more than {LEAST_CDNA} bases")
            dropped += len(records) - len(long)
            texts += [letters[:length] for _, letters in long]
            places += [
                f"{path}, record {title.split()[0] if title.split() else number}"
                for number, (title, _) in enumerate(long)
            ]
            labels += [label] * len(long)
    sequences, labels = Sequences.of(texts, places.__getitem__), np.array(labels, np.int64)
    rest, test = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=1)
    train, validation = train_test_split(rest, test_size=0.25, random_state=1)
    rows = {"train": train, "validation": validation, "test": test}
    parts = {split: Part(sequences.take(chosen), labels[chosen]) for split, chosen in rows.items()}
    short = int((sequences.lengths < length).sum())
    notes = (f"{short:,} of the {len(sequences):,} sequences are shorter than {length} bases.",) if short else ()
    return parts, notes, {f"cDNA of {LEAST_CDNA} bases or fewer": dropped}


def _read_by_chromosome(collection, name, described):
    files = [collection.path(part) for part in described["files"]]
    for path in files:
        if not path.exists():
            raise collection.absence(path.name)
    both = read_labelled_fasta(*reversed(files))
    split = np.full(len(both.labels), "train", object)
    for part, chromosomes in described["chromosomes"].items():
        split[np.isin(both.chrom.astype(str), chromosomes)] = part
    parts = {}
    for part in SPLIT_FILES:
        here = split == part
        parts[part] = Part(Sequences.of_rows(both.codes[here]), both.labels[here].astype(np.int64))
    return parts, (), {}


_READERS = {
    "gue": _read_gue,
    "genomic_benchmarks": _read_genomic_benchmark,
    "mtcdna": _read_mtcdna,
    "human_ctcf": _read_by_chromosome,
}
