"""check_report.py REPORT PRINTED: a report against itself and against what
fp4-perplexity printed about the same checkpoint."""

import json
import pathlib
import re
import sys

report = json.loads(pathlib.Path(sys.argv[1]).read_text())
printed = float(re.search(r"perplexity: ([0-9.]+)", pathlib.Path(sys.argv[2]).read_text())[1])
measured = report["perplexity"]
assert round(measured["quantized"], 4) == printed, (measured, printed)
assert measured["gap"] == measured["quantized"] - measured["float32"]
errors = {layer["name"]: layer["relative_error"] for layer in report["layers"]}
assert [errors[name] for name in report["worst_layers"]] == sorted(errors.values(), reverse=True)
assert abs(report["mean_relative_error"] - sum(errors.values()) / len(errors)) < 1e-12
# bf16 stays where nothing is quantized; scales come on top.
assert 4.5 < report["bits_per_weight_of_model"] < 16
print("report agrees")
