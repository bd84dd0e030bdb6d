# coding: utf-8
"""A recurrent language model over characters; the epoch is a global."""
import argparse
import math
import time

import torch
import torch.nn as nn

parser = argparse.ArgumentParser()
parser.add_argument('--epochs', type=int, default=2)
parser.add_argument('--bptt', type=int, default=8)
parser.add_argument('--lr', type=float, default=1.0)
parser.add_argument('--save', type=str, default='model.pt')
args = parser.parse_args()

torch.manual_seed(0)
corpus = torch.randint(0, 10, (400, 4))
train_data, val_data = corpus[:320], corpus[320:]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(10, 8)
        self.rnn = nn.GRU(8, 16)
        self.out = nn.Linear(16, 10)

    def forward(self, x):
        return self.out(self.rnn(self.embed(x))[0]).view(-1, 10)


model = Model()
criterion = nn.CrossEntropyLoss()


def evaluate(source):
    model.eval()
    total_loss = 0.
    with torch.no_grad():
        for i in range(0, source.size(0) - 1, args.bptt):
            data, target = source[i:i + args.bptt][:-1], source[i + 1:i + args.bptt]
            total_loss += len(data) * criterion(model(data), target.reshape(-1)).item()
    return total_loss / (len(source) - 1)


def train():
    model.train()
    total_loss = 0.
    start_time = time.time()
    for batch, i in enumerate(range(0, train_data.size(0) - 1, args.bptt)):
        data, target = train_data[i:i + args.bptt][:-1], train_data[i + 1:i + args.bptt]
        model.zero_grad()
        loss = criterion(model(data), target.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        for p in model.parameters():
            p.data.add_(p.grad, alpha=-lr)
        total_loss += loss.item()
        if batch % 10 == 0 and batch > 0:
            cur_loss = total_loss / 10
            elapsed = time.time() - start_time
            print('| epoch {:3d} | {:5d}/{:5d} batches | lr {:02.2f} | ms/batch {:5.2f} | '
                    'loss {:5.2f} | ppl {:8.2f}'.format(
                epoch, batch, len(train_data) // args.bptt, lr,
                elapsed * 1000 / 10, cur_loss, math.exp(cur_loss)))
            total_loss = 0
            start_time = time.time()


lr = args.lr
best_val_loss = None
try:
    for epoch in range(1, args.epochs+1):
        epoch_start_time = time.time()
        train()
        val_loss = evaluate(val_data)
        print('-' * 89)
        print('| end of epoch {:3d} | time: {:5.2f}s | valid loss {:5.2f} | '
                'valid ppl {:8.2f}'.format(epoch, (time.time() - epoch_start_time),
                                           val_loss, math.exp(val_loss)))
        print('-' * 89)
        if not best_val_loss or val_loss < best_val_loss:
            with open(args.save, 'wb') as f:
                torch.save(model, f)
            best_val_loss = val_loss
        else:
            lr /= 4.0
except KeyboardInterrupt:
    print('-' * 89)
    print('Exiting from training early')
