"""Whether a world's description contradicts itself."""

import re
from collections import Counter


def contradictions(text, species):
    """Look for what cannot be in a world's description.

    Parameters
    ----------
    text : dict
        The description, with all the fields that a world must have.
    species : set of str
        The reference and its relatives.

    Yields
    ------
    str
        A problem, with its field.
    """
    for part in ("test_chromosomes", "validation_chromosomes", "chromosomes"):
        if strange := [name for name in text.get(part, ()) if not isinstance(name, str)]:
            yield f'{part}: {strange[0]} is a number; write "{strange[0]}" in quotation marks'
            return
    if not 0 <= text.get("max_unknown", 0) <= 1:
        yield f"max_unknown is {text['max_unknown']}; it is a share, between 0 and 1"
    if text.get("peak_width") is not None and text["peak_width"] < 1:
        yield f"peak_width is {text['peak_width']}; it must be at least 1 base"
    if text["simulated"] != ("simulation" in text):
        found = "a" if "simulation" in text else "no"
        yield f"simulated is {text['simulated']}, but there is {found} simulation section"
    genomes, files = text.get("genomes", []), []
    for part in ("genomes", "experiments"):
        entries = text.get(part, [])
        twice = [name for name, count in Counter(entry["name"] for entry in entries).items() if count > 1]
        yield from (f"{part}: {name} is listed twice" for name in twice)
        files += [(f"{part}: {entry['name']}", entry) for entry in entries]
    if text.get("simulation", {}).get("tree_scale", 1) <= 0:
        yield f"tree_scale is {text['simulation']['tree_scale']}; it must be above 0"
    bound = {entry["name"] for entry in text["experiments"] if entry.get("at") == "sites"}
    if strange := sorted(set(text.get("simulation", {}).get("variants", {}).get("experiments", ())) - bound):
        yield f"simulation: variants of {', '.join(strange)}, which is no experiment that looks at sites"
    if "cohort" in text.get("simulation", {}):
        yield from _cohort_contradictions(text["simulation"])
    if "cells" in text.get("simulation", {}):
        yield from _cell_contradictions(text["simulation"], text["experiments"])
    if "genes" in text.get("simulation", {}):
        yield from _gene_contradictions(text["simulation"])
    relatives = species - {text["reference"]}
    if strange := sorted(set(text.get("near_identical", ())) - relatives):
        yield f"near_identical: {', '.join(strange)} is no relative"
    elif relatives and relatives == set(text.get("near_identical", ())):
        yield "near_identical: all relatives are listed, so that none is left to compare them with"
    if genomes and "tree" in text:
        listed = {genome["name"] for genome in genomes}
        yield from (f"genomes: {name} of the tree is missing" for name in sorted(species - listed))
        yield from (f"genomes: {name} is not in the tree" for name in sorted(listed - species))
    for entry in (entry for entry in text["experiments"] if "variants" in entry):
        if isinstance(entry["variants"], dict) and "path" in entry["variants"]:
            files.append((f"experiments: the variants of {entry['name']}", entry["variants"]))
        else:
            yield f"experiments: the variants of {entry['name']} need a path (and a url, unless you put them there)"
    for genome in genomes:
        if "chain" in genome and genome["name"] == text["reference"]:
            yield f"genomes: {genome['name']} is the reference, which has no chain to itself"
        elif "chain" in genome and not (isinstance(genome["chain"], dict) and "path" in genome["chain"]):
            yield f"genomes: the chain of {genome['name']} needs a path (and a url, unless you put it there yourself)"
        elif "chain" in genome:
            files.append((f"genomes: the chain of {genome['name']}", genome["chain"]))
    for what, entry in files:
        if "url" in entry and "path" not in entry:
            yield f"{what} has a url, but no path"
        if "url" in entry and text["simulated"]:
            yield f"{what} has a url, but the world is simulated"
        if not re.match("https?://", str(entry.get("url", "https://"))):
            yield f"{what} has the url {entry['url']}, which is neither https nor http"
        if "sha256" in entry and not re.fullmatch("[0-9a-f]{64}", str(entry["sha256"])):
            yield f"{what} has a sha256 that is not 64 hexadecimal digits"
    paths = Counter(entry["path"] for _, entry in files if "path" in entry)
    yield from (f"two files have the path {path}" for path, count in paths.items() if count > 1)
    held_out = {part: set(text[f"{part}_chromosomes"]) for part in ("test", "validation")}
    if both := held_out["test"] & held_out["validation"]:
        yield f"test_chromosomes and validation_chromosomes share {', '.join(sorted(both))}"
    for part, names in held_out.items():
        if unused := names - set(text.get("chromosomes", names)):
            yield f"{part}_chromosomes: {', '.join(sorted(unused))} is not in chromosomes"


def _cohort_contradictions(plan):
    cohort = plan["cohort"]
    if not plan.get("variants", {}).get("experiments"):
        yield "simulation: a cohort needs variants, and experiments in whose peaks they lie"
    low, high = cohort["frequency"]
    if not 0 < low <= high < 1:
        yield f"simulation: the cohort's frequency is {low} to {high}; two shares, between 0 and 1, the lower one first"
    for name in ("causal", "heritability", "prevalence"):
        if not 0 < cohort[name] < 1 and (name, cohort[name]) != ("causal", 1):
            yield f"simulation: the cohort's {name} is {cohort[name]}; it is a share, above 0 and below 1"
    for name in ("cases", "controls", "variants", "apart"):
        if cohort[name] < 1:
            yield f"simulation: the cohort's {name} is {cohort[name]}; it must be at least 1"


def _cell_contradictions(plan, experiments):
    cells = plan["cells"]
    if cells["regions"] not in {entry["name"] for entry in experiments if entry.get("at") == "elements"}:
        yield f"simulation: cells are counted in {cells['regions']}, which is no experiment that looks at elements"
    planted = set(plan["elements"].get("enhancer", {"motifs": ()})["motifs"])
    planted |= {factor["motif"] for factor in plan["factors"].values() if factor["in"].get("enhancer")}
    programs = Counter()
    for name, program in cells["types"].items():
        if strange := [factor for factor in program if factor not in planted]:
            yield f"simulation: the cell type {name} has a program of {', '.join(strange)}, not planted in enhancers"
        programs[tuple(sorted(program))] += 1
    yield from (f"simulation: {n} cell types have the program {', '.join(p)}" for p, n in programs.items() if n > 1)


def _gene_contradictions(plan):
    genes = plan["genes"]
    if "promoter" not in plan["elements"]:
        yield "simulation: genes begin at promoters, and there is no element promoter"
    for name, (low, high) in (
        ("length", genes["length"]),
        ("end", genes["end"]),
        ("exon range", genes["exon"]["range"]),
    ):
        if not 0 < low < high:
            yield f"simulation: the {name} of genes is {low} to {high}; give a range of bases, above 0"
    least = 2 * genes["end"][0] + genes["intron"]["least"]
    if genes["length"][0] < least:
        yield f"simulation: a gene of {genes['length'][0]} bases holds no two exons; the least is {least}"
