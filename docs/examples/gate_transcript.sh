#!/usr/bin/env bash
# The gate failing and passing, with real commands: a reference, a commit that breaks something, the
# same commit mended. Prints the transcript that docs/ci.md shows. Takes five minutes on two cores.
set -euo pipefail
cd "$(mktemp -d)"

show() {
    echo "$ $*"
    local code=0
    "$@" 2>&1 || code=$?
    if [ "$code" != 0 ]; then echo "[exit code $code]"; fi
    echo
}

run() {
    echo "$ merbench run gate --quiet --out $1 > tables.txt"
    merbench run gate --quiet --out "$1" > tables.txt
    echo
}

# A copy of the package, as a checkout would be; what is imported is what lies here.
package="$(python -c 'import pathlib, merbench; print(pathlib.Path(merbench.__file__).parent)')"
cp -r "$package" merbench
export PYTHONPATH="$PWD"
file=merbench/methods/parts/draws.py

run runs/before
show merbench check runs/before --save-reference gate.json

echo "# A commit leaves dropout on at test."
cp "$file" kept.py
sed -i 's/^    if not training or p == 0:$/    if not training:\n        fixed = torch.Generator().manual_seed(0)\n        return x * (torch.rand(x.shape[-1], generator=fixed) >= p) \/ (1 - p)\n    if p == 0:/' "$file"
echo "$ diff kept.py $file"
diff kept.py "$file" || true
echo
run runs/after
show merbench check runs/after --reference gate.json

echo "# It is mended."
cp kept.py "$file"
run runs/after
show merbench check runs/after --reference gate.json
