# A variational autoencoder of waves, without a main function.
import math

import torch
from torch import nn, optim
from torch.nn import functional as F
from torch.nn.utils import prune

EPOCHS = 3
BATCH_SIZE = 32
LATENT = 3
LEARNING_RATE = 2e-3
TARGET_SPARSITY = 0.6

torch.manual_seed(11)
grid = torch.linspace(0, 2 * math.pi, 40)
phases = torch.rand(480, 1) * 2 * math.pi
waves = 0.5 + 0.4 * torch.sin(grid + phases) + 0.02 * torch.randn(480, 40)
waves = waves.clamp(0, 1)
train_loader = torch.utils.data.DataLoader(waves[:400], batch_size=BATCH_SIZE, shuffle=True)
test_loader = torch.utils.data.DataLoader(waves[400:], batch_size=BATCH_SIZE)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(40, 24)
        self.mu = nn.Linear(24, LATENT)
        self.logvar = nn.Linear(24, LATENT)
        self.decode1 = nn.Linear(LATENT, 24)
        self.decode2 = nn.Linear(24, 40)

    def encode(self, x):
        h = F.relu(self.hidden(x))
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)

    def decode(self, z):
        return torch.sigmoid(self.decode2(F.relu(self.decode1(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x, reduction='sum')
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD + 0.01 * sum(p.abs().sum() for p in model.parameters())


model = VAE()
optimizer = optim.Adam(model.parameters(), lr=LEARNING_RATE)

prunable = [module for module in model.modules() if isinstance(module, nn.Linear)]


def prune_to(sparsity):
    """Masks the smallest weights of every layer until this share of them is zero."""
    for module in prunable:
        wanted = round(sparsity * module.weight.numel())
        missing = wanted - int((module.weight == 0).sum())
        if missing > 0:
            prune.l1_unstructured(module, 'weight', amount=missing)


for epoch in range(1, EPOCHS + 1):
    prune_to(TARGET_SPARSITY * min(1.0, 2 * epoch / EPOCHS))
    model.train()
    train_loss = 0
    for batch_idx, data in enumerate(train_loader):
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    train_loss /= len(train_loader.dataset)

    model.eval()
    test_loss = 0
    with torch.no_grad():
        for data in test_loader:
            recon, mu, logvar = model(data)
            test_loss += loss_function(recon, data, mu, logvar).item()
    test_loss /= len(test_loader.dataset)
    print(f'====> Epoch {epoch}: train loss {train_loss:.4f}, test loss {test_loss:.4f}')

for module in prunable:
    prune.remove(module, 'weight')

with torch.no_grad():
    samples = model.decode(torch.randn(16, LATENT))
torch.save(samples, 'samples.pt')
torch.save(model.state_dict(), 'vae.pt')
