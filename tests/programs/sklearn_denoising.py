"""Denoising digits by projecting them on principal components."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, KernelPCA
from sklearn.preprocessing import MinMaxScaler

X, _ = load_digits(return_X_y=True)
X = MinMaxScaler().fit_transform(X)[:400]
noisy = X + np.random.RandomState(0).normal(scale=0.25, size=X.shape)

pca = PCA(n_components=16, random_state=42)
kernel_pca = KernelPCA(n_components=60, kernel="rbf", gamma=1e-2, fit_inverse_transform=True, alpha=5e-3)
pca.fit(noisy[:300])
_ = kernel_pca.fit(noisy[:300])

restored_kernel = kernel_pca.inverse_transform(kernel_pca.transform(noisy[300:]))
restored = pca.inverse_transform(pca.transform(noisy[300:]))
print(f"PCA reconstruction MSE: {np.mean((X[300:] - restored) ** 2):.4f}")
print(f"Kernel PCA reconstruction MSE: {np.mean((X[300:] - restored_kernel) ** 2):.4f}")
