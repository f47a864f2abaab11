"""How quick fine-tuning is beside the usual recipe: every example padded to 128 tokens, in shuffled order.

`python -m benchmarks.finetune --task mrpc` times the same number of steps of both, in turns, on the same model, and
prints examples a second and their ratio (target: 2). With `--metric` both recipes also train tier `quick` with three
seeds, and the final metrics are held against each other: within two standard errors of the difference.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from typing import Any

import torch
from torch.utils.data import RandomSampler
from transformers import DefaultDataCollator, PreTrainedModel, PreTrainedTokenizerBase, TrainingArguments

from obce_core.glue.batches import Rows, tokenized
from obce_core.glue.classifier import classifier
from obce_core.glue.examples import Examples, read_examples
from obce_core.glue.metrics import answers, score
from obce_core.glue.recipe import Recipe, recipe_of
from obce_core.glue.tasks import task_of
from obce_core.glue.train import finetune
from obce_core.glue.trainer import Saving, Watch, WholeTrainer, same_draws
from obce_core.models import check_model
from obce_core.models.load import load_tokenizer


class PaddedTrainer(WholeTrainer):
    """The usual recipe: examples that are padded already, shuffled."""

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        rows: Any = train_dataset if train_dataset is not None else self.train_dataset
        return RandomSampler(rows, generator=torch.Generator().manual_seed(self.args.seed))


def padded(examples: Examples, tokenizer: PreTrainedTokenizerBase, length: int) -> Rows:
    """Tokenize examples and pad each to `length` tokens."""
    rows = tokenized(examples, tokenizer, length, 512)
    return Rows(
        [{**tokenizer.pad(row, padding="max_length", max_length=length), "labels": row["labels"]} for row in rows.rows]
    )


def usual(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Examples,
    valid: Examples | None,
    recipe: Recipe,
    seed: int,
) -> tuple[float, float | None]:
    """Train by the usual recipe; return examples a second and the final metric."""
    rows = padded(train, tokenizer, recipe.max_length)
    total = recipe.steps_over(len(train))
    with tempfile.TemporaryDirectory() as aside:
        trainer = PaddedTrainer(
            model=model,
            args=TrainingArguments(
                output_dir=aside,
                use_cpu=not torch.cuda.is_available(),
                per_device_train_batch_size=recipe.batch_size,
                per_device_eval_batch_size=4 * recipe.batch_size,
                num_train_epochs=recipe.epochs,
                max_steps=total,
                learning_rate=recipe.learning_rate,
                lr_scheduler_type="linear",
                warmup_steps=math.ceil(recipe.warmup * total),
                seed=seed,
                save_strategy="no",
                eval_strategy="no",
                disable_tqdm=True,
                report_to="none",
                log_level="error",
                dataloader_pin_memory=torch.cuda.is_available(),
                remove_unused_columns=False,
            ),
            train_dataset=rows,
            data_collator=DefaultDataCollator(),
            saving=Saving(),
        )
        watch = Watch(
            Saving(),
            evaluate=lambda epoch: False,
            progress=lambda done, total: None,
            cancelled=lambda: False,
            agree=lambda wish: wish,
            steps_an_epoch=total,
        )
        trainer.add_callback(watch)  # the same clock as ours
        trainer.train()
        rate = recipe.batch_size * watch.steps / watch.seconds
        if valid is None:
            return rate, None
        task = task_of(train.task)
        with same_draws():
            found: Any = trainer.predict(padded(valid, tokenizer, recipe.max_length)).predictions
        return rate, score(task, valid.labels, answers(task, found))[task.metric]


def ours(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    train: Examples,
    valid: Examples | None,
    recipe: Recipe,
    seed: int,
) -> tuple[float, float | None]:
    """Train by our recipe; return examples a second, of the steps, and the final metric."""
    done = finetune(model, tokenizer, train, [valid] if valid is not None else [train.draw(1, 0)], recipe, seed)
    assert done.rate is not None
    task = task_of(train.task)
    told = (
        score(task, valid.labels, answers(task, done.logits[valid.split]))[task.metric] if valid is not None else None
    )
    return done.rate, told


def main() -> int:
    """Print the ratio of the two rates, and with `--metric` the two final metrics; exit code 1 when a target is
    missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="mrpc")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--glue-dir")
    parser.add_argument(
        "--steps", type=int, default=63, help="steps of a timing; fewer than an epoch see the longest examples first"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--metric", action="store_true", help="also train tier quick with 3 seeds by both recipes")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    report, task = check_model(given.model), task_of(given.task)
    tokenizer = load_tokenizer(report)
    train = read_examples(task.name, "train", glue_dir=given.glue_dir)
    recipe = recipe_of("quick", steps=given.steps)
    drawn = train.draw(recipe.examples, 0)
    ratios, rates = [], []
    for at in range(given.rounds):
        pair = [way(classifier(report, task, at), tokenizer, drawn, None, recipe, at)[0] for way in (usual, ours)]
        rates.append(pair)
        ratios.append(pair[1] / pair[0])
    told: dict[str, Any] = {
        "task": task.name,
        "examples_a_second": {
            "padded": statistics.median(a for a, _ in rates),
            "ours": statistics.median(b for _, b in rates),
        },
        "ratio": {
            "median": statistics.median(ratios),
            "lowest": min(ratios),
            "highest": max(ratios),
            "rounds": given.rounds,
        },
        "target": 2.0,
    }
    missed = told["ratio"]["median"] < 2.0
    if given.metric:
        full, valid = recipe_of("quick"), read_examples(task.name, task.validation[0], glue_dir=given.glue_dir)
        scores: dict[str, list[float]] = {"padded": [], "ours": []}
        for seed in range(3):
            for name, way in (("padded", usual), ("ours", ours)):
                found = way(
                    classifier(report, task, seed), tokenizer, train.draw(full.examples, seed), valid, full, seed
                )[1]
                scores[name].append(found if found is not None else math.nan)
        gap = statistics.mean(scores["ours"]) - statistics.mean(scores["padded"])
        error = math.sqrt(sum(statistics.variance(values) / 3 for values in scores.values()))
        told["metric"] = {"name": task.metric, **scores, "difference": gap, "standard_error": error}
        missed = missed or abs(gap) > 2 * error
    print(json.dumps(told, indent=1) if given.json else "\n".join(f"{name}: {value}" for name, value in told.items()))
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
