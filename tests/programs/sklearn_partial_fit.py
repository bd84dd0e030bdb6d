"""Out-of-core learning: one pass over mini batches, several epochs."""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import SGDClassifier

n_epochs = 3
batch_size = 64

X, y = make_classification(n_samples=600, n_features=20, random_state=3)
X_train, y_train, X_test, y_test = X[:480], y[:480], X[480:], y[480:]
clf = SGDClassifier(alpha=1e-3, random_state=0)

for epoch in range(n_epochs):
    for start in range(0, len(X_train), batch_size):
        batch = slice(start, start + batch_size)
        clf.partial_fit(X_train[batch], y_train[batch], classes=np.unique(y))
    train_accuracy = clf.score(X_train, y_train)
    test_accuracy = clf.score(X_test, y_test)
    print(f"epoch {epoch}: train accuracy {train_accuracy:.3f}, test accuracy {test_accuracy:.3f}")
