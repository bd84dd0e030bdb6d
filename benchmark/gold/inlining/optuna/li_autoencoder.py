import lightning.pytorch as pl
import optuna
import torch
from torch import nn, optim
from torch.utils.data import DataLoader

BATCH_SIZE = 32
MAX_EPOCHS = 3

pl.seed_everything(21)


def make_networks(hidden):
    encoder = nn.Sequential(nn.Linear(30, hidden), nn.ReLU(), nn.Linear(hidden, 4))
    decoder = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 30))
    return encoder, decoder


class LitAutoEncoder(pl.LightningModule):
    def __init__(self, encoder, decoder, lr=2e-3):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.lr = lr

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return optim.Adam(self.parameters(), lr=self.lr)


# a plane of four dimensions in a space of thirty
basis = torch.randn(4, 30)
points = torch.randn(400, 4) @ basis / 2 + 0.05 * torch.randn(400, 30)
train_loader = DataLoader(points[:320], batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(points[320:], batch_size=BATCH_SIZE)


def train(trial):
    encoder, decoder = make_networks(trial.suggest_int("hidden", 8, 32))
    autoencoder = LitAutoEncoder(encoder, decoder, lr=trial.suggest_float("lr", 2e-4, 2e-2, log=True))
    trainer = pl.Trainer(
        max_epochs=MAX_EPOCHS, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    trainer.fit(autoencoder, train_loader, val_loader)
    return autoencoder, trainer.callback_metrics["val_loss"].item()


study = optuna.create_study(direction="minimize")
study.optimize(lambda trial: train(trial)[1], n_trials=12)
print("best:", study.best_params)
autoencoder, _ = train(study.best_trial)

autoencoder.eval()
with torch.no_grad():
    error = nn.functional.mse_loss(autoencoder(points[320:]), points[320:]).item()
print(f"reconstruction error: {error:.4f}")
