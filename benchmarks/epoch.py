"""Real tokens a second of training the classifier `sentiment`, data pipeline included, beside PyTorch programs.

    python benchmarks/epoch.py --data imdb

The PyTorch programs have the same network, dropout, optimizer and length-sorted batches, and are given token ids that
are ready; nlpkit also splits words at random as it goes, which the recipe asks for. One packs its sequences, so that
its answers are the network's. The other lets its layer run over the padding, which is quicker to train and changes
what the backward direction reads. Each side is a process of its own, idle while another trains on its next batches, of
which the packing one gets few: some of them take it ten seconds.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from nlpkit.cores import cores
from nlpkit.data.batching import Batch, truncate
from nlpkit.quiet import import_keras
from nlpkit.recipe import load_recipe
from nlpkit.tasks.classification.classifier import TextClassifier
from nlpkit.tasks.classification.corpus import PreparedData
from nlpkit.tasks.classification.recipe import ClassificationRecipe

ROUNDS = 5
STEPS = {"PyTorch, packed": 4, "PyTorch, padded": 30, "nlpkit": 30}  # batches a round

Train = Callable[[list[Batch]], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="imdb")
    parser.add_argument("--side", choices=STEPS, help="be one of them, and time a round for each line read")
    asked = parser.parse_args()
    if asked.side:
        serve(asked.side, asked.data)
        return
    command = [sys.executable, __file__, "--data", asked.data, "--side"]
    workers = {
        side: subprocess.Popen([*command, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for side in STEPS
    }
    rates: dict[str, list[float]] = {side: [] for side in STEPS}
    for number in range(ROUNDS + 1):
        for side, worker in workers.items():
            assert worker.stdin
            assert worker.stdout
            worker.stdin.write("\n")
            worker.stdin.flush()
            rate = float(worker.stdout.readline())
            if number:  # the first round compiles
                rates[side].append(rate)
    ours = np.median(rates["nlpkit"])
    for side, found in rates.items():
        rate = np.median(found)
        against = "" if side == "nlpkit" else f"; nlpkit's is {ours / rate:.2f} times it"
        print(f"{side:16} {rate:8,.0f} tokens/s  (median of {ROUNDS} times {STEPS[side]} batches){against}")


def serve(side: str, data: str) -> None:
    recipe = load_recipe("sentiment", flags={"data.source": data})
    assert isinstance(recipe, ClassificationRecipe)
    prepared = TextClassifier(recipe).prepared()
    import_keras()
    from nlpkit.tasks.classification.network import TrainingBatches

    batches = TrainingBatches(recipe, prepared)
    plan, most = batches.plan(0), max(STEPS.values())
    train = by_nlpkit(recipe, prepared) if side == "nlpkit" else by_pytorch(recipe, prepared, "packed" in side)
    for number, _ in enumerate(sys.stdin):
        part = plan[number * most : number * most + STEPS[side]]
        started = time.perf_counter()
        train(part)
        print(sum(map(batches.tokens, part)) / (time.perf_counter() - started), flush=True)


def by_nlpkit(recipe: ClassificationRecipe, data: PreparedData) -> Train:
    from nlpkit.tasks.classification.network import TrainingBatches, compile_classifier
    from nlpkit.training.fit import background_batches

    batches = TrainingBatches(recipe, data)
    network = compile_classifier(recipe, data, batches)

    def train(part: list[Batch]) -> None:
        with background_batches(batches, 0, part) as given:
            network.fit(given, shuffle=False, verbose=0)

    return train


def by_pytorch(recipe: ClassificationRecipe, data: PreparedData, packed: bool) -> Train:
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    torch.set_num_threads(cores())
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    model, section = recipe.model, recipe.tokenizer
    assert (model.cell, model.layers, model.bidirectional, model.pooling) == ("lstm", 1, True, ["max", "mean"])
    embedding = nn.Embedding(len(data.tokenizer), model.embedding_size)
    lstm = nn.LSTM(model.embedding_size, model.units, batch_first=True, bidirectional=True)
    logits = nn.Linear(4 * model.units, len(data.labels))
    weights = [*embedding.parameters(), *lstm.parameters(), *logits.parameters()]
    optimizer = torch.optim.Adam(weights, lr=recipe.training.learning_rate)

    def outputs_of(x: "torch.Tensor", counts: "torch.Tensor") -> "torch.Tensor":
        if not packed:
            return lstm(x)[0]
        given = pack_padded_sequence(x, counts, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(lstm(given)[0], batch_first=True)[0]

    def train(part: list[Batch]) -> None:
        for batch in part:
            rows = [truncate(data.train.row(row), section.max_length, section.truncation) for row in batch.rows]
            counts = torch.tensor([len(row) for row in rows])
            ids = nn.utils.rnn.pad_sequence([torch.from_numpy(row.astype(np.int64)) for row in rows], batch_first=True)
            ids = torch.where(torch.rand(ids.shape) < model.word_dropout, 1, ids)
            x = nn.functional.embedding(ids, nn.functional.dropout(embedding.weight, model.embedding_dropout))
            outputs = outputs_of(x, counts)
            real = torch.arange(outputs.shape[1])[None, :, None] < counts[:, None, None]
            most = torch.where(real, outputs, -1e9).amax(1)
            mean = torch.where(real, outputs, 0.0).sum(1) / counts[:, None]
            pooled = nn.functional.dropout(torch.cat([most, mean], 1), model.output_dropout)
            loss = nn.functional.cross_entropy(logits(pooled), torch.from_numpy(data.train.labels[batch.rows]).long())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(weights, recipe.training.clip_norm)
            optimizer.step()

    return train


if __name__ == "__main__":
    main()
