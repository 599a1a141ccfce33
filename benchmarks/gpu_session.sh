#!/bin/sh
# Everything that needs a GPU, in one command and under ten minutes: tests, then every kernel beside its limits. Nothing is installed:
#     sh benchmarks/gpu_session.sh [FOLDER]          # FOLDER or $OUT takes session.json, session.md and session.log
#     sh benchmarks/gpu_session.sh --dry FOLDER      # without a GPU: every case once, small, in Triton's interpreter
set -eu
cd "$(dirname "$0")/.."
PYTHONPATH=.:kernels:tests/support exec "${PYTHON:-python3}" -m benchmarks.gpu_session "$@"
