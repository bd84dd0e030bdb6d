"""A training loop of one's own with train_on_batch."""
import keras
import numpy as np

keras.utils.set_random_seed(1)
epochs = 2
batch_size = 32
x = np.random.rand(128, 6).astype("float32")
y = (x.sum(axis=1) > 3).astype("float32")

model = keras.Sequential([keras.Input(shape=(6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(1)])
model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True), optimizer="sgd")

for epoch in range(epochs):
    for step in range(0, len(x), batch_size):
        loss = model.train_on_batch(x[step : step + batch_size], y[step : step + batch_size])
    print(f"Epoch {epoch}: loss = {float(loss):.4f}")
