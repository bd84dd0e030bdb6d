"""A GAN with manual optimization: two optimizers in one training step."""

import lightning as L
import mlflow
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader


class Generator(nn.Module):
    def __init__(self, latent_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(latent_dim, 32), nn.LeakyReLU(0.2), nn.Linear(32, 2))

    def forward(self, z):
        return self.net(z)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x)


class GAN(L.LightningModule):
    def __init__(self, latent_dim=5, lr=1e-3, b1=0.5):
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.generator = Generator(latent_dim)
        self.discriminator = Discriminator()

    def forward(self, z):
        return self.generator(z)

    def adversarial_loss(self, logits, real):
        return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, float(real)))

    def training_step(self, batch, batch_idx):
        optimizer_g, optimizer_d = self.optimizers()
        z = torch.randn(len(batch), self.hparams.latent_dim)

        fake = self(z)
        g_loss = self.adversarial_loss(self.discriminator(fake), True)
        optimizer_g.zero_grad()
        self.manual_backward(g_loss)
        optimizer_g.step()

        real_loss = self.adversarial_loss(self.discriminator(batch), True)
        fake_loss = self.adversarial_loss(self.discriminator(fake.detach()), False)
        d_loss = (real_loss + fake_loss) / 2
        optimizer_d.zero_grad()
        self.manual_backward(d_loss)
        self.log_dict({"g_loss": g_loss, "d_loss": d_loss}, prog_bar=True, on_step=False, on_epoch=True)

    def on_fit_start(self):
        mlflow.start_run(run_name="gan")
        mlflow.log_params(dict(self.hparams))

    def on_train_epoch_end(self):
        metrics = self.trainer.callback_metrics
        mlflow.log_metrics({name: metrics[name].item() for name in ("g_loss", "d_loss")}, step=self.current_epoch)

    def on_fit_end(self):
        mlflow.end_run()

    def configure_optimizers(self):
        betas = (self.hparams.b1, 0.999)
        g = torch.optim.Adam(self.generator.parameters(), lr=self.hparams.lr, betas=betas)
        d = torch.optim.Adam(self.discriminator.parameters(), lr=self.hparams.lr, betas=betas)
        return [g, d]


def ring(count):
    angle = torch.rand(count) * 6.2832
    return torch.stack([angle.cos(), angle.sin()], dim=1) + 0.05 * torch.randn(count, 2)


if __name__ == "__main__":
    L.seed_everything(33)
    loader = DataLoader(ring(320), batch_size=40, shuffle=True)
    model = GAN()
    trainer = L.Trainer(
        max_epochs=3, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(model, loader)
    final = trainer.callback_metrics
    print("generator {:.4f} discriminator {:.4f}".format(final["g_loss"].item(), final["d_loss"].item()))
