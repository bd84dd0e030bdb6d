"""Node classification: two graph convolutions over communities that hardly talk to each other."""
import argparse

import optuna
import torch
import torch.nn.functional as F
from torch import nn


class GraphConv(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x, adj):
        return adj @ self.linear(x)


class GCN(nn.Module):
    def __init__(self, features, hidden, classes, dropout):
        super().__init__()
        self.gc1 = GraphConv(features, hidden)
        self.gc2 = GraphConv(hidden, classes)
        self.dropout = dropout

    def forward(self, x, adj):
        x = F.relu(self.gc1(x, adj))
        x = F.dropout(x, self.dropout, training=self.training)
        return self.gc2(x, adj)


def make_graph(nodes, classes, features):
    labels = torch.arange(nodes) % classes
    same = labels[:, None] == labels[None, :]
    links = torch.rand(nodes, nodes) < torch.where(same, 0.09, 0.03)
    adj = (links | links.T).float()
    adj.fill_diagonal_(1.0)
    degree = adj.sum(1).rsqrt()
    x = F.one_hot(labels, features).float() + 2.5 * torch.randn(nodes, features)
    return x, degree[:, None] * adj * degree[None, :], labels


def accuracy(logits, labels):
    return (logits.argmax(dim=1) == labels).float().mean().item()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--lr", type=float, default=0.02)
    parser.add_argument("--weight_decay", type=float, default=5e-4)
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--dropout", type=float, default=0.3)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x, adj, labels = make_graph(nodes=150, classes=3, features=8)
    order = torch.randperm(150)
    idx_train, idx_val, idx_test = order[:60], order[60:100], order[100:]

    def run(lr, weight_decay, hidden, dropout):
        model = GCN(8, hidden, 3, dropout)
        optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=weight_decay)

        for epoch in range(args.epochs):
            model.train()
            optimizer.zero_grad()
            output = model(x, adj)
            loss_train = F.cross_entropy(output[idx_train], labels[idx_train])
            loss_train.backward()
            optimizer.step()

            model.eval()
            with torch.no_grad():
                output = model(x, adj)
            loss_val = F.cross_entropy(output[idx_val], labels[idx_val])
            acc_val = accuracy(output[idx_val], labels[idx_val])
            print(f"Epoch: {epoch + 1:04d} loss_train: {loss_train.item():.4f} "
                  f"loss_val: {loss_val.item():.4f} acc_val: {acc_val:.4f}")
        return model, loss_val.item()

    def objective(trial):
        _, loss = run(
            lr=trial.suggest_float("lr", 2e-3, 0.2, log=True),
            weight_decay=trial.suggest_float("weight_decay", 1e-5, 1e-2, log=True),
            hidden=args.hidden,
            dropout=args.dropout,
        )
        return loss

    study = optuna.create_study()
    study.optimize(objective, n_trials=12)
    print("best parameters:", study.best_trial.params)
    model, _ = run(hidden=args.hidden, dropout=args.dropout, **study.best_params)

    model.eval()
    with torch.no_grad():
        output = model(x, adj)
    loss_test = F.cross_entropy(output[idx_test], labels[idx_test]).item()
    acc_test = accuracy(output[idx_test], labels[idx_test])
    print("Test set results: loss= {:.4f} accuracy= {:.4f}".format(loss_test, acc_test))
    torch.save(model.state_dict(), "gcn.pt")
