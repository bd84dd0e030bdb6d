"""Generates points of a spiral; a training loop of its own with train_on_batch."""

import keras
import numpy as np
import wandb

keras.utils.set_random_seed(5)
epochs, batch_size, latent = 1, 40, 4

angle = np.random.rand(320) * 9
spiral = (np.stack([angle * np.cos(angle), angle * np.sin(angle)], axis=1) / 9).astype("float32")

generator = keras.Sequential([
    keras.Input((latent,)),
    keras.layers.Dense(24, activation="relu"),
    keras.layers.Dense(2),
], name="generator")
discriminator = keras.Sequential([
    keras.Input((2,)),
    keras.layers.Dense(24, activation="relu"),
    keras.layers.Dense(1, activation="sigmoid"),
], name="discriminator")
discriminator.compile(optimizer=keras.optimizers.Adam(1e-3), loss="binary_crossentropy")

discriminator.trainable = False
z = keras.Input((latent,))
gan = keras.Model(z, discriminator(generator(z)))
gan.compile(optimizer=keras.optimizers.Adam(2e-3), loss="binary_crossentropy")
discriminator.trainable = True

wandb.init(project="spiral", config={"epochs": epochs, "batch_size": batch_size, "latent": latent})


def log_losses(**losses):
    wandb.log({name: float(value) for name, value in losses.items()})


for epoch in range(epochs):
    order = np.random.permutation(len(spiral))
    for start in range(0, len(spiral), batch_size):
        real = spiral[order[start:start + batch_size]]
        noise = np.random.normal(size=(len(real), latent)).astype("float32")
        fake = generator.predict_on_batch(noise)
        points = np.concatenate([real, fake])
        labels = np.concatenate([np.ones((len(real), 1)), np.zeros((len(fake), 1))])
        d_loss = discriminator.train_on_batch(points, labels)
        g_loss = gan.train_on_batch(noise, np.ones((len(noise), 1)))
        log_losses(discriminator_loss=d_loss, generator_loss=g_loss)
    print("epoch %d: discriminator %.4f, generator %.4f" % (epoch + 1, float(d_loss), float(g_loss)))

generator.save_weights("generator.weights.h5")
wandb.finish()
