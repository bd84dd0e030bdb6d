import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader


class GAN(L.LightningModule):
    def __init__(self, latent=4):
        super().__init__()
        self.automatic_optimization = False
        self.latent = latent
        self.generator = nn.Sequential(nn.Linear(latent, 16), nn.ReLU(), nn.Linear(16, 2))
        self.discriminator = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
        self.criterion = nn.BCEWithLogitsLoss()

    def training_step(self, batch, batch_idx):
        opt_g, opt_d = self.optimizers()
        fake = self.generator(torch.randn(len(batch), self.latent))
        score = self.discriminator(fake)
        g_loss = self.criterion(score, torch.ones_like(score))
        opt_g.zero_grad()
        self.manual_backward(g_loss)
        opt_g.step()
        real = self.discriminator(batch)
        fake = self.discriminator(fake.detach())
        d_loss = self.criterion(real, torch.ones_like(real)) + self.criterion(fake, torch.zeros_like(fake))
        opt_d.zero_grad()
        self.manual_backward(d_loss)
        opt_d.step()

    def configure_optimizers(self):
        return (
            torch.optim.Adam(self.generator.parameters(), lr=1e-3),
            torch.optim.Adam(self.discriminator.parameters(), lr=1e-3),
        )


trainer = L.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False)
trainer.fit(GAN(), DataLoader(torch.randn(64, 2), batch_size=16))
