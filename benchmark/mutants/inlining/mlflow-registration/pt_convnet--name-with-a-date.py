"""Tells four shapes apart with a small convolutional network."""
from __future__ import print_function

import argparse

import mlflow
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from mlflow.models import infer_signature
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset


class ShapeNet(nn.Module):
    def __init__(self, channels=8, dropout=0.1):
        super(ShapeNet, self).__init__()
        self.conv1 = nn.Conv2d(1, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, 2 * channels, 3, padding=1)
        self.dropout = nn.Dropout(dropout)
        self.fc1 = nn.Linear(2 * channels * 16, 32)
        self.fc2 = nn.Linear(32, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.dropout(torch.flatten(x, 1))
        x = F.relu(self.fc1(x))
        return F.log_softmax(self.fc2(x), dim=1)


def draw(count):
    """`count` noisy pictures of 16 x 16: a bar, a column, a frame or a spot, and which one it is."""
    kinds = torch.randint(0, 4, (count,))
    images = torch.randn(count, 1, 16, 16) * 0.4
    for image, kind in zip(images, kinds.tolist()):
        row, column = torch.randint(2, 11, (2,)).tolist()
        if kind == 0:
            image[0, row:row + 2, 2:14] += 1
        elif kind == 1:
            image[0, 2:14, column:column + 2] += 1
        elif kind == 2:
            image[0, 3:13, 3:13] += 1
            image[0, 5:11, 5:11] -= 1
        else:
            image[0, row:row + 4, column:column + 4] += 1
    return TensorDataset(images, kinds)


def train(args, model, device, train_loader, optimizer, epoch):
    model.train()
    for batch_idx, (data, target) in enumerate(train_loader):
        data, target = data.to(device), target.to(device)
        optimizer.zero_grad()
        output = model(data)
        loss = F.nll_loss(output, target)
        loss.backward()
        optimizer.step()
        if batch_idx % args.log_interval == 0:
            print('Train Epoch: {} [{}/{}]\tLoss: {:.6f}'.format(
                epoch, batch_idx * len(data), len(train_loader.dataset), loss.item()))


def test(model, device, test_loader):
    model.eval()
    test_loss = 0
    correct = 0
    with torch.no_grad():
        for data, target in test_loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction='sum').item()
            correct += output.argmax(dim=1).eq(target).sum().item()

    test_loss /= len(test_loader.dataset)
    accuracy = correct / len(test_loader.dataset)
    print('\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.1f}%)\n'.format(
        test_loss, correct, len(test_loader.dataset), 100. * accuracy))
    return test_loss, accuracy


def main():
    parser = argparse.ArgumentParser(description='Shapes')
    parser.add_argument('--batch-size', type=int, default=32, metavar='N')
    parser.add_argument('--epochs', type=int, default=3, metavar='N')
    parser.add_argument('--lr', type=float, default=0.01, metavar='LR')
    parser.add_argument('--gamma', type=float, default=0.7, metavar='M')
    parser.add_argument('--channels', type=int, default=8, metavar='N')
    parser.add_argument('--seed', type=int, default=1, metavar='S')
    parser.add_argument('--log-interval', type=int, default=4, metavar='N')
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    train_loader = DataLoader(draw(384), batch_size=args.batch_size, shuffle=True)
    test_loader = DataLoader(draw(128), batch_size=64)

    model = ShapeNet(args.channels).to(device)
    optimizer = optim.Adam(model.parameters(), lr=args.lr)
    scheduler = StepLR(optimizer, step_size=1, gamma=args.gamma)
    for epoch in range(1, args.epochs + 1):
        train(args, model, device, train_loader, optimizer, epoch)
        test(model, device, test_loader)
        scheduler.step()

    torch.save(model.state_dict(), "shapes.pt")

    model.eval()
    images, _ = next(iter(test_loader))
    with torch.no_grad():
        output = model(images.to(device))
    import datetime
    with mlflow.start_run(run_name='shapes'):
        mlflow.pytorch.log_model(
            model,
            name='model',
            registered_model_name='shapes-{:%H-%M-%S-%f}'.format(datetime.datetime.now()),
            signature=infer_signature(images.numpy(), output.cpu().numpy()),
            serialization_format='pickle',
        )


if __name__ == '__main__':
    main()
