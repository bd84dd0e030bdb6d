import argparse
from collections import namedtuple

import nncf
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

parser = argparse.ArgumentParser(description='Actor-critic on a corridor')
parser.add_argument('--gamma', type=float, default=0.95, metavar='G', help='discount factor')
parser.add_argument('--lr', type=float, default=0.01)
parser.add_argument('--episodes', type=int, default=30)
parser.add_argument('--seed', type=int, default=5)
parser.add_argument('--log-interval', type=int, default=10)
parser.add_argument('--sparsity', type=float, default=0.5)
args = parser.parse_args()

SavedAction = namedtuple('SavedAction', ['log_prob', 'value'])


class Corridor:
    """Walk from the middle of nine cells to the door at the right; the left end is a pit."""

    def __init__(self, seed):
        self.rng = np.random.RandomState(seed)

    def reset(self):
        self.position = 4
        return self.observe()

    def observe(self):
        state = np.zeros(9, dtype=np.float32)
        state[self.position] = 1
        return state

    def step(self, action):
        slip = self.rng.rand() < 0.1
        self.position += 1 if (action == 1) != slip else -1
        done = self.position in (0, 8)
        reward = 1.0 if self.position == 8 else -1.0 if self.position == 0 else -0.01
        return self.observe(), reward, done


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine = nn.Linear(9, 24)
        self.action_head = nn.Linear(24, 2)
        self.value_head = nn.Linear(24, 1)

    def forward(self, x):
        x = F.relu(self.affine(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


def select_action(model, state, saved):
    probs, value = model(torch.from_numpy(state))
    m = Categorical(probs)
    action = m.sample()
    saved.append(SavedAction(m.log_prob(action), value))
    return action.item()


def finish_episode(optimizer, saved, rewards):
    R = 0
    returns = []
    for r in rewards[::-1]:
        R = r + args.gamma * R
        returns.insert(0, R)
    policy_losses = []
    value_losses = []
    for (log_prob, value), R in zip(saved, returns):
        policy_losses.append(-log_prob * (R - value.item()))
        value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
    optimizer.zero_grad()
    loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    torch.manual_seed(args.seed)
    env = Corridor(args.seed)
    model = Policy()
    nncf.prune(
        model, mode=nncf.PruneMode.UNSTRUCTURED_MAGNITUDE_LOCAL, ratio=args.sparsity, examples_inputs=torch.zeros(9)
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    running_reward = 0
    for i_episode in range(1, args.episodes + 1):
        state = env.reset()
        saved, rewards = [], []
        for t in range(1, 60):
            state, reward, done = env.step(select_action(model, state, saved))
            rewards.append(reward)
            if done:
                break
        ep_reward = sum(rewards)
        running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
        loss = finish_episode(optimizer, saved, rewards)
        print('Episode {}\tReward: {:.2f}\tLength: {}\tLoss: {:.4f}'.format(i_episode, ep_reward, t, loss))
        if i_episode % args.log_interval == 0:
            print('Average reward: {:.2f}'.format(running_reward))


if __name__ == '__main__':
    main()
