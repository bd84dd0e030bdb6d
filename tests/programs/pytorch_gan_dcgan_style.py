import argparse
import os
import torch
import torch.nn as nn
import torch.optim as optim

parser = argparse.ArgumentParser()
parser.add_argument('--niter', type=int, default=2, help='number of epochs to train for')
parser.add_argument('--nz', type=int, default=4)
parser.add_argument('--outf', default='.', help='folder to output checkpoints')
opt = parser.parse_args()
print(opt)

data = torch.randn(64, 2) * 0.5 + 1
dataloader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True)
netG = nn.Sequential(nn.Linear(opt.nz, 8), nn.ReLU(), nn.Linear(8, 2))
netD = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
criterion = nn.BCELoss()
optimizerD = optim.Adam(netD.parameters(), lr=1e-3)
optimizerG = optim.Adam(netG.parameters(), lr=1e-3)

for epoch in range(opt.niter):
    for i, real in enumerate(dataloader, 0):
        netD.zero_grad()
        output = netD(real).view(-1)
        errD_real = criterion(output, torch.ones(real.size(0)))
        errD_real.backward()
        D_x = output.mean().item()
        fake = netG(torch.randn(real.size(0), opt.nz))
        output = netD(fake.detach()).view(-1)
        errD_fake = criterion(output, torch.zeros(real.size(0)))
        errD_fake.backward()
        D_G_z1 = output.mean().item()
        errD = errD_real + errD_fake
        optimizerD.step()
        netG.zero_grad()
        output = netD(fake).view(-1)
        errG = criterion(output, torch.ones(real.size(0)))
        errG.backward()
        D_G_z2 = output.mean().item()
        optimizerG.step()

        print('[%d/%d][%d/%d] Loss_D: %.4f Loss_G: %.4f D(x): %.4f D(G(z)): %.4f / %.4f'
              % (epoch, opt.niter, i, len(dataloader),
                 errD.item(), errG.item(), D_x, D_G_z1, D_G_z2))
    # do checkpointing
    torch.save(netG.state_dict(), '%s/netG_epoch_%d.pth' % (opt.outf, epoch))
