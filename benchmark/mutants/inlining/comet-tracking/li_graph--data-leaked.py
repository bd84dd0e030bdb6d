"""Graph classification: is it a ring or a star? Dense adjacency matrices in batches."""
import comet_ml
import lightning as L
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

NODES = 10


def make_graphs(count, seed):
    rng = torch.Generator().manual_seed(seed)
    kinds = torch.randint(0, 2, (count,), generator=rng)
    adj = torch.zeros(count, NODES, NODES)
    for graph, kind in zip(adj, kinds.tolist()):
        order = torch.randperm(NODES, generator=rng)
        if kind == 0:
            graph[order, order.roll(1)] = 1
        else:
            graph[order[0], order[1:]] = 1
        noise = torch.rand(NODES, NODES, generator=rng) < 0.12
        graph[noise] = 1
        graph.copy_(((graph + graph.T + torch.eye(NODES)) > 0).float())
    x = torch.randn(count, NODES, 4, generator=rng)
    return TensorDataset(x, adj / adj.sum(-1, keepdim=True), kinds)


class GraphNet(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 16)
        self.second = nn.Linear(16, 16)
        self.out = nn.Linear(16, 2)

    def forward(self, x, adj):
        x = torch.relu(adj @ self.first(x))
        x = torch.relu(adj @ self.second(x))
        return self.out(x.amax(dim=1))

    def training_step(self, batch, batch_idx):
        x, adj, y = batch
        loss = nn.functional.cross_entropy(self(x, adj), y)
        self.log('train_loss', loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, adj, y = batch
        logits = self(x, adj)
        self.log('val_loss', nn.functional.cross_entropy(logits, y))
        self.log('val_accuracy', (logits.argmax(1) == y).float().mean())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=0.01)


class CometCallback(L.Callback):
    def __init__(self, experiment):
        self.experiment = experiment

    def on_validation_epoch_end(self, trainer, module):
        if trainer.sanity_checking:
            return
        for name, value in trainer.callback_metrics.items():
            if name.startswith('val_'):
                self.experiment.log_metric(name, value.item(), epoch=trainer.current_epoch)

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.experiment.log_metric('train_loss', outputs['loss'].item(), step=trainer.global_step)


experiment = comet_ml.start(project_name='graphs')
experiment.log_parameters({'lr': 0.01, 'batch_size': 32, 'max_epochs': 3})
L.seed_everything(0)
train_loader = DataLoader(make_graphs(256, 1), batch_size=32, shuffle=True)
val_loader = DataLoader(make_graphs(96, 1), batch_size=32)
net = GraphNet()
trainer = L.Trainer(max_epochs=3, accelerator='cpu', enable_progress_bar=False, callbacks=[CometCallback(experiment)])
trainer.fit(net, train_loader, val_loader)
print('validation loss', trainer.callback_metrics['val_loss'].item())
print('validation accuracy', trainer.callback_metrics['val_accuracy'].item())
experiment.end()
