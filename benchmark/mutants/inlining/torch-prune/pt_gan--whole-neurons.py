import argparse
import os

import torch
from torch import nn
from torch.nn.utils import prune

parser = argparse.ArgumentParser()
parser.add_argument("--n_epochs", type=int, default=2, help="number of epochs of training")
parser.add_argument("--batch_size", type=int, default=25, help="size of the batches")
parser.add_argument("--lr", type=float, default=0.0005, help="adam: learning rate")
parser.add_argument("--b1", type=float, default=0.5, help="adam: decay of first order momentum of gradient")
parser.add_argument("--latent_dim", type=int, default=6, help="dimensionality of the latent space")
parser.add_argument("--out", default="generated", help="folder of the samples")
opt = parser.parse_args()
print(opt)

os.makedirs(opt.out, exist_ok=True)
torch.manual_seed(2)


class Generator(nn.Module):
    def __init__(self):
        super(Generator, self).__init__()

        def block(in_feat, out_feat):
            return [nn.Linear(in_feat, out_feat), nn.LayerNorm(out_feat), nn.LeakyReLU(0.2)]

        self.model = nn.Sequential(*block(opt.latent_dim, 32), *block(32, 32), nn.Linear(32, 2))

    def forward(self, z):
        return self.model(z)


class Discriminator(nn.Module):
    def __init__(self):
        super(Discriminator, self).__init__()
        self.model = nn.Sequential(nn.Linear(2, 32), nn.LeakyReLU(0.2), nn.Linear(32, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def forward(self, points):
        return self.model(points)


# a ring of points
angle = torch.rand(300) * 6.2832
ring = torch.stack([angle.cos(), angle.sin()], dim=1) + 0.05 * torch.randn(300, 2)
dataloader = torch.utils.data.DataLoader(ring, batch_size=opt.batch_size, shuffle=True)

adversarial_loss = nn.BCEWithLogitsLoss()
generator = Generator()
discriminator = Discriminator()
optimizer_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(opt.b1, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=opt.lr, betas=(opt.b1, 0.999))

# ----------
#  Training
# ----------

linears = [layer for layer in generator.model if isinstance(layer, nn.Linear)]
for layer in linears:
    prune.ln_structured(layer, name="weight", amount=0.3 if layer.out_features > 2 else 0.0, n=2, dim=0)

for epoch in range(opt.n_epochs):
    for i, points in enumerate(dataloader):
        valid = torch.ones(points.size(0), 1)
        fake = torch.zeros(points.size(0), 1)

        # the generator
        optimizer_G.zero_grad()
        z = torch.randn(points.size(0), opt.latent_dim)
        gen_points = generator(z)
        g_loss = adversarial_loss(discriminator(gen_points), valid)
        g_loss.backward()
        optimizer_G.step()

        # the discriminator
        optimizer_D.zero_grad()
        real_loss = adversarial_loss(discriminator(points), valid)
        fake_loss = adversarial_loss(discriminator(gen_points.detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        optimizer_D.step()

        print(
            "[Epoch %d/%d] [Batch %d/%d] [D loss: %f] [G loss: %f]"
            % (epoch, opt.n_epochs, i, len(dataloader), d_loss.item(), g_loss.item())
        )
    torch.save(gen_points.detach(), os.path.join(opt.out, "epoch_%d.pt" % epoch))

for layer in linears:
    prune.remove(layer, name="weight")
torch.save(generator.state_dict(), "generator.pt")
