import subprocess
import sys

READS = """
import pkgutil, sys, importlib, merbench.statistics as package
for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
    importlib.import_module(module.name)
assert "merbench.statistics.estimate" in sys.modules
heavy = {"torch", "pandas", "matplotlib", "sklearn"} & set(sys.modules)
assert not heavy, heavy
"""


def test_statistics_need_numpy_and_scipy_alone():
    subprocess.run([sys.executable, "-c", READS], check=True)
