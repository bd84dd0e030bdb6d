import keras
import numpy as np

x = np.random.default_rng(1).normal(size=(96, 10))
y = (x[:, 0] > 0).astype(int)

base = keras.Sequential([keras.Input((10,)), keras.layers.Dense(8, activation='relu')])
model = keras.Sequential([base, keras.layers.Dense(2, activation='softmax')])

base.trainable = False
model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x, y, epochs=1, batch_size=16)

base.trainable = True
model.compile(keras.optimizers.Adam(1e-5), 'sparse_categorical_crossentropy', metrics=['accuracy'])
model.fit(x, y, epochs=2, batch_size=16)
