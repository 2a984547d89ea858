from types import SimpleNamespace

import numpy as np
import pandas as pd

from regdna.report import genebert_tables
from regdna.report.genebert_tables import ablation_table


def test_a_row_for_each_change(tmp_path, monkeypatch):
    trained = []

    def pretrain(world, folder, plan, seed):
        trained.append((world, folder, plan.use_srm, plan.steps, seed))
        held_out = {"held_out_mgm": 5.0} | ({"held_out_retrieval": 0.2} if plan.use_srm else {})
        return SimpleNamespace(provenance={"held_out": held_out, "seconds": 9.0})

    def run(method, seed):
        area = 0.9 if method == "probe-genebert-mini" else 0.7
        row = {"method": method, "seed": seed, "metric": "mcc", "mcc": 0.1}
        return pd.DataFrame([row | {"task": "x", "auroc": area}, row | {"task": "y", "auroc": 0.5}])

    monkeypatch.setattr(genebert_tables, "pretrain_multimodal", pretrain)
    evaluation = SimpleNamespace(world="here", results=tmp_path, run=run)
    table = ablation_table(evaluation, "genebert-mini", {"all": "", "sequence alone": "seq"}, 7, 3)
    names = ("genebert-mini-3", "genebert-mini-seq-3")
    folders = [tmp_path / "pretrained" / name for name in names]
    assert trained == [("here", folders[0], True, 7, 3), ("here", folders[1], False, 7, 3)]
    assert table["mean of the tasks"].to_dict() == {"all": 0.7, "sequence alone": 0.6}
    assert table["retrieval"]["all"] == 0.2 and np.isnan(table["retrieval"]["sequence alone"])
    assert table["next segment"].isna().all() and table["x"].tolist() == [0.9, 0.7]
