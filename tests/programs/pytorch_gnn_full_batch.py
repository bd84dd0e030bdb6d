import argparse
import torch
import torch.nn.functional as F


def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--hidden", type=int, default=8)
    return parser.parse_args()


class GCN(torch.nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.first = torch.nn.Linear(6, hidden)
        self.second = torch.nn.Linear(hidden, 3)

    def forward(self, x, adjacency):
        x = F.relu(adjacency @ self.first(x))
        return F.log_softmax(adjacency @ self.second(x), dim=1)


def main(args):
    torch.manual_seed(0)
    x = torch.randn(30, 6)
    adjacency = (torch.rand(30, 30) > 0.8).float() + torch.eye(30)
    adjacency = adjacency / adjacency.sum(1, keepdim=True)
    y = torch.randint(0, 3, (30,))
    model = GCN(args.hidden)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)

    def evaluate(mask):
        model.eval()
        with torch.no_grad():
            return (model(x, adjacency)[mask].argmax(1) == y[mask]).float().mean().item()

    for epoch in range(args.epochs):
        model.train()
        optimizer.zero_grad()
        loss = F.nll_loss(model(x, adjacency)[:20], y[:20])
        loss.backward()
        optimizer.step()
        val_acc = evaluate(slice(20, 25))
        print(f"Epoch: {epoch:03d}, Loss: {loss:.4f}, Val: {val_acc:.4f}")
    print("Test accuracy:", evaluate(slice(25, 30)))


if __name__ == "__main__":
    args = parse_args()
    main(args)
