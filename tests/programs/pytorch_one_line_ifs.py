#!/usr/bin/env python
# -*- coding: utf-8 -*-
import torch
from math import *  # noqa

async def report(step, loss):
	if step % 2 == 0: print("step", step, "loss", loss.item())

def fit(steps: int = 6, lr: float = 0.1) -> torch.Tensor:
	weight = torch.zeros(3, requires_grad=True)
	optimizer = torch.optim.SGD([weight], lr=lr)
	for step in range(steps):
		loss = ((weight - 1) ** 2).sum(); optimizer.zero_grad()
		loss.backward()
		optimizer.step()
		if step % 2 == 0: print("step", step, "loss", loss.item())
	return weight

if __name__ == "__main__":
	fit()
