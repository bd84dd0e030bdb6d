"""Decision trees of two depths on a noisy sine curve."""

# %%
# Make some data
import numpy as np

rng = np.random.RandomState(1)
X = np.sort(5 * rng.rand(80, 1), axis=0)
y = np.sin(X).ravel()
y[::5] += 3 * (0.5 - rng.rand(16))

# %%
# Fit both models
from sklearn.tree import DecisionTreeRegressor

shallow = DecisionTreeRegressor(max_depth=2)
deep = DecisionTreeRegressor(max_depth=5)
shallow.fit(X, y)
deep.fit(X, y)

X_test = np.arange(0.0, 5.0, 0.01)[:, np.newaxis]
y_shallow = shallow.predict(X_test)
y_deep = deep.predict(X_test)
print("largest difference:", np.abs(y_shallow - y_deep).max())
