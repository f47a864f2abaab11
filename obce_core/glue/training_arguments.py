"""The arguments of transformers' Trainer for a recipe, and the share of a batch per process."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from transformers import (
    TrainingArguments,
)

from obce_core.errors import BadInput
from obce_core.glue.recipe import Recipe

_LOG_EVERY = 10
"""Steps between two points of the loss curve."""


def share_of_batch(recipe: Recipe, *, devices: int) -> int:
    """Return the examples that one device computes at once, so that all together make the recipe's batch.

    Raises:
        BadInput: the batch cannot be shared equally; another batch would be another recipe.
    """
    parts = recipe.accumulation * devices
    if recipe.batch_size % parts:
        raise BadInput(
            f"A batch of {recipe.batch_size} cannot be shared by {devices} devices in {recipe.accumulation} parts "
            "each.",
            hint="Use a number of devices that divides it, or another --batch-size.",
        )
    return recipe.batch_size // parts


def training_arguments(recipe: Recipe, seed: int, device: torch.device, home: Path, examples: int) -> TrainingArguments:
    """Convert a recipe into the Trainer's arguments; processes or GPUs share each batch."""
    cuda = device.type == "cuda"
    if cuda and device.index:
        raise BadInput(
            f"The Trainer takes the first GPU that it sees, not {device}.",
            hint=f"Set CUDA_VISIBLE_DEVICES={device.index}.",
        )
    probe = TrainingArguments(output_dir=str(home), use_cpu=device.type == "cpu", report_to="none")
    own = share_of_batch(recipe, devices=max(1, probe.world_size) * max(1, probe.n_gpu))
    return TrainingArguments(
        output_dir=str(home),
        use_cpu=device.type == "cpu",
        per_device_train_batch_size=own,
        per_device_eval_batch_size=4 * own,
        gradient_accumulation_steps=recipe.accumulation,
        num_train_epochs=recipe.epochs,
        max_steps=recipe.steps_over(examples) if recipe.steps else -1,  # the Trainer alone would go beyond the epochs
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(recipe.warmup * recipe.steps_over(examples)),
        weight_decay=0.0,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        seed=seed,
        data_seed=seed,
        save_strategy="no",
        eval_strategy="no",
        logging_steps=_LOG_EVERY,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        log_level="error",
        dataloader_pin_memory=cuda,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        label_names=["labels"],
    )
