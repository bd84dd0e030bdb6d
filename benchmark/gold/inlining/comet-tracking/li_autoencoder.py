import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CometLogger
from torch import nn, optim
from torch.utils.data import DataLoader

BATCH_SIZE = 32
MAX_EPOCHS = 3

pl.seed_everything(21)

encoder = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 4))
decoder = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 30))


class LitAutoEncoder(pl.LightningModule):
    def __init__(self, encoder, decoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(self, x):
        return self.decoder(self.encoder(x))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self(batch), batch)
        self.log("train_loss", loss, on_epoch=True, on_step=False)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", nn.functional.mse_loss(self(batch), batch))

    def configure_optimizers(self):
        return optim.Adam(self.parameters(), lr=2e-3)


# a plane of four dimensions in a space of thirty
basis = torch.randn(4, 30)
points = torch.randn(400, 4) @ basis / 2 + 0.05 * torch.randn(400, 30)
train_loader = DataLoader(points[:320], batch_size=BATCH_SIZE, shuffle=True)
val_loader = DataLoader(points[320:], batch_size=BATCH_SIZE)

autoencoder = LitAutoEncoder(encoder, decoder)
comet_logger = CometLogger(project="autoencoder")
comet_logger.log_hyperparams({"batch_size": BATCH_SIZE, "max_epochs": MAX_EPOCHS, "lr": 2e-3})
trainer = pl.Trainer(
    max_epochs=MAX_EPOCHS, accelerator="cpu", logger=comet_logger, enable_checkpointing=False, enable_progress_bar=False
)
trainer.fit(autoencoder, train_loader, val_loader)

autoencoder.eval()
with torch.no_grad():
    error = nn.functional.mse_loss(autoencoder(points[320:]), points[320:]).item()
print(f"reconstruction error: {error:.4f}")
comet_logger.experiment.log_metric("reconstruction_error", error)
comet_logger.experiment.end()
