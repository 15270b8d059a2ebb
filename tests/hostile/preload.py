"""What the server of the sandbox imports once, so that no command has to."""

from importlib import import_module

import torch

from merbench.corpus.load import reader_class

_COMMANDS = ("check", "compare", "data", "grid", "plan", "report", "run", "runs")
_MODULES = (
    *("encodings.cp437", "encodings.utf_8_sig", "encodings.latin_1", "encodings.unicode_escape"),
    *("h5py", "pyarrow.csv", "pyarrow.parquet", "rich._emoji_codes", "ruamel.yaml.mergevalue"),
    *("merbench.analysis.build", "merbench.report.report", "merbench.exchange.importing"),
    *("merbench.check.reference_file", *(f"merbench.cli.{name}" for name in _COMMANDS)),
)

for module in _MODULES:
    import_module(module)
for reader in ("table", "npy_dir", "mmsa", "mmin", "native", "synthetic"):
    reader_class(reader)
torch.set_num_threads(1)
