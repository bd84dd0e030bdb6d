"""Cross-validation: one training a fold."""
import torch
from torch import nn

folds = 3
epochs = 2
x = torch.randn(90, 4)
y = (x[:, 0] * x[:, 1] > 0).float()
for fold in range(folds):
    held_out = torch.arange(90) % folds == fold
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for epoch in range(epochs):
        loss = nn.functional.binary_cross_entropy_with_logits(model(x[~held_out]).squeeze(1), y[~held_out])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        print(f"fold {fold} epoch {epoch} loss {loss.item():.4f}")
    with torch.no_grad():
        accuracy = ((model(x[held_out]).squeeze(1) > 0).float() == y[held_out]).float().mean().item()
    print(f"fold {fold}: validation accuracy {accuracy:.3f}")
