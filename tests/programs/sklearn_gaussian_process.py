import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

rng = np.random.RandomState(4)
X = np.linspace(0, 10, 60).reshape(-1, 1)
y = np.sin(X).ravel() + rng.normal(scale=0.1, size=60)
kernel = 1.0 * RBF(length_scale=2.0) + WhiteKernel(0.1)
gp = GaussianProcessRegressor(kernel=kernel, normalize_y=False)
gp.fit(X[:50], y[:50])
mean, std = gp.predict(X[50:], return_std=True)
rmse = np.sqrt(np.mean((mean - y[50:]) ** 2))
print("RMSE:", rmse)
print("log marginal likelihood: %.3f" % gp.log_marginal_likelihood_value_)
