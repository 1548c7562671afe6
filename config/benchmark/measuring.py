"""The process of one measurement: python -m config.benchmark.measuring MODULE OPTIONS; its last line is the rows as JSON."""

import sys
from importlib import import_module

import django
import msgspec

from config.benchmark.measurements import Options

if __name__ == "__main__":
    django.setup()
    options = msgspec.json.decode(sys.argv[2], type=Options)
    rows = import_module(f"config.benchmark.{sys.argv[1]}").measure(options)
    print(msgspec.json.encode(rows).decode(), flush=True)
