"""Handwritten digits with a small convnet, as in the first example of every tutorial."""

import keras
import mlflow
import numpy as np
from keras import layers
from mlflow.models import infer_signature
from sklearn.datasets import load_digits

num_classes = 10
input_shape = (8, 8, 1)
batch_size = 64
epochs = 3

keras.utils.set_random_seed(812)

# The data, scaled to [0, 1] and split
images, digits = load_digits(return_X_y=True)
images = (images / 16.0).astype("float32").reshape(-1, *input_shape)
x_train, y_train = images[:1000], digits[:1000]
x_test, y_test = images[1000:1300], digits[1000:1300]
print("x_train shape:", x_train.shape)
y_train = keras.utils.to_categorical(y_train, num_classes)
y_test = keras.utils.to_categorical(y_test, num_classes)

# The model
model = keras.Sequential(
    [
        keras.Input(shape=input_shape),
        layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
        layers.Conv2D(24, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(num_classes, activation="softmax"),
    ]
)
model.compile(loss="categorical_crossentropy", optimizer=keras.optimizers.Adam(learning_rate=1e-2), metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, validation_split=0.1)

score = model.evaluate(x_test, y_test, verbose=0)
print("Test loss:", score[0])
print("Test accuracy:", score[1])
model.save("digits.keras")

predictions = model.predict(x_test[:8], verbose=0)
with mlflow.start_run():
    mlflow.keras.log_model(
        model,
        name="model",
        signature=infer_signature(x_test[:8], predictions),
        registered_model_name="digits-convnet",
    )
