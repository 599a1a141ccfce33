#!/bin/sh
# The language model under rules of credit on a machine with a GPU and without a network, as far as it comes in some minutes:
#     sh benchmarks/learning/llm/gpu.sh FOLDER [TASK ..]    # FOLDER takes llm-cuda.tar.gz (the runs), llm-cuda.md and llm-cuda.log
# `make learn-llm-pieces` has made .learning/pieces before, and all pieces have been brought. MINUTES and PROCESSES can be set.
set -eu
out=$(mkdir -p "$1" && cd "$1" && pwd)
shift
cd "$(dirname "$0")/../../.."
python=${PYTHON:-python3}
runs=.learning/results-cuda
mkdir -p $runs
# Runs of an earlier session count; those of this one lie where a later call on the same machine finds them.
find benchmarks/learning/llm -path '*/results-cuda/*.json' -exec cp -n {} $runs \;
PYTHONPATH=. "$python" -m benchmarks.learning.llm.pieces join
export PYTHONPATH=.:kernels:.learning/site HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false PYTHONUNBUFFERED=1
leave() {
  "$python" -m benchmarks.learning.llm page --device cuda --folder $runs >"$out/llm-cuda.md"
  tar -czf "$out/llm-cuda.tar.gz" -C $runs .
}
trap leave EXIT
"$python" -m benchmarks.learning.llm run "${@:-recommend}" --device cuda --folder $runs \
  --minutes "${MINUTES:-7}" --processes "${PROCESSES:-12}" >"$out/llm-cuda.log" 2>&1
