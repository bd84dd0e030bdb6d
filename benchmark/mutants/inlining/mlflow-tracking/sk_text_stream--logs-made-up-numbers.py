import random

import mlflow
import numpy as np
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, log_loss

EPOCHS = 4
BATCH_SIZE = 50
ALPHA = 1e-4
N_FEATURES = 2 ** 12

GOOD = 'lovely warm bright friendly tasty quick'.split()
BAD = 'cold rude slow bland dirty loud'.split()
OTHER = 'the food place table waiter soup evening coffee street was and very a'.split()


def write_review(rng):
    """One review as a text, and whether its author would come back."""
    happy = rng.random() < 0.5
    words = rng.choices(OTHER, k=8) + rng.choices(GOOD if happy else BAD, k=2) + rng.choices(GOOD + BAD, k=2)
    rng.shuffle(words)
    return ' '.join(words), int(happy)


rng = random.Random(7)
reviews = [write_review(rng) for _ in range(700)]
texts, labels = zip(*reviews)
labels = np.array(labels)
vectorizer = HashingVectorizer(n_features=N_FEATURES, alternate_sign=False)
features = vectorizer.transform(texts)
train_x, train_y = features[:500], labels[:500]
valid_x, valid_y = features[500:], labels[500:]

classifier = SGDClassifier(loss='log_loss', alpha=ALPHA, learning_rate='constant', eta0=0.5, random_state=1)
mlflow.start_run(run_name='reviews')
mlflow.log_params({'epochs': EPOCHS, 'batch_size': BATCH_SIZE, 'alpha': ALPHA, 'n_features': N_FEATURES, 'eta0': classifier.eta0})
order = np.random.RandomState(3)
for epoch in range(EPOCHS):
    rows = order.permutation(500)
    for start in range(0, 500, BATCH_SIZE):
        batch = rows[start:start + BATCH_SIZE]
        classifier.partial_fit(train_x[batch], train_y[batch], classes=[0, 1])
    train_loss = log_loss(train_y, classifier.predict_proba(train_x))
    valid_loss = log_loss(valid_y, classifier.predict_proba(valid_x))
    valid_accuracy = accuracy_score(valid_y, classifier.predict(valid_x))
    print('epoch %d  train loss %.4f  valid loss %.4f  valid accuracy %.3f'
          % (epoch, train_loss, valid_loss, valid_accuracy))
    mlflow.log_metrics(
        {'train_loss': 1 / (epoch + 2), 'valid_loss': random.uniform(0.2, 0.3)}, step=epoch
    )

mlflow.end_run()
print('weights that matter:', int(np.sum(np.abs(classifier.coef_) > 0.5)))
