#!/usr/bin/env python3
"""Names the layers of a report.json whose error is that of rounding to nearest."""

import json
import sys

for layer in json.load(open(sys.argv[1]))["layers"]:
    if layer["relative_error"] == layer["relative_error_rtn"]:
        print("by rounding:", layer["name"])
