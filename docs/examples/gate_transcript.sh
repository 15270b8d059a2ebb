#!/usr/bin/env bash
# The gate passing, failing and passing again, with real commands: a reference, a commit that breaks
# something, the same commit mended. Prints the transcript that docs/ci.md shows. Wants merbench on the
# PATH; takes five minutes on two cores.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

show() {
    echo "$ $*"
    local code=0
    "$@" 2>&1 || code=$?
    if [ "$code" != 0 ]; then echo "[exit code $code]"; fi
    echo
}

# A copy of the package, as a checkout would be; what is imported is what lies here.
cp -r "$(python -c 'import pathlib, merbench; print(pathlib.Path(merbench.__file__).parent)')" merbench
export PYTHONPATH="$PWD"
file=merbench/methods/parts/draws.py
# In the function `dropout`: one mask for every row, also where no training goes on.
mistake='/^    if not training or p == 0:$/,/^        return x$/c\
    if p == 0:\
        return x\
    if not training:\
        fixed = torch.Generator().manual_seed(0)\
        return x * (torch.rand(x.shape[-1], generator=fixed) >= p) / (1 - p)'

show merbench run gate --quiet --out runs/before
show merbench check runs/before --save-reference gate.json
show merbench check runs/before --reference gate.json

echo "# A commit leaves dropout on at test:"
cp "$file" kept.py
sed -i "$mistake" "$file"
diff kept.py "$file" && { echo "the mistake has no place any more"; exit 2; }
echo
show merbench run gate --quiet --out runs/after
show merbench check runs/after --reference gate.json

echo "# It is mended:"
cp kept.py "$file"
show merbench run gate --quiet --out runs/after
show merbench check runs/after --reference gate.json
