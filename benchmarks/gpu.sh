#!/usr/bin/env bash
# Everything that needs a GPU, in one command of at most ten minutes: benchmarks/gpu.sh [--dry] [FOLDER]
#
# On a Linux machine with an NVIDIA driver and Python 3.11 or later it makes .venv, installs '.[cuda]' and leaves in FOLDER
# (runs/gpu) summary.md and the tables behind it; see benchmarks/gpu.py. What does not fit into the ten minutes is left
# out and named. --dry does the same at tiny size on the CPU, in the .venv that is there, in about a minute.
set -euo pipefail
cd "$(dirname "$0")/.."

dry=""
if [ "${1:-}" = --dry ]; then
  dry=--dry
  shift
fi
folder=${1:-runs/gpu}

if [ -n "$dry" ]; then
  export JAX_PLATFORMS=cpu
  [ -x .venv/bin/python ] || { echo "gpu.sh --dry: there is no .venv; make it by the README's command." >&2; exit 2; }
else
  command -v nvidia-smi >/dev/null || { echo "gpu.sh: there is no nvidia-smi, so no GPU with its driver." >&2; exit 2; }
  [ -x .venv/bin/python ] || python3 -m venv .venv || { echo "gpu.sh: apt-get install python3-venv first." >&2; exit 2; }
  .venv/bin/pip install -q -e '.[cuda]'
  unset JAX_PLATFORMS
fi
# What the installation took is part of the ten minutes; the last seconds are for the summary.
exec .venv/bin/python benchmarks/gpu.py all "$folder" --seconds=$((580 - SECONDS)) $dry
