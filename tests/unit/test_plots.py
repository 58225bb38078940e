"""The figure of a training says what was minimised, which weights were kept and why it ended."""

import pandas as pd
import pytest

from ouroboros.plots import curves

HISTORY = pd.DataFrame(
    {
        "epoch": range(4),
        "train_loss": [4.0, 3.0, 2.0, 1.0],
        "val_loss": [None, 3.5, None, 4.5],
        "train_force_mae_meV_per_A": [400.0, 300.0, 200.0, 100.0],
        "val_force_mae_meV_per_A": [None, 351.24, None, 452.0],
        "learning_rate": [0.1, 0.2, 0.1, 0.0],
    }
)
SUMMARY = {
    "best_epoch": 1,
    "stop_reason": "validation loss stalled",
    "validation": {"force_mae_meV_per_A": 351.24},
    "overfitting": False,
}


@pytest.mark.parametrize(
    ("loss", "words"), [("mse", "squared"), ("l1", "mean absolute errors"), ("l2norm", "lengths of errors")]
)
@pytest.mark.parametrize("overfitting", [True, False])
def test_the_curves_say_what_was_minimised_kept_and_why_it_ended(tmp_path, loss, words, overfitting):
    summary = {**SUMMARY, "training": {"loss": loss}, "overfitting": overfitting}
    curves(HISTORY, summary, tmp_path / "curves.svg")
    drawn = (tmp_path / "curves.svg").read_text()
    assert "weights kept: epoch 2<" in drawn
    assert "validation 351.2 meV/Å, validation loss stalled" in drawn
    assert "weighted loss (" in drawn and words in drawn
    assert ("overfitting" in drawn) == overfitting
