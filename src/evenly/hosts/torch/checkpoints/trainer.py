"""A training run that is small, draws from all generators, and is the same every time."""

import random
from typing import Any

import numpy as np
import torch

from evenly.hosts.torch.checkpoints.rng import Rng

ROWS = 24
FEATURES = 16


class Sampler:
    """Deals rows in an order that is drawn anew for each epoch."""

    def __init__(self, rows: int, batch: int) -> None:
        self.batch = batch
        self.order = torch.randperm(rows)
        self.at = 0

    def state_dict(self) -> dict[str, Any]:
        """Return order and place."""
        return {"order": self.order, "at": self.at}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from an order and a place."""
        self.order, self.at = state["order"], state["at"]

    def draw(self) -> torch.Tensor:
        """Return the rows of the next batch."""
        if self.at + self.batch > len(self.order):
            self.order, self.at = torch.randperm(len(self.order)), 0
        self.at += self.batch
        return self.order[self.at - self.batch : self.at]


class Trainer:
    """A network with dropout and batch normalisation, AdamW, a schedule and a sampler."""

    def __init__(self, seed: int, width: int = 32) -> None:
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)
        self.rows, self.wanted = torch.randn(ROWS, FEATURES), torch.randn(ROWS, 1)
        self.model = torch.nn.Sequential(
            torch.nn.Linear(FEATURES, width),
            torch.nn.BatchNorm1d(width),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.1),
            torch.nn.Linear(width, width),
            torch.nn.ReLU(),
            torch.nn.Linear(width, 1),
        )
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-2)
        self.schedule = torch.optim.lr_scheduler.StepLR(self.optimizer, 7, 0.9)
        self.sampler = Sampler(ROWS, 8)
        self.steps = 0

    def state(self) -> dict[str, Any]:
        """Return all that a later process needs to go on as this one would."""
        return {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "sampler": self.sampler,
            "rng": Rng(),
            "steps": self.steps,
        }

    def step(self) -> float:
        """Train one step; return its loss."""
        rows = self.sampler.draw()
        noise = 0.01 * random.random() + 0.01 * float(np.random.random())
        loss = torch.nn.functional.mse_loss(self.model(self.rows[rows] + noise), self.wanted[rows])
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        self.schedule.step()
        self.steps += 1
        return float(loss.detach())

    def load(self, checkpoints: Any) -> int:
        """Go on from the newest checkpoint; return the steps that were done."""
        state = self.state()
        if checkpoints.load(state) is not None:
            self.steps = state["steps"]
        return self.steps
