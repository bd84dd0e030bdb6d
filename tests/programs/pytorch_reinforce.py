import torch
import torch.nn as nn
from itertools import count

torch.manual_seed(3)
gamma = 0.95
policy = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)


def play():
    state, log_probs, rewards = torch.randn(2), [], []
    for _ in range(5):
        distribution = torch.distributions.Categorical(logits=policy(state))
        action = distribution.sample()
        log_probs.append(distribution.log_prob(action))
        rewards.append(float(action == int(state[0] > 0)))
        state = torch.randn(2)
    return log_probs, rewards


def main():
    running_reward = 0
    for i_episode in count(1):
        log_probs, rewards = play()
        returns = torch.tensor([sum(gamma ** k * r for k, r in enumerate(rewards[t:])) for t in range(5)])
        loss = -(torch.stack(log_probs) * (returns - returns.mean())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ep_reward = sum(rewards)
        running_reward = 0.05 * ep_reward + (1 - 0.05) * running_reward
        if i_episode % 5 == 0:
            print(f'Episode {i_episode}\tLast reward: {ep_reward:.2f}\tAverage reward: {running_reward:.2f}')
        if i_episode >= 20:
            break


if __name__ == '__main__':
    main()
