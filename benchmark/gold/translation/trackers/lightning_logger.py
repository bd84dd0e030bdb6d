"""A small Lightning training with the tracker's own logger."""

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch.utils.data import DataLoader, TensorDataset


class Line(LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch, _):
        x, y = batch
        loss = torch.nn.functional.mse_loss(self.layer(x), y)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


torch.manual_seed(0)
x = torch.linspace(0, 1, 32).reshape(-1, 1)
logger = WandbLogger(project="line", name="first", offline=True)
trainer = Trainer(max_epochs=2, logger=logger, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
model = Line()
logger.watch(model)
trainer.fit(model, DataLoader(TensorDataset(x, 2 * x + 1), batch_size=8))
logger.log_hyperparams({"rows": 32})
print("loss:", float(trainer.callback_metrics["train_loss"]))
